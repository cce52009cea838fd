"""Normalization: moments, batch normalization, and the bias that so often follows a product.

before: pool.py   next: ../scopes.py
"""

import math

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.elementwise import divide_no_nan, maximum, minimum, multiply, pow, squared_difference
from npslim.ops.functions import rsqrt, square
from npslim.ops.logic import cast
from npslim.ops.reduce import reduce_mean, reduce_sum
from npslim.ops.shape import ones_like, size, squeeze, zeros_like
from npslim.ops.windows import padded, sliding, windows
from npslim.scopes import name_scope
from npslim.spec import Spec, compatible, merge, show_shape

# ---- which dimension holds the channels


def _channel_axis(rank, data_format):
    """The number of the dimension of channels: the second for "NCHW" and its like, otherwise the last."""
    if data_format not in (None, "NWC", "NHWC", "NDHWC", "NCW", "NCHW", "NCDHW"):
        raise InvalidArgumentError("Unknown data_format.", expected="NHWC or NCHW, or of another rank", got=data_format)
    return 1 if (data_format or "NHWC")[1] == "C" else rank - 1


def _along_channels(v, x, data_format):
    """Vector `v` `[c]` so that it broadcasts with `x`."""
    return v if _channel_axis(x.ndim, data_format) == x.ndim - 1 else v.reshape(-1, *[1] * (x.ndim - 2))


def _other_axes(rank, data_format):
    return tuple(i for i in range(rank) if i != _channel_axis(rank, data_format))


def _channels(x, data_format):
    """The number of channels of a spec, or None. Raises ShapeError for a vector or a scalar."""
    if x.shape is None:
        _channel_axis(2, data_format)
        return None
    if len(x.shape) < 2:
        raise ShapeError("The input has no channels.", expected="rank >= 2", got=show_shape(x.shape))
    return x.shape[_channel_axis(len(x.shape), data_format)]


def _check_vectors(c, **vectors):
    """The number of channels. Raises ShapeError for a vector that has not one element for each of the `c` channels."""
    for name, v in vectors.items():
        if not compatible(v.shape, (c,)):
            raise ShapeError(
                f"There must be one {name} for each channel.",
                expected=f"{name} {show_shape((c,))}",
                got=show_shape(v.shape),
            )
        (c,) = merge(v.shape, (c,))
    return c


def _with_channels(x, c, data_format):
    """The shape of `x`, its channels now known to be `c`."""
    if x.shape is None:
        return None
    axis = _channel_axis(len(x.shape), data_format)
    return tuple(c if i == axis else size for i, size in enumerate(x.shape))


def _sum_of_channels(x, axes):
    """The sums over `axes`, added up in float64: NumPy adds row after row, and thus their errors."""
    return x.sum(axis=axes, dtype=array_module(x).result_type(x.dtype, "float64")).astype(x.dtype)


# ---- bias


@op(holomorphic=True)
def bias_add(value, bias, *, data_format=None):
    """`value` `[n, ..., c]` plus `bias` `[c]`; `[n, c, ...]` for data_format "NCHW". Raises ShapeError if c differs."""
    return value + _along_channels(bias, value, data_format)


@bias_add.shape
def _(value, bias, *, data_format):
    c = _check_vectors(_channels(value, data_format), bias=bias)
    return Spec(_with_channels(value, c, data_format), value.dtype)


@bias_add.vjp
def _(g, y, value, bias, *, data_format):
    return g, bias_add_grad(g, data_format=data_format)


@op(holomorphic=True)
def bias_add_grad(g, *, data_format=None):
    """The sum over all dimensions but that of channels, `[n, ..., c]` to `[c]`: the gradient by a bias."""
    return _sum_of_channels(g, _other_axes(g.ndim, data_format))


@bias_add_grad.shape
def _(g, *, data_format):
    return Spec((_channels(g, data_format),), g.dtype)


@bias_add_grad.vjp
def _(h, y, g, *, data_format):
    return bias_add(zeros_like(g), h, data_format=data_format)


# ---- batch normalization in one op


def _moments(x, data_format):
    """Mean and variance of each channel, and how many elements they are of. In two passes: no cancellation."""
    axes = _other_axes(x.ndim, data_format)
    n = math.prod(x.shape[i] for i in axes)
    mean = _sum_of_channels(x, axes) / n
    centred = x - _along_channels(mean, x, data_format)
    return mean, _sum_of_channels(centred * centred, axes) / n, n


@op(type="FusedBatchNormV3", holomorphic=True)
def fused_batch_norm(x, scale, offset, mean=None, variance=None, *, epsilon=1e-3, data_format=None, is_training=True):
    """Batch normalization (Ioffe and Szegedy, 2015): `(x - mean) / sqrt(variance + epsilon) * scale + offset`.

    x: `[n, ..., c]`, or `[n, c, ...]` for data_format "NCHW"; the others `[c]`. Returns (y, mean, variance).
    If `is_training`, mean and variance are those of the batch, and the variance that is returned is the unbiased one,
    divided by n - 1: what moving averages take. Otherwise they are the inputs. Raises ShapeError if c differs.
    """
    if is_training:
        mean, variance, n = _moments(x, data_format)
        unbiased = variance * (n / max(n - 1, 1))
    else:
        unbiased = variance
    rate = scale / array_module(x).sqrt(variance + epsilon)
    centred = x - _along_channels(mean, x, data_format)
    return centred * _along_channels(rate, x, data_format) + _along_channels(offset, x, data_format), mean, unbiased


@fused_batch_norm.shape
def _(x, scale, offset, mean=None, variance=None, *, data_format, is_training):
    given = {} if is_training else {"mean": mean, "variance": variance}
    if None in given.values():
        raise InvalidArgumentError(
            "Without is_training, mean and variance are needed.", expected="5 inputs", got="fewer"
        )
    c = _check_vectors(_channels(x, data_format), scale=scale, offset=offset, **given)
    vector = Spec((c,), x.dtype)
    return Spec(_with_channels(x, c, data_format), x.dtype), vector, vector


@fused_batch_norm.vjp
def _(gs, ys, x, scale, offset, *moments, epsilon, data_format, is_training):
    g, g_mean, g_variance = gs
    attrs = {"epsilon": epsilon, "data_format": data_format}
    if is_training:
        g_x, g_scale, g_offset = fused_batch_norm_grad(g, x, scale, **attrs)
        channels = _Channels(x, scale, data_format)
        if g_mean.op.op is not zeros_like:  # somebody uses the mean
            g_x += channels.along(g_mean / channels.n)
        if g_variance.op.op is not zeros_like:
            g_x += channels.centred() * channels.along(g_variance * 2.0 / maximum(channels.n - 1.0, 1.0))
        return g_x, g_scale, g_offset, *(None for _ in moments)
    mean, variance = moments
    inverse = rsqrt(variance + epsilon)
    centred = bias_add(x, -mean, data_format=data_format)
    g_offset = bias_add_grad(g, data_format=data_format)
    g_scale = bias_add_grad(g * centred, data_format=data_format) * inverse
    g_x = g * bias_add(zeros_like(x), scale * inverse, data_format=data_format)
    g_mean -= g_offset * scale * inverse
    g_variance -= g_scale * scale * square(inverse) * 0.5
    return g_x, g_scale, g_offset, g_mean, g_variance


class _Channels:
    """Sums over all dimensions of `x` but that of channels, and back: for rules, where the rank may be unknown."""

    def __init__(self, x, vector, data_format):
        self.x, self.data_format = x, data_format
        self.n = cast(size(x), dtype=x.spec.dtype) / cast(size(vector), dtype=x.spec.dtype)

    def total(self, t):
        """The sum of `t` for each channel."""
        return bias_add_grad(t, data_format=self.data_format)

    def along(self, v):
        """Vector `v` `[c]`, repeated to the shape of `x`."""
        return bias_add(zeros_like(self.x), v, data_format=self.data_format)

    def centred(self):
        """`x` minus its mean."""
        return bias_add(self.x, -self.total(self.x) / self.n, data_format=self.data_format)


@op(type="FusedBatchNormGradV3", holomorphic=True)
def fused_batch_norm_grad(g, x, scale, *, epsilon=1e-3, data_format=None):
    """The gradients of `fused_batch_norm` in training by x, scale and offset, for the cotangent `g`.

    With X the normalized x, means over a channel, and s = scale / sqrt(variance + epsilon):
    g_x = s (g - mean(g) - X mean(g X)), g_scale = sum(g X), g_offset = sum(g).
    """
    mean, variance, n = _moments(x, data_format)
    inverse = 1 / array_module(x).sqrt(variance + epsilon)
    axes = _other_axes(x.ndim, data_format)

    def along(v):
        return _along_channels(v, x, data_format)

    normal = (x - along(mean)) * along(inverse)
    g_scale, g_offset = _sum_of_channels(g * normal, axes), _sum_of_channels(g, axes)
    return along(scale * inverse) * (g - along(g_offset / n) - normal * along(g_scale / n)), g_scale, g_offset


@fused_batch_norm_grad.shape
def _(g, x, scale, *, data_format):
    c = _check_vectors(_channels(x, data_format), scale=scale)
    vector = Spec((c,), x.dtype)
    return Spec(_with_channels(Spec(merge(g.shape, x.shape), x.dtype), c, data_format), x.dtype), vector, vector


@fused_batch_norm_grad.vjp
def _(hs, ys, g, x, scale, *, epsilon, data_format):
    # P t = t - mean(t) - X mean(t X) is symmetric and appears in the derivative of X itself, so the op serves again:
    # `project(t, s)` is s / deviation * P t
    def project(t, s):
        return fused_batch_norm_grad(t, x, s, epsilon=epsilon, data_format=data_format)[0]

    h, h_scale, h_offset = hs
    channels = _Channels(x, scale, data_format)
    total, along, n = channels.total, channels.along, channels.n
    centred, one = channels.centred(), ones_like(scale)
    inverse = rsqrt(total(square(centred)) / n + epsilon)
    normal = centred * along(inverse)
    to_scale = total(h * project(g, one))
    by_normal = g * along(h_scale - scale * inverse * total(h * normal) / n) - h * along(
        scale * inverse * total(g * normal) / n
    )
    return (
        project(h, scale) + normal * along(h_scale) + along(h_offset),
        project(by_normal, one) - normal * along(scale * inverse * to_scale / n),
        to_scale,
    )


# ---- local response


@op(type="LRN", holomorphic=True)
def local_response_normalization(input, *, depth_radius=5, bias=1.0, alpha=1.0, beta=0.5):
    """`x / (bias + alpha * sum(x ** 2)) ** beta`, the sum over the channels at most `depth_radius` away.

    input: `[..., c]`. Krizhevsky, Sutskever and Hinton (2012), section 3.3.
    """
    return input / (bias + alpha * _near(input * input, depth_radius)) ** beta


def _near(x, radius):
    """The sum over the elements of the last dimension that are at most `radius` away."""
    slide = sliding((2 * radius + 1,), 1, ((0, 0), (radius, radius), (0, 0)))
    rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1], 1)
    return windows(padded(rows, slide), slide).sum(axis=(-2, -1)).reshape(x.shape)


def _has_channels(x):
    if x.shape == ():
        raise ShapeError("The input has no channels.", expected="rank >= 1", got=show_shape(x.shape))
    return Spec(x.shape, x.dtype)


@local_response_normalization.shape
def _(input, *, depth_radius):
    if not isinstance(depth_radius, int) or depth_radius < 0:
        raise InvalidArgumentError("depth_radius is a distance.", expected="an integer >= 0", got=depth_radius)
    return _has_channels(input)


@local_response_normalization.vjp
def _(g, y, input, *, depth_radius, bias, alpha, beta):
    total = sum_of_near(square(input), radius=depth_radius) * alpha + bias
    direct = g * pow(total, -beta)
    return direct - input * sum_of_near(g * y / total, radius=depth_radius) * (2.0 * alpha * beta)


@op(holomorphic=True)
def sum_of_near(x, *, radius):
    """The sum over the elements of the last dimension that are at most `radius` away."""
    return _near(x, radius)


sum_of_near.shape(_has_channels)


@sum_of_near.vjp
def _(g, y, x, *, radius):
    return sum_of_near(g, radius=radius)


# ---- TensorFlow's functions made of simple ops


def moments(x, axes, shift=None, name=None, keep_dims=None, keepdims=None):
    """(mean, variance) over `axes`, a list of dimensions; with keep_dims they stay, of size 1. `shift` is not used.

    The variance is computed from the differences to the mean, so nothing cancels out. float16 is averaged in float32.
    TensorFlow stops the gradient at that mean, which is right for the first derivative only; it flows here.
    """
    with name_scope(name, "moments", [x]):
        x = as_tensor(x)
        y = cast(x, dtype=np.dtype(np.float32)) if x.spec.dtype == np.float16 else x
        mean = reduce_mean(y, axis=axes, keepdims=True, name="mean")
        variance = reduce_mean(squared_difference(y, mean), axis=axes, keepdims=True, name="variance")
        if not (keepdims or keep_dims):
            mean, variance = squeeze(mean, axis=axes), squeeze(variance, axis=axes)
        return (mean, variance) if y is x else (cast(mean, dtype=x.spec.dtype), cast(variance, dtype=x.spec.dtype))


def weighted_moments(x, axes, frequency_weights, name=None, keep_dims=None, keepdims=None):
    """(mean, variance) over `axes`, each element counted as often as `frequency_weights`, broadcast, says."""
    with name_scope(name, "weighted_moments", [x, frequency_weights]):
        x = as_tensor(x)
        weights = as_tensor(frequency_weights)
        weights = weights if weights.spec.dtype == x.spec.dtype else cast(weights, dtype=x.spec.dtype)
        weighted_sum = reduce_sum(weights * x, axis=axes, keepdims=True, name="weighted_input_sum")
        count = reduce_sum(weights + zeros_like(x), axis=axes, keepdims=True, name="sum_of_weights")
        mean = divide_no_nan(weighted_sum, count)
        distances = weights * squared_difference(x, mean)
        variance = divide_no_nan(reduce_sum(distances, axis=axes, keepdims=True, name="weighted_distsq"), count)
        if not (keepdims or keep_dims):
            mean, variance = squeeze(mean, axis=axes), squeeze(variance, axis=axes)
        return mean, variance


def batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None):
    """`(x - mean) / sqrt(variance + variance_epsilon) * scale + offset`; each of these broadcasts with x.

    Without scale (None) it counts as 1, without offset as 0.
    """
    with name_scope(name, "batchnorm", [x, mean, variance, scale, offset]):
        x = as_tensor(x)
        mean, variance, offset, scale = (
            v if v is None else as_tensor(v, x.spec.dtype) for v in (mean, variance, offset, scale)
        )
        inverse = rsqrt(variance + variance_epsilon)
        inverse = inverse if scale is None else inverse * scale
        return x * inverse + (-mean * inverse if offset is None else offset - mean * inverse)


def l2_normalize(x, axis=None, epsilon=1e-12, name=None, dim=None):
    """`x / sqrt(max(sum(x ** 2), epsilon))`, the sum over `axis`. `dim`: another name for axis."""
    with name_scope(name, "l2_normalize", [x]) as scope:
        x = as_tensor(x)
        total = reduce_sum(square(x), axis=dim if axis is None else axis, keepdims=True)
        return multiply(x, rsqrt(maximum(total, epsilon)), name=scope)


def poincare_normalize(x, axis=1, epsilon=1e-5, name=None):
    """`x` drawn into the open unit ball: where its L2 norm over `axis` reaches 1 - epsilon, scaled down to that."""
    with name_scope(name, "poincare_normalize", [x]) as scope:
        x = as_tensor(x)
        inverse = rsqrt(reduce_sum(square(x), axis=axis, keepdims=True))
        return multiply(x, minimum(inverse * (1.0 - epsilon), 1.0), name=scope)


# ---- cases


def _normal(*shapes):
    return lambda rng: tuple(rng.normal(size=shape) for shape in shapes)


def _spread(*shapes):
    """The last input, a variance, is positive."""
    return lambda rng: (*(rng.normal(size=shape) for shape in shapes[:-1]), rng.uniform(0.5, 2, shapes[-1]))


bias_add.cases(_normal((2, 3, 3, 4), (4,)), _normal((3, 2), (2,)), _normal((0, 3), (3,)))
bias_add.cases(_normal((2, 4, 3, 3), (4,)), _normal((3, 2), (2,)), data_format="NCHW")
bias_add.rejects("one bias for each channel", _normal((2, 3, 4), (3,)))
bias_add.rejects("no channels", _normal((2,), (2,)))
bias_add.rejects("unknown data_format", _normal((2, 3), (3,)), data_format="CN")
bias_add_grad.cases(_normal((2, 3, 3, 4)), _normal((0, 3)))
bias_add_grad.cases(_normal((2, 4, 3, 3)), data_format="NCHW")

_C = (3,)
fused_batch_norm.cases(_normal((2, 3, 2, 3), _C, _C), _normal((4, 3), _C, _C), epsilon=0.01)
fused_batch_norm.cases(_normal((2, 3, 2, 2), _C, _C), data_format="NCHW")
fused_batch_norm.cases(_normal((1, 1, 1, 3), _C, _C), _normal((0, 2, 2, 3), _C, _C), gradient=False)
fused_batch_norm.cases(
    _spread((2, 3, 2, 3), _C, _C, _C, _C), _spread((0, 2, 2, 3), _C, _C, _C, _C), is_training=False, epsilon=0.1
)
fused_batch_norm.cases(_spread((2, 3, 2, 2), _C, _C, _C, _C), is_training=False, data_format="NCHW")
fused_batch_norm.rejects("one scale for each channel", _normal((2, 3, 2, 4), _C, _C))
fused_batch_norm.rejects("mean and variance are needed", _normal((2, 3, 2, 3), _C, _C), is_training=False)
fused_batch_norm_grad.cases(_normal((2, 2, 2, 3), (2, 2, 2, 3), _C), epsilon=0.01)
fused_batch_norm_grad.cases(_normal((2, 3, 2, 2), (2, 3, 2, 2), _C), data_format="NCHW")

local_response_normalization.cases(_normal((2, 2, 2, 7)), _normal((0, 3)))
local_response_normalization.cases(_normal((2, 5)), depth_radius=1, bias=2.0, alpha=0.3, beta=0.75)
local_response_normalization.cases(_normal((2, 5)), depth_radius=0)
local_response_normalization.rejects("is a distance", _normal((2, 5)), depth_radius=-1)
sum_of_near.cases(_normal((2, 3, 5)), radius=2)
sum_of_near.rejects("no channels", _normal(()), radius=2)
