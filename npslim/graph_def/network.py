"""Converters for the ops of networks: convolution, pooling, normalization, activations, losses; and random numbers.

before: arrays.py   next: gradients.py
"""

import numpy as np

from npslim.errors import UnimplementedError
from npslim.graph_def.source import direct, imports
from npslim.ops import (
    activation,
    conv,
    create,
    debug,
    elementwise,
    functions,
    normalize,
    pool,
    random,
    shape,
    softmax,
    summary,
)
from npslim.registry import REGISTRY

direct(
    Relu="relu", Relu6="relu6", Elu="elu", Selu="selu", Sigmoid="sigmoid", Softplus="softplus", Softsign="softsign",
    L2Loss="l2_loss", Softmax="softmax", LogSoftmax="log_softmax",
)  # fmt: skip


@imports("LeakyRelu")
def _(n):
    return activation.leaky_relu(n.input(0), alpha=n.real("alpha", 0.2), name=n.name)


# ---- windows


def slide_of(n, first="NHWC"):
    """The attributes of a convolution or a pooling, as npslim's ops take them."""
    pads = n.text("padding")
    if pads == "EXPLICIT":
        numbers = n.integers("explicit_paddings")
        pads = tuple(zip(numbers[::2], numbers[1::2], strict=True))
    n.ignore("explicit_paddings")
    return {
        "strides": n.integers("strides"), "padding": pads, "data_format": n.text("data_format", first),
        "dilations": n.integers("dilations", (1,) * len(first)),
    }  # fmt: skip


@imports("Conv2D")
def _(n):
    return conv.conv2d(*n.inputs, **slide_of(n), name=n.name)


@imports("Conv3D")
def _(n):
    return conv.conv3d(*n.inputs, **slide_of(n, "NDHWC"), name=n.name)


@imports("DepthwiseConv2dNative")
def _(n):
    return conv.depthwise_conv2d_native(*n.inputs, **slide_of(n), name=n.name)


@imports("Conv2DBackpropInput")
def _(n):
    return conv.conv2d_transpose(n.input(2), n.input(1), n.input(0), **slide_of(n), name=n.name)


@imports("Conv3DBackpropInputV2")
def _(n):
    return conv.conv3d_transpose(n.input(2), n.input(1), n.input(0), **slide_of(n, "NDHWC"), name=n.name)


def window_of(n, first="NHWC"):
    """The attributes of a pooling."""
    return {"ksize": n.integers("ksize"), **slide_of(n, first)}


def _pooling(type, name, first):
    made = REGISTRY[name]
    imports(type)(lambda n: made(n.input(0), **window_of(n, first), name=n.name))


_pooling("MaxPool", "max_pool2d", "NHWC")
_pooling("AvgPool", "avg_pool2d", "NHWC")
_pooling("MaxPool3D", "max_pool3d", "NDHWC")
_pooling("AvgPool3D", "avg_pool3d", "NDHWC")


@imports("MaxPoolV2")
def _(n):
    attrs = {"padding": n.text("padding"), "data_format": n.text("data_format", "NHWC")}
    return REGISTRY["max_pool2d"](n.input(0), ksize=n.numbers(1), strides=n.numbers(2), **attrs, name=n.name)


@imports("MaxPoolWithArgmax")
def _(n):
    return pool.max_pool_with_argmax(
        n.input(0), ksize=n.integers("ksize"), strides=n.integers("strides"), padding=n.text("padding"),
        output_dtype=n.dtype("Targmax", 9), include_batch_in_index=n.flag("include_batch_in_index", False), name=n.name,
    )  # fmt: skip


# ---- normalization


@imports("BiasAdd", "BiasAddV1")
def _(n):
    return normalize.bias_add(*n.inputs, data_format=n.text("data_format", "NHWC"), name=n.name)


@imports("LRN")
def _(n):
    return normalize.local_response_normalization(
        n.input(0), depth_radius=n.integer("depth_radius", 5), bias=n.real("bias", 1.0), alpha=n.real("alpha", 1.0),
        beta=n.real("beta", 0.5), name=n.name,
    )  # fmt: skip


@imports("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
def _(n):
    training = n.flag("is_training", True)
    if training:
        n.only("exponential_avg_factor", "f", 1.0)
    n.ignore("exponential_avg_factor")
    found = normalize.fused_batch_norm(
        *n.inputs[: 3 if training else 5], epsilon=n.real("epsilon", 1e-4), data_format=n.text("data_format", "NHWC"),
        is_training=training, name=n.name,
    )  # fmt: skip
    # what is reserved for the gradient: of the batch it is computed anew, else it is the moments that were given
    return (*found, found[1], found[2], lambda: create.zeros([0]))


@imports("BatchNormWithGlobalNormalization")
def _(n):
    x, mean, variance, beta, gamma = n.inputs
    scaled, epsilon = n.flag("scale_after_normalization"), n.real("variance_epsilon")
    with n.scope():
        rate = functions.rsqrt(variance + epsilon)
        rate = rate * gamma if scaled else rate
        whole = (x - mean) * rate
    return elementwise.add(whole, beta, name=n.name)


# ---- losses, and their gradients as second outputs


@imports("SoftmaxCrossEntropyWithLogits")
def _(n):
    logits, labels = n.inputs
    made = softmax.softmax_cross_entropy_with_logits_(labels, logits, name=n.name)

    def slope():
        with n.scope():
            return softmax.softmax(logits) - labels

    return made, slope


@imports("SparseSoftmaxCrossEntropyWithLogits")
def _(n):
    logits, labels = n.inputs
    made = softmax.sparse_softmax_cross_entropy_with_logits_(labels, logits, name=n.name)

    def slope():
        with n.scope():
            depth = shape.shape(logits)[-1]
            return softmax.softmax(logits) - create.one_hot(labels, depth, dtype=logits.spec.dtype)

    return made, slope


# ---- checks


@imports("CheckNumerics", "CheckNumericsV2")
def _(n):
    return debug.check_numerics(n.input(0), message=n.text("message"), name=n.name)


@imports("Assert")
def _(n):
    return debug.assert_with(*n.inputs, summarize=n.integer("summarize", 3), name=n.name)


@imports("Print")
def _(n):
    return debug.print_with(
        *n.inputs, message=n.text("message", ""), first_n=n.integer("first_n", -1), summarize=n.integer("summarize", 3),
        name=n.name,
    )  # fmt: skip


# ---- summaries


def _tag(n):
    return n.known(0).item().decode(errors="replace")


@imports("ScalarSummary")
def _(n):
    return summary.scalar_summary(n.input(1), tag=_tag(n), name=n.name)


@imports("HistogramSummary")
def _(n):
    return summary.histogram_summary(n.input(1), tag=_tag(n), name=n.name)


@imports("ImageSummary")
def _(n):
    n.ignore("bad_color")
    return summary.image_summary(n.input(1), tag=_tag(n), max_images=n.integer("max_images", 3), name=n.name)


@imports("MergeSummary")
def _(n):
    return summary.merge_summary(*n.inputs, name=n.name)


# ---- random numbers: of the same distribution, not the same ones


def _seed(n):
    return n.integer("seed", 0) or n.integer("seed2", 0) or None


def _draws(made):
    def convert(n):
        n.ignore("seed", "seed2")
        return made(n.input(0), dtype=n.dtype("dtype"), seed=_seed(n), name=n.name)

    return convert


imports("RandomUniform")(_draws(random.standard_uniform))
imports("RandomStandardNormal")(_draws(random.standard_normal))
imports("TruncatedNormal")(_draws(random.standard_truncated_normal))


@imports("RandomUniformInt")
def _(n):
    low, high = n.known(1), n.known(2)
    if low.ndim or high.ndim:
        raise UnimplementedError("npslim takes two numbers here.", expected="scalars", got=(low.shape, high.shape))
    return random.uniform_integers(
        n.input(0), minval=low.item(), maxval=high.item(), dtype=np.dtype(low.dtype), seed=_seed(n), name=n.name
    )


@imports("RandomShuffle")
def _(n):
    return random.random_shuffle(n.input(0), seed=_seed(n), name=n.name)


@imports("Multinomial")
def _(n):
    return random.multinomial(
        n.input(0), num_samples=n.numbers(1), seed=_seed(n), output_dtype=n.dtype("output_dtype", 9), name=n.name
    )
