"""The ops that have a fast kernel: a function of an arena and of the op's own inputs and attributes.

Its result is a buffer of the arena. It gives None where the plain kernel shall do it: for another layout, a rare
attribute, a small array.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim.fast import batch_norm, columns, depthwise, pool, winograd, winograd4
from npslim.fast import conv as windows
from npslim.fast.blas import large_product, product
from npslim.fast.choice import algorithm
from npslim.fast.conv import Slide, correlate_input, phases
from npslim.fast.loops import by_blocks, where_positive
from npslim.fast.workers import each
from npslim.ops.windows import per_dimension, sliding
from npslim.spec import is_full

SMALL = 1 << 12  # elements of a result: below, the plain kernel is as quick


@dataclass
class Placed:
    """A step whose fast kernel puts its result into a buffer of an arena.

    attrs: what the kernel is called with; plain: what gives the result where it gives None, from the first inputs, as
    many as `given`, or as the node has.
    """

    step: Any
    inputs: tuple
    fast: Any
    attrs: dict
    plain: Any
    given: int | None = None

    @classmethod
    def of(cls, step, rough=False):
        """The fast kernel of a step; None if it has none, or is known to be small.

        rough: convolutions may take algorithms that lose some digits.
        """
        fast = FAST.get(step.node.op.name)
        if fast is None or step.rewritten:
            return None
        spec = step.node.outputs[0].spec
        small = fast is matmul and is_full(spec.shape) and math.prod(spec.shape) < SMALL
        if spec.dtype.char not in "fd" or small:
            return None
        attrs = {**step.node.attrs, "rough": True} if rough and fast in _CONVOLUTIONS else step.node.attrs
        return cls(step, step.inputs, fast, attrs, step.kernel)

    def used_first(self, slot):
        """False: what it reads cannot be written over."""
        return False

    def kernel(self, place, take=False):
        """The function of an arena and the inputs' arrays."""
        plain, fast, attrs, given = self.plain, self.fast, self.attrs, self.given or len(self.step.node.inputs)

        def placed(arena, *inputs):
            result = fast(arena, *inputs, **attrs)
            return plain(*inputs[:given]) if result is None else result

        placed.label = f"fast {fast.__name__}{self.algorithm()}"
        return placed

    def algorithm(self):
        """How a convolution is computed, as far as the shapes are known: " by windows"."""
        conv = convolution(self.step, self.attrs) if self.fast in _CONVOLUTIONS else None
        if conv is None:
            return ""
        if conv.rare:
            return ", left to the plain one"
        rough = conv.algorithm == "winograd" and conv.winograd is winograd4
        return f" by {conv.algorithm}" + " of 4x4" * rough + ", dilated" * (conv.dilations != (1, 1))


def matmul(arena, a, b, *, transpose_a=False, transpose_b=False):
    """The product of two matrices."""
    if a.ndim != 2 or b.ndim != 2:
        return None
    a = a.T if transpose_a else a
    b = b.T if transpose_b else b
    shape = (a.shape[0], b.shape[1])
    y = take(arena, shape, a.dtype)
    large_product(a, b, y)
    return y


def concat(arena, *xs, axis):
    """`ops.join.concat`."""
    shape = list(xs[0].shape)
    shape[axis] = sum(x.shape[axis] for x in xs)
    return np.concatenate(xs, axis=axis, out=take(arena, tuple(shape), xs[0].dtype))


def pad_by(arena, x, paddings, *, mode="CONSTANT", value=0):
    """`ops.padding.pad_by`."""
    pairs = [(int(before), int(after)) for before, after in paddings]
    if mode != "CONSTANT" or len(pairs) != x.ndim or any(min(pair) < 0 for pair in pairs):
        return None
    shape = tuple(before + n + after for n, (before, after) in zip(x.shape, pairs, strict=True))
    y, inner = take(arena, shape, x.dtype), ()
    for n, (before, _) in zip(x.shape, pairs, strict=True):
        y[(*inner, slice(before))] = y[(*inner, slice(before + n, None))] = value
        inner += (slice(before, before + n),)
    y[inner] = x
    return y


# ---- convolutions


class _Convolution:
    """The attributes of a convolution for one shape of input and filter; its arrays have their channels last."""

    def __init__(self, shape, w, attrs, by_filter=False):
        given = sliding(w[:2], attrs["strides"], attrs["padding"], attrs.get("data_format"), attrs.get("dilations", 1))
        n, sizes, c = given.split(shape)
        pads, out = given.pads(sizes), given.output_sizes(sizes)
        self.given, self.dilations = given, given.dilations
        self.rare = given.dilations != (1, 1) != given.strides
        self.slide = Slide(given.kernel, given.strides, tuple(before for before, _ in pads))
        self.output = given.join(n, out, w[3])
        self.places, self.channels = n * out[0] * out[1], c
        self.algorithm = algorithm(given.kernel, given.strides, c, w[3], out[1] // given.dilations[1], by_filter)
        self.winograd = winograd4 if attrs.get("rough") else winograd
        inside = not any(map(any, pads))
        if inside and given.kernel == tuple(sizes) and not given.channels_first:
            self.algorithm = "dense"
        elif self.algorithm == "product":
            self.algorithm = "columns" if not inside else "products of images" if given.channels_first else "product"
        self.direct = windows if self.algorithm == "windows" else columns

    def parts(self, x, y):
        """[(part of x, part of y, Slide)] without dilations, channels last."""
        x, y = self.last(x), self.last(y)
        return [(x, y, self.slide)] if self.dilations == (1, 1) else phases(x, y, self.slide, self.dilations)

    def last(self, x):
        return self.given.channels_last(x)


def convolution(step, attrs=None):
    """What is known of a step's convolution, for one image if it is not known for how many; None if that is too little.

    attrs: in place of the node's own.
    """
    node = step.node
    by_filter = node.op.name == "conv2d_backprop_filter"
    x, w = node.inputs[0].spec.shape, (node.outputs[0] if by_filter else node.inputs[1]).spec.shape
    if None in (x, w) or None in (*x[1:], *w):
        return None
    return _Convolution((x[0] or 1, *x[1:]), w, attrs or node.attrs, by_filter)


def rows(x):
    """`x` as a matrix, one row for each place."""
    return x.reshape(-1, x.shape[-1])


def flat(x):
    """`x` as a matrix, one row for each image."""
    return x.reshape(len(x), -1)


def each_image(matrix, x, y):
    """`matrix` times each image of `x` `[n, c, h, w]`, whose channels are rows, into `y` `[n, o, h, w]`."""
    each(lambda i: np.matmul(matrix, flat(x[i]), out=flat(y[i])), range(len(x)))


def conv2d(arena, x, w, **attrs):
    """`ops.conv.conv2d`."""
    conv = _Convolution(x.shape, w.shape, attrs)
    if conv.rare:
        return None
    y = take(arena, conv.output, x.dtype)
    if conv.algorithm == "products of images":
        each_image(w[0, 0].T, x, y)
    elif conv.algorithm == "dense":
        large_product(flat(x), rows(w), flat(y))
    elif conv.algorithm == "product":
        large_product(rows(x), w[0, 0], rows(y))
    else:
        for source, target, slide in conv.parts(x, y):
            if conv.algorithm == "winograd":
                conv.winograd.correlate(source, w, target, slide.first)
            else:
                conv.direct.correlate(source, w, target, slide)
    return y


def conv2d_backprop_input(arena, like, w, g, **attrs):
    """`ops.conv.conv2d_backprop_input`."""
    conv = _Convolution(like.shape, w.shape, attrs)
    if conv.rare:
        return None
    x = take(arena, like.shape, g.dtype)
    if conv.algorithm == "products of images":
        each_image(w[0, 0], g, x)
    elif conv.algorithm == "dense":
        large_product(flat(g), rows(w).T, flat(x))
    elif conv.algorithm == "product":
        large_product(rows(g), w[0, 0].T, rows(x))
    else:
        for target, cotangent, slide in conv.parts(x, g):
            if conv.algorithm == "winograd":
                first = 2 - slide.first[0], 2 - slide.first[1]
                conv.winograd.correlate(cotangent, w, target, first, turned=True)
            else:
                correlate_input(cotangent, w.transpose(0, 1, 3, 2), target, slide, conv.direct.correlate)
    return x


def conv2d_backprop_filter(arena, x, like, g, **attrs):
    """`ops.conv.conv2d_backprop_filter`."""
    conv = _Convolution(x.shape, like.shape, attrs, by_filter=True)
    if conv.rare:
        return None
    w = take(arena, like.shape, g.dtype)
    if conv.algorithm == "products of images":
        w[...] = 0
        for image, cotangent in zip(x, g, strict=True):
            product(flat(image), flat(cotangent).T, w[0, 0], add=1.0)
    elif conv.algorithm == "dense":
        large_product(flat(x).T, flat(g), rows(w))
    elif conv.algorithm == "product":
        large_product(rows(x).T, rows(g), w[0, 0])
    else:
        _add_up_filters(arena, conv, conv.parts(x, g), w)
    return w


def _add_up_filters(arena, conv, parts, w):
    term = w
    for number, (source, cotangent, slide) in enumerate(parts):
        if number == 1:
            term = take(arena, w.shape, w.dtype)
        if conv.algorithm == "winograd":
            conv.winograd.correlate_filter(source, cotangent, term, slide.first)
        else:
            conv.direct.correlate_filter(source, cotangent, term, slide)
        if number:
            np.add(w, term, out=w)
    if term is not w:
        arena.give(term)


def is_dense(x, w, attrs):
    """True if one window covers the whole image: then the convolution is a product of matrices."""
    if x is None or w is None or None in (*x[1:], *w):
        return False
    return _Convolution((x[0] or 1, *x[1:]), w, attrs).algorithm == "dense"


class _Depthwise(_Convolution):
    """The same of a depthwise convolution by `[kh, kw, c, 1]`."""

    def __init__(self, shape, w, attrs):
        super().__init__(shape, w, attrs)
        self.rare = self.given.dilations != (1, 1) or w[3] != 1
        self.output = self.given.join(self.output[0], self.given.split(self.output)[1], w[2])


def depthwise_conv2d_native(arena, x, w, **attrs):
    """`ops.conv.depthwise_conv2d_native`."""
    conv = _Depthwise(x.shape, w.shape, attrs)
    if conv.rare:
        return None
    y = take(arena, conv.output, x.dtype)
    depthwise.correlate(conv.last(x), w[..., 0], conv.last(y), conv.slide)
    return y


def depthwise_conv2d_native_backprop_input(arena, like, w, g, **attrs):
    """`ops.conv.depthwise_conv2d_native_backprop_input`."""
    conv = _Depthwise(like.shape, w.shape, attrs)
    if conv.rare:
        return None
    x = take(arena, like.shape, g.dtype)
    correlate_input(conv.last(g), w[..., 0], conv.last(x), conv.slide, depthwise.correlate)
    return x


def depthwise_conv2d_native_backprop_filter(arena, x, like, g, **attrs):
    """`ops.conv.depthwise_conv2d_native_backprop_filter`."""
    conv = _Depthwise(x.shape, like.shape, attrs)
    if conv.rare:
        return None
    w = take(arena, like.shape, g.dtype)
    depthwise.correlate_filter(conv.last(x), conv.last(g), w[..., 0], conv.slide)
    return w


# ---- batch normalization


def fused_batch_norm(arena, x, scale, offset, *given, epsilon=1e-3, data_format=None, is_training=True, relu=False):
    """`ops.normalize.fused_batch_norm`; with `relu`, what of y is positive."""
    if not _in_rows(x, data_format):
        return None
    if is_training:
        mean, variance = batch_norm.moments(rows(x))
        n = x.size // x.shape[-1]
        unbiased = variance * (n / max(n - 1, 1))
    else:
        mean, variance = (a.copy() for a in given)  # those of variables are not handed on
        unbiased = variance
    y = take(arena, x.shape, x.dtype)
    rate = scale / np.sqrt(variance + epsilon)
    batch_norm.normalize(rows(x), mean, rate, offset, rows(y), relu)
    return y, np.asarray(mean, x.dtype), np.asarray(unbiased, x.dtype)


def fused_batch_norm_relu(arena, *inputs, **attrs):
    """fused_batch_norm, then relu of its y."""
    return fused_batch_norm(arena, *inputs, **attrs, relu=True)


def fused_batch_norm_grad(arena, g, x, scale, *lent, epsilon=1e-3, data_format=None, y=None):
    """`ops.normalize.fused_batch_norm_grad`. `lent`: mean and unbiased variance, if the forward step has left them.

    y: a relu's result, if `g` counts only where it is positive.
    """
    if not all(_in_rows(a, data_format) for a in ((x,) if y is None else (x, y))):
        return None
    n = x.size // x.shape[-1]
    mean, variance = (lent[0], lent[1] * (max(n - 1, 1) / n)) if lent else batch_norm.moments(rows(x))
    g_x = take(arena, x.shape, x.dtype)
    if not g.flags.c_contiguous:  # it is a part of a larger one, such as a concatenation's
        g_x[...] = g
        g = g_x
    inverse = 1 / np.sqrt(variance + epsilon)
    return g_x, *batch_norm.gradients(rows(g), rows(x), scale, mean, inverse, rows(g_x), y)


def relu_fused_batch_norm_grad(arena, g, y, x, *others, **attrs):
    """fused_batch_norm_grad(relu_grad(g, y), x, ...)."""
    return fused_batch_norm_grad(arena, g, x, *others, **attrs, y=y)


def bias_add_grad(arena, g, *, data_format=None):
    """`ops.normalize.bias_add_grad`."""
    return batch_norm.column_sums(rows(g)) if _in_rows(g, data_format) else None


def _in_rows(x, data_format):
    return x.size > 0 and x.flags.c_contiguous and (x.ndim == 2 or (data_format or "NHWC")[1] != "C")


# ---- pooling


def _pooling(shape, ksize, attrs):
    """How windows slide, for `ops` and for the fast kernels; None for dilated windows."""
    attrs = {name: attrs.get(name, default) for name, default in _WINDOW.items()}
    kernel = per_dimension(ksize, 2, attrs["data_format"], "ksize")
    given = sliding(kernel, attrs["strides"], attrs["padding"], attrs["data_format"], attrs["dilations"])
    if given.dilations != (1, 1):
        return None
    _, sizes, _ = given.split(shape)
    return given, Slide(kernel, given.strides, tuple(before for before, _ in given.pads(sizes)))


_WINDOW = {"strides": None, "padding": None, "data_format": None, "dilations": 1}


def _pooled(kernel, arena, x, ksize, attrs):
    slides = _pooling(x.shape, ksize, attrs)
    if slides is None:
        return None
    given, slide = slides
    n, sizes, c = given.split(x.shape)
    y = take(arena, given.join(n, given.output_sizes(sizes), c), x.dtype)
    kernel(given.channels_last(x), given.channels_last(y), slide)
    return y


def max_pool2d(arena, x, *, ksize, **attrs):
    """`ops.pool.max_pool2d`."""
    return _pooled(pool.maximum, arena, x, ksize, attrs)


def avg_pool2d(arena, x, *, ksize, **attrs):
    """`ops.pool.avg_pool2d`."""
    return _pooled(pool.mean, arena, x, ksize, attrs)


def max_pool2d_grad(arena, x, g, *lent, ksize, **attrs):
    """`ops.pool.max_pool2d_grad`. `lent`: the maxima, if the forward step has left them."""
    slides = _pooling(x.shape, ksize, attrs)
    y = lent[0] if lent else max_pool2d(arena, x, ksize=ksize, **attrs)
    if slides is None or y is None or y.size == 0 or np.isnan(y.max()):
        return None
    given, slide = slides
    out = take(arena, x.shape, g.dtype)
    last = given.channels_last
    pool.maximum_grad(last(x), last(y), last(g), last(out), slide)
    return out


def relu_max_pool2d_grad(arena, y, g, pooled, **attrs):
    """relu_grad(max_pool2d_grad(y, g), y), where `pooled` holds the maxima of y.

    A maximum is positive where its element is, so the cotangent can be cut where there is less of it.
    """
    if not (g.flags.c_contiguous and pooled.flags.c_contiguous):
        return None
    positive = take(arena, g.shape, g.dtype)
    by_blocks([(where_positive, (0, 1))], [g, pooled], ("whole", "whole"), positive)
    result = max_pool2d_grad(arena, y, positive, pooled, **attrs)
    arena.give(positive)
    return result


def avg_pool2d_grad(arena, like, g, *, ksize, **attrs):
    """`ops.pool.avg_pool2d_grad`."""
    slides = _pooling(like.shape, ksize, attrs)
    if slides is None:
        return None
    given, slide = slides
    out = take(arena, like.shape, g.dtype)
    pool.mean_grad(given.channels_last(g), given.channels_last(out), slide)
    return out


# ---- what a gradient takes from the forward step

LENT = {  # op: (forward op, the number of the input that they share, the outputs that are lent)
    "fused_batch_norm_grad": ("fused_batch_norm", 1, (1, 2)),
    "max_pool2d_grad": ("max_pool2d", 0, (0,)),
}


def lend(step, forwards):
    """The step's inputs, and what its forward step lends; `forwards`: {(op's name, slot of first input): step}."""
    if step.node.op.name not in LENT or step.node.op.name not in FAST or step.rewritten:
        return step.inputs
    if step.node.outputs[0].spec.dtype.char not in "fd":
        return step.inputs
    name, shared, outputs = LENT[step.node.op.name]
    forward = forwards.get((name, step.inputs[shared]))
    if forward is None or any(forward.node.attrs[key] != value for key, value in step.node.attrs.items()):
        return step.inputs
    if not forward.node.attrs.get("is_training", True):
        return step.inputs
    return (*step.inputs, *(forward.outputs[i] for i in outputs))


def take(arena, shape, dtype):
    return arena.take(shape, dtype, math.prod(shape))


_CONVOLUTIONS = (conv2d, conv2d_backprop_input, conv2d_backprop_filter)
FAST = {
    kernel.__name__: kernel
    for kernel in (
        matmul, concat, pad_by, conv2d, conv2d_backprop_input, conv2d_backprop_filter,
        depthwise_conv2d_native, depthwise_conv2d_native_backprop_input, depthwise_conv2d_native_backprop_filter,
        fused_batch_norm, fused_batch_norm_grad,
        max_pool2d, max_pool2d_grad, avg_pool2d, avg_pool2d_grad, bias_add_grad,
    )
}  # fmt: skip
