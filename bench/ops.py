"""One op at a time: milliseconds, GFLOP/s, and the share of what BLAS reaches on large matrices here.

python bench/ops.py [--peer PYTHON --peer-path FOLDER] [--rounds 7] [--only conv2d]

The ops are those of the nets of `nets.py`, with shapes as they occur there; one thread, the fastest of some rounds of
CPU time, npslim and TensorFlow in turn if it is given. Ops that are no products of matrices have no GFLOP/s. Results go
to bench/results/ if all ops are measured.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from steps import THREADS, UNSET, machine

HERE = Path(__file__).resolve().parent
CONVOLUTIONS = [  # (images, rows, channels, filter rows, filter columns, filters, stride)
    (4, 56, 64, 1, 1, 256, 1), (4, 14, 1024, 1, 1, 256, 1), (4, 112, 64, 3, 3, 64, 1), (4, 56, 128, 3, 3, 128, 1),
    (4, 28, 256, 3, 3, 256, 1), (4, 14, 512, 3, 3, 512, 1), (4, 7, 512, 3, 3, 512, 1), (4, 28, 128, 3, 3, 128, 2),
    (4, 224, 3, 7, 7, 64, 2), (128, 28, 1, 5, 5, 32, 1), (128, 14, 32, 5, 5, 64, 1), (2, 17, 192, 1, 7, 192, 1),
    (2, 17, 192, 7, 1, 192, 1),
]  # fmt: skip
PASSES = {
    "conv2d": "xw", "conv2d_backprop_input": "xwg", "conv2d_backprop_filter": "xwg",
    "depthwise_conv2d_native": "xw", "depthwise_conv2d_native_backprop_input": "xwg",
}  # fmt: skip


def cases(only):
    """[(op, arrays, attributes, floating-point operations or None)], for both libraries; `only` is in the op's name."""
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.standard_normal(shape, "f")

    for op in (name for name in PASSES if only in name):
        for n, size, c, kh, kw, o, stride in CONVOLUTIONS:
            if op.startswith("depthwise"):
                if (kh, kw, c) not in ((3, 3, 64), (3, 3, 512)):
                    continue
                o, filters = c, (3, 3, c, 1)
            else:
                filters = (kh, kw, c, o)
            out = -(-size // stride)
            given = {"x": draw(n, size, size, c), "w": draw(*filters), "g": draw(n, out, out, o)}
            arrays = [given[name] for name in PASSES[op]]
            count = 2 * n * out * out * o * kh * kw * (1 if op.startswith("depthwise") else c)
            yield op, arrays, {"strides": stride, "padding": "SAME"}, count
    for m, k, n in ((128, 784, 512), (128, 3136, 1024), (4, 25088, 4096)):
        if only in "matmul":
            yield "matmul", [draw(m, k), draw(k, n)], {}, 2 * m * k * n
    for size, c in ((112, 64), (56, 256)):
        x = draw(4, size, size, c)
        window = {"strides": 2, "padding": "VALID"}
        for op, arrays, attrs in (
            ("max_pool2d", [x], {"ksize": 2, **window}), ("max_pool2d", [x], {"ksize": 3, **window}),
            ("fused_batch_norm", [x, draw(c), draw(c)], {}), ("relu", [x], {}),
        ):  # fmt: skip
            if only in op:
                yield op, arrays, attrs, None


def npslim_runner():
    """(op, arrays, attributes) -> a function that computes it once with the fast kernels."""
    slim = importlib.import_module("npslim")

    def build(op, arrays, attrs):
        slim.reset_default_graph()
        inputs = [slim.placeholder("float32", a.shape) for a in arrays]
        y = slim.REGISTRY[op](*inputs, **attrs)
        session, feeds = slim.Session(threads=1), dict(zip(inputs, arrays, strict=True))
        node = (y if not isinstance(y, tuple | list) else y[0]).op  # fetching the node copies nothing
        return lambda: session.run(node, feeds)

    return build


def tensorflow_runner():
    """The same for TensorFlow; inputs are variables, for a feed would be copied."""
    importlib.import_module("tfshim")
    tf = importlib.import_module("tensorflow.compat.v1")
    tf.disable_v2_behavior()

    def apply(op, x, attrs):
        window = {"strides": [1, attrs.get("strides", 1), attrs.get("strides", 1), 1], "padding": attrs.get("padding")}
        size = [1, attrs.get("ksize", 1), attrs.get("ksize", 1), 1]
        return {
            "conv2d": lambda: tf.nn.conv2d(x[0], x[1], **window),
            "conv2d_backprop_input": lambda: tf.nn.conv2d_backprop_input(x[0].shape, x[1], x[2], **window),
            "conv2d_backprop_filter": lambda: tf.nn.conv2d_backprop_filter(x[0], x[1].shape, x[2], **window),
            "depthwise_conv2d_native": lambda: tf.nn.depthwise_conv2d_native(x[0], x[1], **window),
            "depthwise_conv2d_native_backprop_input": lambda: tf.nn.depthwise_conv2d_native_backprop_input(
                x[0].shape, x[1], x[2], **window
            ),
            "matmul": lambda: tf.matmul(*x),
            "max_pool2d": lambda: tf.nn.max_pool2d(x[0], size, **window),
            "fused_batch_norm": lambda: tf.nn.fused_batch_norm(*x)[0],
            "relu": lambda: tf.nn.relu(x[0]),
        }[op]()

    def build(op, arrays, attrs):
        tf.reset_default_graph()
        variables = [tf.get_variable(f"v{i}", initializer=a, use_resource=True) for i, a in enumerate(arrays)]
        node = apply(op, variables, attrs).op
        config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        session = tf.Session(config=config)
        session.run(tf.global_variables_initializer())
        return lambda: session.run(node)

    return build


def fastest(work, rounds):
    work()
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        work()
        spent.append(time.process_time() - begin)
    return min(spent)


def serve(side, only):
    """Build one case after the other; measure it for each line that comes in."""
    build = {"npslim": npslim_runner, "tensorflow": tensorflow_runner}[side]()
    for op, arrays, attrs, _ in cases(only):
        rounds = int(sys.stdin.readline())
        print(json.dumps({"s": fastest(build(op, arrays, attrs), rounds)}), flush=True)


class Side:
    """A process that serves one library."""

    def __init__(self, side, python, path, only):
        environment = {key: value for key, value in os.environ.items() if key not in UNSET}
        environment |= dict.fromkeys(THREADS, "1") | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": path}
        command = [python, str(HERE / "ops.py"), "--serve", side, "--only", only]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, text=True, env=environment)

    def ask(self, rounds):
        self.process.stdin.write(f"{rounds}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        while line and not line.startswith("{"):
            line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended with {self.process.wait()}")
        return json.loads(line)["s"]


def sgemm_limit(rounds):
    """GFLOP/s of a large product, one thread."""
    code = (
        "import numpy as np, time; a = np.ones((1024, 1024), 'f'); b = a.copy(); spent = []\n"
        f"for _ in range({3 * rounds}):\n    t = time.process_time(); a @ b; spent.append(time.process_time() - t)\n"
        "print(2 * 1024**3 / min(spent) / 1e9)"
    )
    environment = {key: value for key, value in os.environ.items() if key not in UNSET} | dict.fromkeys(THREADS, "1")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout)


def shapes_of(op, arrays, attrs):
    """A case in words: "4x56x56x64 by 3x3x64x64, stride 2"."""
    shapes = ["x".join(map(str, a.shape)) for a in arrays]
    if op in PASSES or op == "matmul":
        return " by ".join(shapes[:2]) + (f", stride {attrs['strides']}" if attrs.get("strides", 1) > 1 else "")
    return shapes[0] + (f", {attrs['ksize']}x{attrs['ksize']}, stride {attrs['strides']}" if attrs else "")


def table(results):
    limit = results["sgemm_gflops"]
    lines = ["| op | input and filter | npslim ms | TensorFlow ms | of TensorFlow's | GFLOP/s | of sgemm's |"]
    lines.append("| --- " * 7 + "|")
    for row in results["ops"]:
        ours, theirs = row["npslim_s"], row.get("tensorflow_s")
        cells = [row["op"], row["shapes"], f"{1e3 * ours:.2f}"]
        cells += [f"{1e3 * theirs:.2f}", f"{ours / theirs:.2f}"] if theirs else ["-", "-"]
        rate = row["flops"] and row["flops"] / ours / 1e9
        cells += [f"{rate:.1f}", f"{rate / limit:.0%}"] if rate else ["-", "-"]
        lines.append("| " + " | ".join(cells) + " |")
    about = results["machine"]
    lines += [
        "",
        f"The fastest of {results['rounds']} rounds of CPU time, one thread. sgemm reaches {limit:.0f} GFLOP/s",
    ]
    lines.append(
        "for large matrices; what is counted is the definition's, of which Winograd's algorithm computes less."
    )
    lines.append(f"{about['cores']} cores {about['machine']}, BLAS {', '.join(about['blas'])}.\n")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="a Python with TensorFlow")
    parser.add_argument("--peer-path", default="", help="its PYTHONPATH")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="ops whose name has this in it; nothing is stored")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.only)
    sides = {"npslim": Side("npslim", sys.executable, os.environ.get("PYTHONPATH", str(HERE.parent)), options.only)}
    if options.peer:
        sides["tensorflow"] = Side("tensorflow", options.peer, options.peer_path, options.only)
    limit = sgemm_limit(options.rounds)
    rows = []
    for op, arrays, attrs, flops in cases(options.only):
        row = {"op": op, "shapes": shapes_of(op, arrays, attrs), "flops": flops}
        rows.append(row | {f"{name}_s": side.ask(options.rounds) for name, side in sides.items()})
    found = {"machine": machine(), "rounds": options.rounds, "sgemm_gflops": limit, "ops": rows}
    if not options.only:
        (HERE / "results").mkdir(exist_ok=True)
        name = "ops-" + found["machine"]["blas"][0].rpartition(" ")[2]
        (HERE / "results" / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
        (HERE / "results" / f"{name}.md").write_text(table(found))
    print(table(found))


if __name__ == "__main__":
    main()
