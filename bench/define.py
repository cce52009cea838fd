"""CPU seconds that defining a net takes: for inference, and for training with its loss and all gradients.

python bench/define.py [NET ...]
"""

import sys
import time

import npslim as slim
from npslim import nets

ROUNDS = 3


def seconds(name, training):
    """(the fastest of a few definitions, the number of nodes)."""
    best, nodes = float("inf"), 0
    for _ in range(ROUNDS):
        with slim.Graph().as_default() as graph:
            net = nets.get(name, 1000, is_training=training)
            size, channels = net.default_image_size, 1 if name == "lenet" else 3
            images = slim.placeholder(slim.float32, [None, size, size, channels])
            began = time.process_time()
            logits, _ = net(images)
            if training:
                logits = slim.reshape(logits, [-1, 1000])
                slim.losses.sparse_softmax_cross_entropy(logits, slim.placeholder(slim.int64, [None]))
                slim.gradients(slim.losses.get_total_loss(), slim.trainable_variables())
            best, nodes = min(best, time.process_time() - began), len(graph.get_operations())
    return best, nodes


def main():
    print("| net | inference s | nodes | with gradients s | nodes |\n| --- | --- | --- | --- | --- |")
    for name in sys.argv[1:] or nets.names():
        cells = [f"{part:.3f}" if i == 0 else str(part) for kind in (False, True)
                 for i, part in enumerate(seconds(name, kind))]  # fmt: skip
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
