"""The fast kernels of convolutions: which algorithm, on which arrays.

before: conv.py, columns.py, lines.py, winograd.py, depthwise.py, several.py   next: kernels.py
"""

import numpy as np

from npslim.fast import columns, depthwise, lines, several, winograd2, winograd4
from npslim.fast import conv as windows
from npslim.fast.arena import take
from npslim.fast.blas import large_product, product
from npslim.fast.choice import algorithm
from npslim.fast.conv import Slide, correlate_input, phases
from npslim.fast.tiles import flat, rows
from npslim.fast.workers import each
from npslim.ops.windows import sliding

MANY = 8  # pairs of shapes that a step remembers


class Convolution:
    """The attributes of a convolution for one shape of input and filter; its arrays have their channels last.

    wanted: what is computed, the output, or the gradient by the "input" or "filter".
    """

    def __init__(self, shape, w, attrs, wanted="output"):
        given = sliding(w[:2], attrs["strides"], attrs["padding"], attrs.get("data_format"), attrs.get("dilations", 1))
        n, sizes, c = given.split(shape)
        pads, out = given.pads(sizes), given.output_sizes(sizes)
        self.given, self.dilations = given, given.dilations
        self.rare = given.dilations != (1, 1) != given.strides
        self.slide = Slide(given.kernel, given.strides, tuple(before for before, _ in pads))
        self.output = given.join(n, out, w[3])
        self.places, self.channels = n * out[0] * out[1], c
        width = out[1] // given.dilations[1]
        self.algorithm = algorithm(given.kernel, given.strides, c, w[3], self.places, width, wanted == "filter")
        self.winograd = (winograd4 if attrs.get("rough") else winograd2).WINOGRAD
        inside = not any(map(any, pads))
        if inside and given.kernel == tuple(sizes) and not given.channels_first:
            self.algorithm = "dense"
        elif self.algorithm == "product":
            self.algorithm = "columns" if not inside else "products of images" if given.channels_first else "product"
        elif wanted == "input" and self.algorithm != "winograd" and columns.adds_planes(w, out):
            self.algorithm = "planes"
        elif self.algorithm == "lines" and not lines.fit(given.kernel, given.strides, pads):
            self.algorithm = "columns"
        self.direct = {"windows": windows, "lines": lines}.get(self.algorithm, columns)

    def described(self):
        """What it is computed by: " by windows"."""
        if self.rare:
            return ", left to the plain one"
        rough = self.algorithm == "winograd" and self.winograd is winograd4.WINOGRAD
        return f" by {self.algorithm}" + " of 4x4" * rough + ", dilated" * (self.dilations != (1, 1))

    def parts(self, x, y):
        """[(part of x, part of y, Slide)] without dilations, channels last."""
        x, y = self.last(x), self.last(y)
        return [(x, y, self.slide)] if self.dilations == (1, 1) else phases(x, y, self.slide, self.dilations)

    def last(self, x):
        return self.given.channels_last(x)


def _known(known, shape, w, attrs, wanted="output", kind=Convolution):
    """The convolution of these shapes; `known`: those of a step's last runs, for to find out takes Python a while."""
    if known is None:
        return kind(shape, w, attrs, wanted)
    conv = known.get((shape, w))
    if conv is None:
        if len(known) >= MANY:
            known.clear()
        conv = known[shape, w] = kind(shape, w, attrs, wanted)
    return conv


def convolution(step, attrs=None):
    """What is known of a step's convolution, for one image if it is not known for how many; None if that is too little.

    attrs: in place of the node's own.
    """
    node = step.node
    wanted = node.op.name.rpartition("_")[2]  # of conv2d_backprop_input
    x, w = node.inputs[0].spec.shape, (node.outputs[0] if wanted == "filter" else node.inputs[1]).spec.shape
    if wanted == "transpose":
        x, wanted = node.outputs[0].spec.shape, "input"
    if None in (x, w) or None in (*x[1:], *w):
        return None
    kind = Depthwise if node.op.name.startswith("depthwise") else Convolution
    return kind((x[0] or 1, *x[1:]), w, attrs or node.attrs, wanted)


def each_image(matrix, x, y):
    """`matrix` times each image of `x` `[n, c, h, w]`, whose channels are rows, into `y` `[n, o, h, w]`."""
    each(lambda i: np.matmul(matrix, flat(x[i]), out=flat(y[i])), range(len(x)))


def conv2d(arena, x, w, *, known=None, **attrs):
    """`ops.conv.conv2d`."""
    conv = _known(known, x.shape, w.shape, attrs)
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


def conv2d_backprop_input(arena, like, w, g, *, known=None, **attrs):
    """`ops.conv.conv2d_backprop_input`."""
    conv = _known(known, like.shape, w.shape, attrs, "input")
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
            elif conv.algorithm == "planes":
                columns.correlate_input_of_few(cotangent, w, target, slide)
            elif conv.algorithm == "columns" and columns.adds_well(cotangent, slide.strides):
                columns.correlate_input(cotangent, w, target, slide)
            else:
                correlate_input(cotangent, w.transpose(0, 1, 3, 2), target, slide, conv.direct.correlate)
    return x


def conv2d_transpose(arena, x, w, output_shape, **attrs):
    """`ops.conv.conv2d_transpose`: the gradient of the convolution that leads from `output_shape` to the shape of x."""
    like = np.broadcast_to(x.dtype.type(0), tuple(int(size) for size in output_shape))
    conv = Convolution(like.shape, w.shape, attrs) if like.ndim == 4 else None
    if conv is None or (conv.output, conv.channels) != (x.shape, w.shape[2]):
        return None  # the plain kernel tells what is wrong
    return conv2d_backprop_input(arena, like, w, x, **attrs)


def conv2d_backprop_filter(arena, x, like, g, *, known=None, **attrs):
    """`ops.conv.conv2d_backprop_filter`."""
    conv = _known(known, x.shape, like.shape, attrs, "filter")
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


class Depthwise(Convolution):
    """The same of a depthwise convolution by `[kh, kw, c, m]`; several: m is not 1."""

    def __init__(self, shape, w, attrs, wanted="output"):
        super().__init__(shape, w, attrs)
        self.rare, self.several = self.given.dilations != (1, 1), w[3] != 1
        by_channel = self.several and wanted != "input"
        self.algorithm = "a product for each channel" if by_channel else "passes over rows"
        self.output = self.given.join(self.output[0], self.given.split(self.output)[1], w[2] * w[3])


def depthwise_conv2d_native(arena, x, w, *, known=None, **attrs):
    """`ops.conv.depthwise_conv2d_native`."""
    conv = _known(known, x.shape, w.shape, attrs, kind=Depthwise)
    if conv.rare:
        return None
    y = take(arena, conv.output, x.dtype)
    if conv.several:
        several.correlate(conv.last(x), w, conv.last(y), conv.slide)
    else:
        depthwise.correlate(conv.last(x), w[..., 0], conv.last(y), conv.slide)
    return y


def depthwise_conv2d_native_backprop_input(arena, like, w, g, *, known=None, **attrs):
    """`ops.conv.depthwise_conv2d_native_backprop_input`."""
    conv = _known(known, like.shape, w.shape, attrs, "input", Depthwise)
    if conv.rare:
        return None
    x = take(arena, like.shape, g.dtype)
    if not conv.several:
        correlate_input(conv.last(g), w[..., 0], conv.last(x), conv.slide, depthwise.correlate)
        return x
    g = conv.last(g)
    one, term = take(arena, g[..., :: w.shape[3]].shape, g.dtype), take(arena, like.shape, g.dtype)
    for k in range(w.shape[3]):  # the filters number k of all channels
        one[...] = g[..., k :: w.shape[3]]
        into = term if k else x
        correlate_input(one, w[..., k], conv.last(into), conv.slide, depthwise.correlate)
        if k:
            np.add(x, term, out=x)
    arena.give(one)
    arena.give(term)
    return x


def depthwise_conv2d_native_backprop_filter(arena, x, like, g, *, known=None, **attrs):
    """`ops.conv.depthwise_conv2d_native_backprop_filter`."""
    conv = _known(known, x.shape, like.shape, attrs, kind=Depthwise)
    if conv.rare:
        return None
    w = take(arena, like.shape, g.dtype)
    if conv.several:
        several.correlate_filter(conv.last(x), conv.last(g), w, conv.slide)
    else:
        depthwise.correlate_filter(conv.last(x), conv.last(g), w[..., 0], conv.slide)
    return w


DEPTHWISE = (
    depthwise_conv2d_native, depthwise_conv2d_native_backprop_input, depthwise_conv2d_native_backprop_filter,
)  # fmt: skip
CONVOLUTIONS = (conv2d, conv2d_backprop_input, conv2d_backprop_filter, conv2d_transpose)
