"""CPU seconds of one training step of each net, npslim's and TensorFlow's, and their ratio.

python bench/steps.py --peer PYTHON --peer-path FOLDER [--nets mlp lenet] [--kernels fast] [--rounds 15]

Each library runs in a process of its own, at one thread; the two take their steps in turn. What is told: medians of
process CPU seconds a step, of import, of building the graph with its first step, and the peak of resident memory.
Results go to bench/results/ as JSON and as a table. `--peer` is a Python that has TensorFlow and tf_slim, `--peer-path`
what its PYTHONPATH shall be.
"""

import argparse
import importlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

from nets import NETS

HERE = Path(__file__).resolve().parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

# ---- one library, in a process of its own


def npslim_library(kernels):
    """npslim with the few functions beyond slim's that the nets need."""
    npslim = importlib.import_module("npslim")
    optimizers = importlib.import_module("npslim.optimizers")

    return SimpleNamespace(
        slim=npslim, concat=npslim.concat, relu=npslim.relu, placeholder=npslim.placeholder,
        seed=npslim.set_random_seed, initializer=npslim.global_variables_initializer,
        optimizer=optimizers.MomentumOptimizer, session=lambda: npslim.Session(kernels=kernels, threads=1),
        version="NumPy " + importlib.import_module("numpy").__version__,
    )  # fmt: skip


def tensorflow_library():
    """TensorFlow with tf_slim, at one thread."""
    importlib.import_module("tfshim")
    tf = importlib.import_module("tensorflow.compat.v1")
    tf.disable_v2_behavior()
    config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    return SimpleNamespace(
        slim=importlib.import_module("tf_slim"), concat=tf.concat, relu=tf.nn.relu, placeholder=tf.placeholder,
        seed=tf.set_random_seed, initializer=tf.global_variables_initializer, optimizer=tf.train.MomentumOptimizer,
        session=lambda: tf.Session(config=config), version=tf.__version__,
    )  # fmt: skip


def train_step(lib, net):
    """A function that makes one training step on random images, and returns the loss."""
    np = importlib.import_module("numpy")

    lib.seed(1)
    rng = np.random.default_rng(1)
    images = lib.placeholder("float32", [net.batch, *net.size])
    labels = lib.placeholder("float32", [net.batch, net.classes])
    loss = lib.slim.losses.softmax_cross_entropy(net.logits(lib, images), labels)
    train_op = lib.slim.learning.create_train_op(loss, lib.optimizer(0.001, 0.9))
    session = lib.session()
    session.run(lib.initializer())
    feeds = {
        images: rng.normal(size=(net.batch, *net.size)).astype("float32"),
        labels: np.eye(net.classes, dtype="float32")[rng.integers(net.classes, size=net.batch)],
    }
    return lambda: float(session.run(train_op, feeds))


def serve(side, name, kernels):
    """Build, make a first step, then a step for each line that comes in; each answer is a line of JSON."""

    def tell(**answer):
        print(json.dumps(answer), flush=True)

    begin = time.process_time()
    lib = tensorflow_library() if side == "tensorflow" else npslim_library(kernels)
    imported = time.process_time()
    step = train_step(lib, NETS[name])
    loss = step()
    first = time.process_time() - imported
    tell(import_s=imported - begin, first_s=first, loss=loss, version=lib.version)
    for _ in sys.stdin:
        begin = time.process_time()
        loss = step()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        tell(step_s=time.process_time() - begin, loss=loss, peak_mb=peak)


# ---- both, in turn


class Library:
    """A process that serves one library; `ask()` makes one step and gives its answer."""

    def __init__(self, side, python, path, name, kernels):
        environment = {key: value for key, value in os.environ.items() if key not in UNSET}
        environment |= dict.fromkeys(THREADS, "1") | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": path}
        command = [python, str(HERE / "steps.py"), "--serve", side, "--nets", name, "--kernels", kernels]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.started = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self):
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(name, options):
    """{side: figures} of one net; the first two steps are not counted."""
    sides = {"npslim": (sys.executable, os.environ.get("PYTHONPATH", str(HERE.parent)))}
    if options.peer:
        sides["tensorflow"] = (options.peer, options.peer_path)
    libraries = {side: Library(side, python, path, name, options.kernels) for side, (python, path) in sides.items()}
    answers = {side: [] for side in libraries}
    for _ in range(options.rounds + 2):
        for side, library in libraries.items():
            answers[side].append(library.ask())
    figures = {side: summary(library.started, answers[side]) for side, library in libraries.items()}
    for library in libraries.values():
        library.close()
    return figures


def summary(started, answers):
    steps = sorted(answer["step_s"] for answer in answers[2:])
    return {
        "step_ms": 1e3 * statistics.median(steps), "fastest_ms": 1e3 * steps[0], "peak_mb": answers[-1]["peak_mb"],
        "import_s": started["import_s"], "first_s": started["first_s"], "version": started["version"],
        "losses": [started["loss"], answers[-1]["loss"]],
    }  # fmt: skip


def machine():
    """What the figures depend on."""
    code = "import numpy, threadpoolctl, scipy.linalg, json; print(json.dumps(threadpoolctl.threadpool_info()))"
    environment = {key: value for key, value in os.environ.items() if key not in UNSET}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    blas = sorted({f"{x['internal_api']} {x['version']} {x.get('architecture')}" for x in json.loads(found.stdout)})
    return {
        "machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version(), "blas": blas
    }  # fmt: skip


def table(results):
    """The results as a markdown table."""
    lines = ["| net | npslim ms | TF ms | ratio | peak MB | TF peak MB | first step s | TF first step s |"]
    lines.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, sides in results["nets"].items():
        ours, theirs = sides["npslim"], sides.get("tensorflow")
        cells = [name, f"{ours['step_ms']:.1f}", "-", "-", f"{ours['peak_mb']:.0f}", "-", f"{ours['first_s']:.2f}", "-"]
        if theirs:
            cells[2:4] = f"{theirs['step_ms']:.1f}", f"{ours['step_ms'] / theirs['step_ms']:.2f}"
            cells[5], cells[7] = f"{theirs['peak_mb']:.0f}", f"{theirs['first_s']:.2f}"
        lines.append("| " + " | ".join(cells) + " |")
    about = results["machine"]
    lines += ["", f"Kernels {results['kernels']}, {results['rounds']} rounds, one thread, medians of CPU time."]
    lines += [
        f"{about['cores']} cores {about['machine']}, Python {about['python']}, BLAS {', '.join(about['blas'])}.",
        "",
    ]
    return "\n".join(lines)


def write(results, folder):
    folder.mkdir(exist_ok=True)
    name = f"steps-{results['kernels']}"
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / f"{name}.md").write_text(table(results))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="a Python with TensorFlow and tf_slim")
    parser.add_argument("--peer-path", default="", help="its PYTHONPATH")
    parser.add_argument("--nets", nargs="+", default=["mlp", "lenet", "cifar"])
    parser.add_argument("--kernels", default="plain")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.nets[0], options.kernels)
    results = {"machine": machine(), "kernels": options.kernels, "rounds": options.rounds, "nets": {}}
    for name in options.nets:
        results["nets"][name] = measure(name, options)
        write(results, HERE / "results")
    print(table(results))


if __name__ == "__main__":
    main()
