"""Converters for the ops that TensorFlow's gradients are made of: graphs that train carry them.

Where npslim's op takes the array whose shape it needs, TensorFlow's takes the shape; `Source.like` finds the array.

before: network.py   next: tensor_arrays.py
"""

from npslim.errors import UnimplementedError
from npslim.graph_def.network import slide_of, window_of
from npslim.graph_def.source import direct, imports
from npslim.ops import activation, conv, create, elementwise, functions, logic, normalize, shape
from npslim.registry import REGISTRY

direct(ReluGrad="relu_grad")


def _slope(type, rule):
    """A gradient that is a formula of (inputs of the node), the last factor of a product."""

    @imports(type)
    def _(n):
        with n.scope():
            a, b = rule(*n.inputs)
        return elementwise.multiply(a, b, name=n.name)


_slope("SigmoidGrad", lambda y, g: (g, y * (1.0 - y)))
_slope("TanhGrad", lambda y, g: (g, 1.0 - y * y))
_slope("SqrtGrad", lambda y, g: (g, 0.5 / y))
_slope("RsqrtGrad", lambda y, g: (g * -0.5, y * y * y))
_slope("ReciprocalGrad", lambda y, g: (-g, y * y))
_slope("InvGrad", lambda y, g: (-g, y * y))
_slope("SoftplusGrad", lambda g, x: (g, activation.sigmoid(x)))
_slope("SoftsignGrad", lambda g, x: (g, functions.reciprocal(functions.square(1.0 + functions.abs(x)))))
_slope("EluGrad", lambda g, y: (g, logic.where(y < 0.0, y + 1.0, shape.ones_like(y))))
_slope("Relu6Grad", lambda g, y: (g, logic.cast(logic.logical_and(y > 0.0, y < 6.0), y.spec.dtype)))


@imports("LeakyReluGrad")
def _(n):
    g, x = n.inputs
    with n.scope():
        below = n.real("alpha", 0.2) * g
        above = x > 0.0
    return logic.where(above, g, below, name=n.name)


@imports("SeluGrad")
def _(n):
    g, y = n.inputs
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    with n.scope():
        slope = logic.where(y < 0.0, y + scale * alpha, scale * shape.ones_like(y))
    return elementwise.multiply(g, slope, name=n.name)


@imports("BiasAddGrad")
def _(n):
    return normalize.bias_add_grad(n.input(0), data_format=n.text("data_format", "NHWC"), name=n.name)


# ---- windows


@imports("Conv2DBackpropFilter")
def _(n):
    return conv.conv2d_backprop_filter(n.input(0), n.like(1), n.input(2), **slide_of(n), name=n.name)


@imports("Conv3DBackpropFilterV2")
def _(n):
    return conv.conv3d_backprop_filter(n.input(0), n.like(1), n.input(2), **slide_of(n, "NDHWC"), name=n.name)


@imports("DepthwiseConv2dNativeBackpropInput")
def _(n):
    like, w, g = n.like(0), n.input(1), n.input(2)
    return conv.depthwise_conv2d_native_backprop_input(like, w, g, **slide_of(n), name=n.name)


@imports("DepthwiseConv2dNativeBackpropFilter")
def _(n):
    x, like, g = n.input(0), n.like(1), n.input(2)
    return conv.depthwise_conv2d_native_backprop_filter(x, like, g, **slide_of(n), name=n.name)


def _pooling(type, name, first, inputs):
    made = REGISTRY[name]
    imports(type)(lambda n: made(*inputs(n), **window_of(n, first), name=n.name))


for _n, _first in (("2d", "NHWC"), ("3d", "NDHWC")):
    _type = "3D" if _n == "3d" else ""
    _pooling(f"MaxPool{_type}Grad", f"max_pool{_n}_grad", _first, lambda n: (n.input(0), n.input(2)))
    _pooling(f"AvgPool{_type}Grad", f"avg_pool{_n}_grad", _first, lambda n: (n.like(0), n.input(1)))


# ---- normalization


_RESERVED = (lambda: create.zeros([]),) * 2  # outputs that hold nothing; graphs that train pass them on


@imports("FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3")
def _(n):
    g, x, scale = n.inputs[:3]
    epsilon, data_format = n.real("epsilon", 1e-4), n.text("data_format", "NHWC")
    if n.flag("is_training", True):
        found = normalize.fused_batch_norm_grad(g, x, scale, epsilon=epsilon, data_format=data_format, name=n.name)
        return (*found, *_RESERVED)
    if data_format != "NHWC":
        raise UnimplementedError("npslim has this gradient for NHWC alone.", expected="NHWC", got=data_format)
    mean, variance = n.input(3), n.input(4)
    with n.scope():
        rate = functions.rsqrt(variance + epsilon)
        by_scale = normalize.bias_add_grad(g * (x - mean) * rate)
        by_offset = normalize.bias_add_grad(g)
    return elementwise.multiply(g, scale * rate, name=n.name), by_scale, by_offset, *_RESERVED
