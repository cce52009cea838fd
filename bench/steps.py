"""One training step of each net: npslim beside TensorFlow, PyTorch and the teaching libraries that are installed.

python bench/steps.py [--peer tensorflow=PYTHON[:PATH]] [--peer torch=PYTHON] ... [--nets mlp lenet] [--rounds 15]
                      [--kernels fast] [--threads 1]

Each library runs in a process of its own, and all take their steps in turn, those of small nets several at a time. At
one thread the figures are medians of process CPU seconds; with `--threads 2` they are medians of wall clock time,
beside npslim's own at one thread, and the table tells how busy the machine was. Further: CPU seconds of import, and of
building the graph with its first step; the peak of resident memory of the steps after the first two, and of the whole
process.
Results go to bench/results/ as JSON and as a table. A peer is a Python that has the library, with what its PYTHONPATH
shall be: tensorflow (with tf_slim), torch, dezero, mygrad, autograd; the last three run the first two nets.
"""

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from nets import NETS
from peers import LIBRARIES, TEACHING

HERE = Path(__file__).resolve().parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
GOALS = {  # net: (goal, at the least), of TensorFlow's time
    "mlp": (0.7, 0.9), "lenet": (1.0, 1.5), "cifar": (0.9, 1.2), "vgg_16": (0.5, 0.8), "resnet_v1_50": (0.9, 1.2),
    "inception_v3": (1.0, 1.3), "mobilenet": (1.2, 1.8),
}  # fmt: skip

# ---- one library, in a process of its own


def serve(side, options):
    """Build, make a first step, then a step for each line that comes in; each answer is a line of JSON."""

    def tell(**answer):
        print(json.dumps(answer), flush=True)

    name = options.nets[0]
    begin = time.process_time()
    lib = LIBRARIES[side](options.kernels, options.threads)
    imported = time.process_time()
    step = lib.step(NETS[name], name)
    loss = step()
    first = time.process_time() - imported
    tell(import_s=imported - begin, first_s=first, loss=loss, version=lib.version)
    for number, _ in enumerate(sys.stdin):
        if number == 1:
            forget_peak()
        cpu, wall = time.process_time(), time.perf_counter()
        loss = step()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        tell(cpu_s=cpu, wall_s=wall, loss=loss, peak_mb=peak() or whole, whole_mb=whole)


def forget_peak():
    """Let Linux forget the peak of this process's resident memory."""
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def peak():
    """Megabytes of that peak, or None."""
    path = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", path.read_text()) if path.exists() else None
    return int(found[1]) / 1024 if found else None


# ---- all, in turn


class Library:
    """A process that serves one library; `ask()` makes one step and gives its answer."""

    def __init__(self, side, python, path, name, kernels, threads):
        environment = {key: value for key, value in os.environ.items() if key not in UNSET}
        environment |= dict.fromkeys(THREADS, str(threads if side != "npslim" else 1))
        environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": path}
        command = [python, str(HERE / "steps.py"), "--serve", side, "--nets", name, "--kernels", kernels]
        command += ["--threads", str(threads)]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, text=True, env=environment)
        self.started = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        while line and not line.startswith("{"):  # some libraries greet
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
    own = (sys.executable, os.environ.get("PYTHONPATH", str(HERE.parent)))
    sides = {"npslim": ("npslim", *own, options.threads)}
    if options.threads > 1:
        sides["npslim, one thread"] = ("npslim", *own, 1)
    for peer in options.peer:
        side, _, where = peer.partition("=")
        if side not in TEACHING or name in ("mlp", "lenet"):
            sides[side] = (side, *where.partition(":")[::2], options.threads)
    libraries = {
        label: Library(side, python, path, name, options.kernels, threads)
        for label, (side, python, path, threads) in sides.items()
    }
    answers = {side: [library.ask(), library.ask()] for side, library in libraries.items()}
    burst = more(answers["npslim"][-1]["cpu_s"])
    for number in range(options.rounds):
        for side, library in libraries.items():
            if side not in TEACHING:
                answers[side] += [library.ask() for _ in range(burst)]
            elif number < 3:  # they are slow, and their figures are far from the others'
                answers[side].append(library.ask())
    figures = {side: summary(library.started, answers[side]) for side, library in libraries.items()}
    for library in libraries.values():
        library.close()
    return figures


def more(seconds):
    """How many steps of a net that takes so long come one after the other: short ones vary more, and cost less.

    As in training they find in the caches what the step before has left.
    """
    return max(1, min(20, int(0.2 / seconds)))


def summary(started, answers):
    cpu, wall = ([answer[key] for answer in answers[2:]] for key in ("cpu_s", "wall_s"))
    return {
        "step_ms": 1e3 * statistics.median(cpu), "fastest_ms": 1e3 * min(cpu), "wall_ms": 1e3 * statistics.median(wall),
        "peak_mb": answers[-1]["peak_mb"], "whole_mb": answers[-1]["whole_mb"], "import_s": started["import_s"],
        "first_s": started["first_s"], "version": started["version"], "losses": [started["loss"], answers[-1]["loss"]],
    }  # fmt: skip


def machine():
    """What the figures depend on."""
    code = "import numpy, threadpoolctl, scipy.linalg, json; print(json.dumps(threadpoolctl.threadpool_info()))"
    environment = {key: value for key, value in os.environ.items() if key not in UNSET}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    blas = sorted({f"{x['internal_api']} {x['version']} {x.get('architecture')}" for x in json.loads(found.stdout)})
    cpu = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text()) if os.name == "posix" else None
    return {
        "machine": f"{platform.machine()} {cpu[1] if cpu else ''}".strip(), "cores": os.cpu_count(),
        "python": platform.python_version(), "blas": blas, "load": os.getloadavg()[0],
    }  # fmt: skip


# ---- tables


def table(results):
    """The results as a markdown table."""
    threads = results["threads"]
    rows = threads_table(results) if threads > 1 else one_thread_table(results)
    about = results["machine"]
    versions = {side: figures["version"] for net in results["nets"].values() for side, figures in net.items()}
    clock = "medians of CPU time" if threads == 1 else "medians of wall clock time"
    rounds = f"{results['rounds']} rounds, the mlp's of 20 steps"
    lines = [*rows, "", f"Kernels {results['kernels']}, {rounds}, {threads} thread(s), {clock}."]
    lines += [
        f"{about['cores']} cores {about['machine']}, Python {about['python']}, BLAS {', '.join(about['blas'])}; "
        + ", ".join(f"{side} {version}" for side, version in versions.items())
        + ".",
        f"Others kept {about['load']:.1f} cores busy when it began.",
        "",
    ]
    return "\n".join(lines)


def one_thread_table(results):
    sides = [side for side in LIBRARIES if side != "npslim" and any(side in net for net in results["nets"].values())]
    head = ["net", "npslim ms", *(f"{side} ms" for side in sides)]
    head += ["of tensorflow's", "fastest steps", "goal", "at the least", "peak MB", "of tensorflow's"]
    head += ["first step s", "of tensorflow's"]
    lines = ["| " + " | ".join(head) + " |", "| --- " * len(head) + "|"]
    for name, net in results["nets"].items():
        ours, theirs = net["npslim"], net.get("tensorflow")
        cells = [name, f"{ours['step_ms']:.1f}"]
        cells += [f"{net[side]['step_ms']:.1f}" if side in net else "-" for side in sides]
        cells += [_ratio(ours, theirs, "step_ms"), _ratio(ours, theirs, "fastest_ms")]
        cells += [str(x) for x in GOALS[name]]
        cells += [f"{ours['peak_mb']:.0f}", _ratio(ours, theirs, "peak_mb")]
        cells += [f"{ours['first_s']:.2f}", _ratio(ours, theirs, "first_s")]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def threads_table(results):
    lines = ["| net | one thread, wall ms | threads, wall ms | times as fast | tensorflow, wall ms |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for name, net in results["nets"].items():
        one, more, theirs = net["npslim, one thread"], net["npslim"], net.get("tensorflow")
        cells = [name, f"{one['wall_ms']:.1f}", f"{more['wall_ms']:.1f}", _ratio(one, more, "wall_ms")]
        lines.append("| " + " | ".join([*cells, f"{theirs['wall_ms']:.1f}" if theirs else "-"]) + " |")
    return lines


def _ratio(ours, theirs, key):
    return f"{ours[key] / theirs[key]:.2f}" if theirs else "-"


def write(results, folder):
    """JSON and table, one pair for each kind of kernels, BLAS's kernel and number of threads."""
    folder.mkdir(exist_ok=True)
    blas = results["machine"]["blas"][0].rpartition(" ")[2]
    name = f"steps-{results['kernels']}-{blas}" + (f"-{results['threads']}-threads" if results["threads"] > 1 else "")
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (folder / f"{name}.md").write_text(table(results))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="append", default=[], help="LIBRARY=PYTHON[:PATH], as often as you like")
    parser.add_argument("--nets", nargs="+", default=list(NETS))
    parser.add_argument("--kernels", default="fast")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options)
    results = {"machine": machine(), "kernels": options.kernels, "rounds": options.rounds, "threads": options.threads}
    results["nets"] = {}
    for name in options.nets:
        results["nets"][name] = measure(name, options)
        write(results, HERE / "results")
    print(table(results))


if __name__ == "__main__":
    main()
