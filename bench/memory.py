"""Peak memory of the nets: of inference, and of a training step (loss, gradients, momentum), beyond the weights.

Each net runs in a fresh process, on one image of its own size. What is reported is the growth of the process from just
before the first run to its highest point, so weights and slots that exist by then do not count. Needs Linux.

python bench/memory.py [NET ...]                 # all nets take about an hour on two cores
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

import npslim as slim
from npslim import nets

RESULTS = Path(__file__).parent / "results"
USUAL = ["lenet", "mobilenet_v1", "mobilenet_v2", "inception_v1", "inception_v3", "resnet_v1_50", "vgg_16"]


def status(key):
    """A figure of /proc/self/status in MiB."""
    return int(re.search(rf"{key}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024


def grown(run):
    """How far the process grows, in MiB, while `run()` runs."""
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest point so far
    before = status("VmRSS")
    run()
    return status("VmHWM") - before


def measure(name, training):
    """{figure: MiB} of one net in this process."""
    net = nets.get(name, 1000, is_training=training)
    channels = 1 if name == "lenet" else 3
    images = slim.placeholder(slim.float32, [1, net.default_image_size, net.default_image_size, channels])
    logits, _ = net(images)
    fetches = logits
    if training:
        logits = slim.reshape(logits, [1, 1000])  # those of resnets have two dimensions more
        slim.losses.sparse_softmax_cross_entropy(logits, slim.constant([1]))
        loss = slim.losses.get_total_loss()
        fetches = slim.learning.create_train_op(loss, slim.MomentumOptimizer(1e-4, 0.9))
    value = np.zeros(images.shape.as_list(), np.float32)
    weights = sum(int(np.prod(v.shape.as_list())) * 4 for v in slim.global_variables()) / 2**20
    with slim.Session() as session:
        session.run(slim.global_variables_initializer())
        first = grown(lambda: session.run(fetches, {images: value}))
        return {"weights": weights, "first": first, "second": grown(lambda: session.run(fetches, {images: value}))}


def table(results):
    """The results as a markdown table."""
    lines = ["| net | weights | inference | weights and slots | training step |", "| --- | --- | --- | --- | --- |"]
    for name, row in results.items():
        cells = [f"{row[kind][part]:.0f}" for kind in ("inference", "training") for part in ("weights", "first")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", "MiB; one image; growth of the process in the first run. Kernels fast.", ""])


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--measure":
        print(json.dumps(measure(sys.argv[2], sys.argv[3] == "training")))
        return
    results = {}
    for name in sys.argv[1:] or USUAL:
        for kind in ("inference", "training"):
            command = [sys.executable, __file__, "--measure", name, kind]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
            results.setdefault(name, {})[kind] = json.loads(done.stdout.splitlines()[-1])
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "memory.json").write_text(json.dumps(results, indent=1) + "\n")
        (RESULTS / "memory.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()
