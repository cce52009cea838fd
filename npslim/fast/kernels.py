"""The ops that have a fast kernel: a function of an arena and of the op's own inputs and attributes.

Its result is a buffer of the arena. It gives None where the plain kernel shall do it: for another layout, a rare
attribute, a small array.

before: convolutions.py, batch_norm.py, pool.py, near.py, broadcast.py, moves.py, softmax.py   next: rewrite.py
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim.fast import batch_norm, broadcast, moves, near, pool, softmax
from npslim.fast.arena import take
from npslim.fast.blas import large_product
from npslim.fast.conv import Slide
from npslim.fast.convolutions import (
    CONVOLUTIONS,
    DEPTHWISE,
    MANY,
    conv2d,
    conv2d_backprop_filter,
    conv2d_backprop_input,
    conv2d_transpose,
    convolution,
    depthwise_conv2d_native,
    depthwise_conv2d_native_backprop_filter,
    depthwise_conv2d_native_backprop_input,
)
from npslim.fast.functions import where_positive
from npslim.fast.loops import by_blocks
from npslim.fast.tiles import halves, rows
from npslim.fast.workers import each
from npslim.ops.windows import per_dimension, sliding
from npslim.spec import is_full

SMALL = 1 << 12  # elements of a result: below, the plain kernel is as quick
MATRICES = 1 << 14  # elements of several products that a thread takes at once


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
        small = fast in QUICK_WHEN_SMALL and is_full(spec.shape) and math.prod(spec.shape) < SMALL
        odd = spec.dtype.char not in "fd" and fast not in OF_ANY_DTYPE
        if odd or small or (fast is near.pow and step.node.inputs[1].spec.shape != ()):
            return None
        attrs = {**step.node.attrs, "rough": True} if rough and fast in CONVOLUTIONS else step.node.attrs
        return cls(step, step.inputs, fast, attrs, step.kernel)

    def used_first(self, slot):
        """False: what it reads cannot be written over."""
        return False

    def kernel(self, place, take=False):
        """The function of an arena and the inputs' arrays."""
        plain, fast, attrs, given = self.plain, self.fast, self.called_with(), self.given or len(self.step.node.inputs)

        def placed(arena, *inputs, **context):
            result = fast(arena, *inputs, **attrs, **context)
            return plain(*inputs[:given], **context) if result is None else result

        placed.label = f"fast {fast.__name__}{self.algorithm()}"
        return placed

    def called_with(self):
        """The attributes; and for kernels of windows, a place for what they have found out about shapes."""
        return {**self.attrs, "known": {}} if self.fast in SLIDING else self.attrs

    def algorithm(self):
        """How a convolution is computed, as far as the shapes are known: " by windows"."""
        conv = convolution(self.step, self.attrs) if self.fast in (*CONVOLUTIONS, *DEPTHWISE) else None
        return "" if conv is None else conv.described()


def matmul(arena, a, b, *, transpose_a=False, transpose_b=False):
    """`ops.linear.matmul` of two matrices, or of as many of them on both sides."""
    if a.ndim != 2 or b.ndim != 2:
        return _of_many(arena, a, b, transpose_a, transpose_b)
    a = a.T if transpose_a else a
    b = b.T if transpose_b else b
    m, n = len(a), b.shape[1]
    y = arena.take((m, n), a.dtype, m * n)
    large_product(a, b, y)
    return y


def _of_many(arena, a, b, transpose_a, transpose_b):
    if a.ndim != b.ndim or a.shape[:-2] != b.shape[:-2] or a.shape[0] == 0:
        return None
    a = a.swapaxes(-1, -2) if transpose_a else a
    b = b.swapaxes(-1, -2) if transpose_b else b
    y = take(arena, (*a.shape[:-1], b.shape[-1]), a.dtype)
    some = halves(len(y), max(1, MATRICES * len(y) // max(1, y.size)))
    each(lambda part: np.matmul(a[part], b[part], out=y[part]), some)
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
    unbiased, rate = np.asarray(unbiased, x.dtype), variance + epsilon
    np.divide(scale, np.sqrt(rate, out=rate), out=rate)
    batch_norm.normalize(rows(x), mean, rate, offset, rows(y), relu)
    return y, np.asarray(mean, x.dtype), unbiased


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
    inverse = variance + epsilon
    np.divide(1, np.sqrt(inverse, out=inverse), out=inverse)
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
    known, key = attrs.get("known"), (shape, ksize)
    if known is None:
        return _found_pooling(shape, ksize, attrs)
    found = known.get(key)
    if found is None:
        if len(known) >= MANY:
            known.clear()
        found = known[key] = _found_pooling(shape, ksize, attrs)
    return found


def _found_pooling(shape, ksize, attrs):
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


FAST = {
    **broadcast.KERNELS,
    **moves.KERNELS,
    **softmax.KERNELS,
    **{
        kernel.__name__: kernel
        for kernel in (
            matmul, concat, pad_by, conv2d, conv2d_backprop_input, conv2d_backprop_filter, conv2d_transpose,
            depthwise_conv2d_native, depthwise_conv2d_native_backprop_input, depthwise_conv2d_native_backprop_filter,
            fused_batch_norm, fused_batch_norm_grad,
            max_pool2d, max_pool2d_grad, avg_pool2d, avg_pool2d_grad, bias_add_grad,
            near.local_response_normalization, near.sum_of_near, near.pow,
        )
    },
}  # fmt: skip
OF_ANY_DTYPE = {*broadcast.KERNELS.values(), *moves.KERNELS.values()}
SLIDING = (
    *CONVOLUTIONS, *DEPTHWISE, max_pool2d, max_pool2d_grad, relu_max_pool2d_grad, avg_pool2d, avg_pool2d_grad,
)  # fmt: skip
QUICK_WHEN_SMALL = {  # the plain kernels
    matmul, near.local_response_normalization, near.sum_of_near, near.pow, softmax.softmax, softmax.log_softmax,
    *OF_ANY_DTYPE,
}  # fmt: skip
