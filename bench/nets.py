"""The nets of the speed table, written once with slim's calls so that they run on npslim and on TensorFlow's tf_slim.

Each function takes the library (see `steps.py`) and the images, and gives logits.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Net:
    """How a net is measured: its function, the sizes of its images, and the number of classes."""

    logits: Any
    batch: int
    size: tuple
    classes: int


def mlp(lib, images):
    """Three fully connected layers."""
    slim = lib.slim
    net = slim.flatten(images)
    net = slim.fully_connected(net, 512, scope="fc1")
    net = slim.fully_connected(net, 256, scope="fc2")
    return slim.fully_connected(net, 10, activation_fn=None, scope="logits")


def lenet(lib, images):
    """Two convolutions of 5x5, two fully connected layers (LeCun et al., 1998)."""
    slim = lib.slim
    net = slim.conv2d(images, 32, [5, 5], scope="conv1")
    net = slim.max_pool2d(net, [2, 2], 2, scope="pool1")
    net = slim.conv2d(net, 64, [5, 5], scope="conv2")
    net = slim.max_pool2d(net, [2, 2], 2, scope="pool2")
    net = slim.fully_connected(slim.flatten(net), 1024, scope="fc3")
    return slim.fully_connected(net, 10, activation_fn=None, scope="logits")


def cifar(lib, images):
    """Six convolutions with batch norm."""
    slim, net = lib.slim, images
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm):
        for block, depth in enumerate((64, 128, 256), 1):
            net = slim.repeat(net, 2, slim.conv2d, depth, [3, 3], scope=f"conv{block}")
            net = slim.max_pool2d(net, [2, 2], scope=f"pool{block}")
    return slim.fully_connected(slim.flatten(net), 10, activation_fn=None, scope="logits")


def vgg_16(lib, images):
    """VGG's configuration D (Simonyan and Zisserman, 2014)."""
    slim, net = lib.slim, images
    for block, (times, depth) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
        net = slim.repeat(net, times, slim.conv2d, depth, [3, 3], scope=f"conv{block}")
        net = slim.max_pool2d(net, [2, 2], scope=f"pool{block}")
    net = slim.conv2d(net, 4096, [7, 7], padding="VALID", scope="fc6")
    net = slim.conv2d(net, 4096, [1, 1], scope="fc7")
    net = slim.conv2d(net, 1000, [1, 1], activation_fn=None, scope="fc8")
    return slim.flatten(net)


def resnet_v1_50(lib, images):
    """Residual net of 50 layers, bottleneck units (He et al., 2015)."""
    slim = lib.slim
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm):
        net = slim.conv2d(images, 64, [7, 7], stride=2, scope="conv1")
        net = slim.max_pool2d(net, [3, 3], 2, padding="SAME", scope="pool1")
        for block, (units, depth, stride) in enumerate(((3, 64, 2), (4, 128, 2), (6, 256, 2), (3, 512, 1)), 1):
            for unit in range(units):
                net = _bottleneck(lib, net, depth, stride if unit == units - 1 else 1, f"block{block}_unit{unit}")
    return _head(lib, net)


def _bottleneck(lib, net, depth, stride, scope):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut."""
    slim = lib.slim
    if net.shape[3] == 4 * depth:
        shortcut = net if stride == 1 else slim.max_pool2d(net, [1, 1], stride, scope=scope + "_shortcut")
    else:
        shortcut = slim.conv2d(net, 4 * depth, [1, 1], stride, activation_fn=None, scope=scope + "_shortcut")
    net = slim.conv2d(net, depth, [1, 1], scope=scope + "_conv1")
    net = slim.conv2d(net, depth, [3, 3], stride, scope=scope + "_conv2")
    net = slim.conv2d(net, 4 * depth, [1, 1], activation_fn=None, scope=scope + "_conv3")
    return lib.relu(shortcut + net)


def inception_v3(lib, images):
    """Inception v3 without its auxiliary head (Szegedy et al., 2015)."""
    slim = lib.slim
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm):
        net = slim.conv2d(images, 32, [3, 3], 2, padding="VALID", scope="stem1")
        net = slim.conv2d(net, 32, [3, 3], padding="VALID", scope="stem2")
        net = slim.conv2d(net, 64, [3, 3], scope="stem3")
        net = slim.max_pool2d(net, [3, 3], 2, scope="pool1")
        net = slim.conv2d(net, 80, [1, 1], padding="VALID", scope="stem4")
        net = slim.conv2d(net, 192, [3, 3], padding="VALID", scope="stem5")
        net = slim.max_pool2d(net, [3, 3], 2, scope="pool2")
        for name, pooled in (("b", 32), ("c", 64), ("d", 64)):
            chains = [[(64, 1, 1)], [(48, 1, 1), (64, 5, 5)], [(64, 1, 1), (96, 3, 3), (96, 3, 3)]]
            net = _mixed(lib, net, chains, pooled, f"mixed_5{name}")
        net = _reduced(lib, net, [[(384, 3, 3)], [(64, 1, 1), (96, 3, 3), (96, 3, 3)]], "mixed_6a")
        for name, width in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
            short = [(width, 1, 1), (width, 1, 7), (192, 7, 1)]
            long = [(width, 1, 1), (width, 7, 1), (width, 1, 7), (width, 7, 1), (192, 1, 7)]
            net = _mixed(lib, net, [[(192, 1, 1)], short, long], 192, f"mixed_6{name}")
        chains = [[(192, 1, 1), (320, 3, 3)], [(192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3)]]
        net = _reduced(lib, net, chains, "mixed_7a")
        for name in "bc":
            net = _wide(lib, net, f"mixed_7{name}")
    return _head(lib, net)


def _chain(lib, net, layers, scope, last_stride=1):
    """Convolutions (depth, height, width) one after the other."""
    for i, (depth, height, width) in enumerate(layers):
        last = i == len(layers) - 1 and last_stride > 1
        kwargs = dict(stride=last_stride, padding="VALID") if last else {}
        net = lib.slim.conv2d(net, depth, [height, width], scope=f"{scope}_{i}", **kwargs)
    return net


def _mixed(lib, net, chains, pooled, scope):
    """Chains of convolutions beside an average pool, side by side."""
    branches = [_chain(lib, net, chain, f"{scope}_branch{i}") for i, chain in enumerate(chains)]
    pool = lib.slim.avg_pool2d(net, [3, 3], 1, padding="SAME", scope=scope + "_pool")
    return lib.concat([*branches, lib.slim.conv2d(pool, pooled, [1, 1], scope=scope + "_pooled")], 3)


def _reduced(lib, net, chains, scope):
    """Chains that end with stride 2 beside a max pool, side by side."""
    branches = [_chain(lib, net, chain, f"{scope}_branch{i}", 2) for i, chain in enumerate(chains)]
    return lib.concat([*branches, lib.slim.max_pool2d(net, [3, 3], 2, scope=scope + "_pool")], 3)


def _wide(lib, net, scope):
    """The last blocks: 3x3 convolutions split into 1x3 beside 3x1."""
    slim, parts = lib.slim, [lib.slim.conv2d(net, 320, [1, 1], scope=scope + "_branch0")]
    for i, chain in enumerate(([(384, 1, 1)], [(448, 1, 1), (384, 3, 3)]), 1):
        trunk = _chain(lib, net, chain, f"{scope}_branch{i}")
        parts += [slim.conv2d(trunk, 384, [h, w], scope=f"{scope}_branch{i}_{h}x{w}") for h, w in ((1, 3), (3, 1))]
    pool = slim.avg_pool2d(net, [3, 3], 1, padding="SAME", scope=scope + "_pool")
    return lib.concat([*parts, slim.conv2d(pool, 192, [1, 1], scope=scope + "_pooled")], 3)


def mobilenet(lib, images):
    """A stack of depthwise and 1x1 convolutions (Howard et al., 2017)."""
    slim = lib.slim
    depths = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
    with slim.arg_scope([slim.conv2d, slim.separable_conv2d], normalizer_fn=slim.batch_norm):
        net = slim.conv2d(images, 32, [3, 3], 2, scope="conv0")
        for i, (depth, stride) in enumerate(depths, 1):
            net = slim.separable_conv2d(net, None, [3, 3], 1, stride=stride, scope=f"conv{i}_depthwise")
            net = slim.conv2d(net, depth, [1, 1], scope=f"conv{i}_pointwise")
    return _head(lib, net)


def _head(lib, net):
    """The mean over each image, then one layer."""
    net = lib.slim.avg_pool2d(net, [int(net.shape[1]), int(net.shape[2])], padding="VALID", scope="mean")
    return lib.slim.fully_connected(lib.slim.flatten(net), 1000, activation_fn=None, scope="logits")


NETS = {
    "mlp": Net(mlp, 128, (28, 28, 1), 10),
    "lenet": Net(lenet, 128, (28, 28, 1), 10),
    "cifar": Net(cifar, 64, (32, 32, 3), 10),
    "vgg_16": Net(vgg_16, 4, (224, 224, 3), 1000),
    "resnet_v1_50": Net(resnet_v1_50, 4, (224, 224, 3), 1000),
    "inception_v3": Net(inception_v3, 2, (299, 299, 3), 1000),
    "mobilenet": Net(mobilenet, 4, (224, 224, 3), 1000),
}
