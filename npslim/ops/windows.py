"""Windows that slide over the spatial dimensions of an array: what convolution and pooling have in common.

Arrays are `[n, *sizes, c]` here, channels last. `windows` looks at every window of an array without copying it, and
`overlap_add` is its adjoint: it adds windows up where they lie. Shapes may hold None for what is not known yet.

before: op.py   next: conv.py, pool.py
"""

import itertools
from dataclasses import dataclass

from npslim.backend import array_module
from npslim.convert import canonical
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.spec import show_shape

FORMATS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}


@dataclass(frozen=True)
class Sliding:
    """How windows of `kernel` elements slide over the spatial dimensions: a tuple of a number for each of them.

    padding: "SAME" (zeros around, a window for each step that begins in the input), "VALID" (none), or pairs
    (before, after).
    """

    kernel: tuple
    strides: tuple
    dilations: tuple
    padding: object
    channels_first: bool

    def spans(self):
        """From the first element of a window to its last."""
        return [None if k is None else (k - 1) * d + 1 for k, d in zip(self.kernel, self.dilations, strict=True)]

    def output_sizes(self, sizes):
        """How many windows there are in each dimension. Raises ShapeError if a window does not fit in."""
        if self.padding == "SAME":
            return tuple(None if size is None else -(-size // s) for size, s in zip(sizes, self.strides, strict=True))
        found = []
        for size, span, stride, pad in zip(sizes, self.spans(), self.strides, self.pads(sizes), strict=True):
            if None in (size, span):
                found.append(None)
            elif size + sum(pad) < span:
                raise ShapeError(
                    "The window is larger than the input.", expected=f"a window of at most {size + sum(pad)}", got=span
                )
            else:
                found.append((size + sum(pad) - span) // stride + 1)
        return tuple(found)

    def pads(self, sizes):
        """(before, after) for each dimension. SAME puts the odd one behind, as TensorFlow does."""
        if self.padding == "VALID":
            return [(0, 0) for _ in sizes]
        if self.padding != "SAME":
            return list(self.padding)
        steps = zip(sizes, self.output_sizes(sizes), self.spans(), self.strides, strict=True)
        totals = [max((out - 1) * stride + span - size, 0) for size, out, span, stride in steps]
        return [(total // 2, total - total // 2) for total in totals]

    def split(self, shape):
        """(n, sizes, c) of a shape in the caller's order, None if unknown. Raises ShapeError for another rank."""
        rank = len(self.kernel) + 2
        if shape is None:
            return None, (None,) * (rank - 2), None
        if len(shape) != rank:
            raise ShapeError("The input has the wrong rank.", expected=f"rank {rank}", got=show_shape(shape))
        return (shape[0], shape[2:], shape[1]) if self.channels_first else (shape[0], shape[1:-1], shape[-1])

    def join(self, n, sizes, c):
        """The shape in the caller's order."""
        return (n, c, *sizes) if self.channels_first else (n, *sizes, c)

    def channels_last(self, x):
        """The caller's array as `[n, *sizes, c]`."""
        return array_module(x).moveaxis(x, 1, -1) if self.channels_first else x

    def as_given(self, y):
        """A result `[n, *sizes, c]` in the caller's order."""
        return array_module(y).moveaxis(y, -1, 1) if self.channels_first else y


def sliding(kernel, strides, padding, data_format=None, dilations=1):
    """The Sliding that TensorFlow's arguments mean. Raises InvalidArgumentError for those that mean nothing.

    strides, dilations: a number, one for each spatial dimension, or one for each dimension of the array.
    padding: "SAME", "VALID", or (before, after) for each dimension of the array.
    """
    n = len(kernel)
    if data_format not in (None, *FORMATS[n]):
        raise InvalidArgumentError("Unknown data_format.", expected=" or ".join(FORMATS[n]), got=repr(data_format))
    channels_first = data_format == FORMATS[n][1]
    if isinstance(padding, tuple):
        padding = _spatial(padding, n, channels_first, "padding", (0, 0))
    elif padding not in ("SAME", "VALID"):
        raise InvalidArgumentError("Unknown padding.", expected="SAME, VALID, or pairs of numbers", got=repr(padding))
    steps = [
        per_dimension(value, n, data_format, what) for value, what in ((strides, "strides"), (dilations, "dilations"))
    ]
    if any(k is not None and k < 1 for k in kernel):
        raise InvalidArgumentError("A window has no elements.", expected="sizes >= 1", got=kernel)
    return Sliding(tuple(kernel), *steps, padding, channels_first)


def per_dimension(value, n, data_format, what):
    """`value` as n numbers >= 1, from a number, one or n numbers, or n + 2 in the order of `data_format`."""
    values = value if isinstance(value, tuple) else (value,)
    if len(values) == n + 2:
        values = _spatial(values, n, data_format == FORMATS[n][1], what, 1)
    values = values * n if len(values) == 1 else values
    if len(values) != n or not all(isinstance(v, int) and v >= 1 for v in values):
        raise InvalidArgumentError(f"These are no {what}.", expected=f"1, {n} or {n + 2} integers >= 1", got=value)
    return values


def _spatial(values, n, channels_first, what, neutral):
    """The part of `values` that is about spatial dimensions; the rest must be `neutral`."""
    inner = values[2:] if channels_first else values[1:-1]
    rest = (values[0], values[1] if channels_first else values[-1])
    if len(inner) != n or rest != (neutral, neutral):
        raise InvalidArgumentError(
            f"The {what} of batch and channels must be {neutral}.",
            expected=f"{n + 2} values, two of them {neutral}",
            got=values,
        )
    return inner


class Lift:
    """One spatial dimension as two, of which the first has size 1: where it goes, and the arguments for it."""

    def __init__(self, data_format):
        first = data_format in ("NCW", "NCHW")  # TensorFlow takes the names for two dimensions here, too
        self.axis = -2 if first else -3
        self.data_format = {"NCW": "NCHW", "NWC": "NHWC"}.get(data_format, data_format)
        self.of_one = FORMATS[1][first]

    def __call__(self, value, what):
        """The two numbers for two dimensions."""
        return (1, *per_dimension(canonical(value), 1, self.of_one, what))


def padded(x, slide, value=0):
    """`x` `[n, *sizes, c]` with `value` around it."""
    return array_module(x).pad(x, [(0, 0), *slide.pads(x.shape[1:-1]), (0, 0)], constant_values=value)


def windows(x, slide):
    """Every window of the padded `x`, as a view `[n, *out, *kernel, c]`: no element is copied."""
    (n, *sizes, c), (of_n, *steps, of_c) = x.shape, x.strides
    out = [(size - span) // s + 1 for size, span, s in zip(sizes, slide.spans(), slide.strides, strict=True)]
    between = [step * s for step, s in zip(steps, slide.strides, strict=True)]
    within = [step * d for step, d in zip(steps, slide.dilations, strict=True)]
    view = array_module(x).lib.stride_tricks.as_strided
    return view(x, (n, *out, *slide.kernel, c), (of_n, *between, *within, of_c))


def overlap_add(blocks, sizes, slide):
    """The adjoint of `windows` after `padded`: `[n, *out, *kernel, c]` added up where they lie in `[n, *sizes, c]`."""
    d = len(sizes)
    out, pads = blocks.shape[1 : d + 1], slide.pads(sizes)
    outer = [before + size + after for size, (before, after) in zip(sizes, pads, strict=True)]
    total = array_module(blocks).zeros((blocks.shape[0], *outer, blocks.shape[-1]), blocks.dtype)
    for place in itertools.product(*map(range, slide.kernel)):
        first = [p * dilation for p, dilation in zip(place, slide.dilations, strict=True)]
        steps = zip(first, out, slide.strides, strict=True)
        total[:, *(slice(f, f + o * s, s) for f, o, s in steps)] += blocks[:, *[slice(None)] * d, *place]
    return total[:, *(slice(before, before + size) for size, (before, _) in zip(sizes, pads, strict=True))]
