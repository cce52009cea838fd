"""Pooling: look at every window, take its maximum or its mean.

TensorFlow's CPU kernels do not agree with each other at the edges. Here a maximum hands its gradient to the first of
equal elements in any number of dimensions (TensorFlow in three: to each of them), NaN and -infinity come through
(TensorFlow in two: they may turn into the next or the lowest number), and padding is never negative.

before: windows.py, conv.py   next: normalize.py
"""

import math
from typing import Any

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor, canonical
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.shape import expand_dims, squeeze
from npslim.ops.windows import Lift, overlap_add, padded, per_dimension, sliding, windows
from npslim.scopes import name_scope
from npslim.spec import Spec, compatible, merge, show_shape


def _sliding(n, ksize, strides, padding, data_format, dilations):
    return sliding(per_dimension(ksize, n, data_format, "ksize"), strides, padding, data_format, dilations)


def _taps(x, slide, outside):
    """The elements of each window in a row: `[n, *out, taps, c]`; `outside` stands for those that are not in `x`."""
    found = windows(padded(x, slide, outside), slide)
    places = found.ndim - len(slide.kernel) - 1
    return found.reshape(*found.shape[:places], math.prod(slide.kernel), found.shape[-1])


def _put_back(taps, sizes, slide):
    """The adjoint of `_taps`: the elements of each window added up where they lie."""
    return overlap_add(taps.reshape(*taps.shape[:-2], *slide.kernel, taps.shape[-1]), sizes, slide)


def _lowest(dtype):
    """What loses against every element."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _first_maximum(x, slide):
    """Which element of each window is the maximum, the first of equal ones: `[n, *out, 1, c]`."""
    xp = array_module(x)
    return xp.expand_dims(_taps(x, slide, _lowest(x.dtype)).argmax(axis=-2), -2)


def _inside(sizes, slide, like):
    """How many elements of each window are elements of the input, not padding: `[1, *out, 1]`."""
    ones = array_module(like).ones((1, *sizes, 1), like.dtype)
    return _taps(ones, slide, 0).sum(axis=-2)


def _pooled(x, slide):
    """The shape of the pooled spec `x`."""
    n, sizes, c = slide.split(x.shape)
    return slide.join(n, slide.output_sizes(sizes), c)


def _maximum_family(n, name, type) -> tuple[Any, ...]:
    """Define maximum pooling over n dimensions, its gradient, and the gradient of that one."""

    def pool(x, *, ksize, strides, padding, data_format=None, dilations=1):
        slide = _sliding(n, ksize, strides, padding, data_format, dilations)
        x = slide.channels_last(x)
        return slide.as_given(_taps(x, slide, _lowest(x.dtype)).max(axis=-2))

    def put(x, g, *, ksize, strides, padding, data_format=None, dilations=1):
        slide = _sliding(n, ksize, strides, padding, data_format, dilations)
        xp, x, g = array_module(x), slide.channels_last(x), slide.channels_last(g)
        numbers = xp.arange(math.prod(slide.kernel)).reshape(-1, 1)
        chosen = numbers == _first_maximum(x, slide)
        taps = xp.where(chosen, xp.expand_dims(g, -2), g.dtype.type(0))
        return slide.as_given(_put_back(taps, x.shape[1:-1], slide))

    def take(x, h, *, ksize, strides, padding, data_format=None, dilations=1):
        slide = _sliding(n, ksize, strides, padding, data_format, dilations)
        xp, x, h = array_module(x), slide.channels_last(x), slide.channels_last(h)
        found = xp.take_along_axis(_taps(h, slide, 0), _first_maximum(x, slide), -2)
        return slide.as_given(found[..., 0, :])

    sizes = ", ".join("dhw"[-n:])
    _named(
        pool, name,
        f"""The maximum of each window of `[n, {sizes}, c]`; NaN where the window holds one.

        ksize, strides, dilations: a number, one for each spatial dimension, or one for each dimension of `x`.
        padding: "SAME", "VALID", or pairs (before, after) for each dimension of `x`.
        data_format: where the channels are, last if None. The gradient goes to the first of equal elements.
        Raises ShapeError if a window is larger than the input.
        """,
    )  # fmt: skip
    _named(
        put,
        f"{name}_grad",
        f"The gradient of `{name}`: `g`, put where each window of `x` has its first maximum, and added up.",
    )
    _named(
        take,
        f"{name}_grad_grad",
        f"What `h` holds where each window of `x` has its first maximum: the gradient of `{name}_grad`.",
    )
    pool = op(pool, type=type)
    put, take = op(put, type=type + "Grad"), op(take, type=type + "GradGrad")

    @pool.shape
    def _(x, *, ksize, strides, padding, data_format, dilations):
        return Spec(_pooled(x, _sliding(n, ksize, strides, padding, data_format, dilations)), x.dtype)

    put.shape(_shape_of_put(n))

    @take.shape
    def _(x, h, *, ksize, strides, padding, data_format, dilations):
        slide = _sliding(n, ksize, strides, padding, data_format, dilations)
        return Spec(_pooled(Spec(merge(x.shape, h.shape), x.dtype), slide), x.dtype)

    @pool.vjp
    def _(g, y, x, **attrs):
        return put(x, g, **attrs)

    @put.vjp
    def _(h, y, x, g, **attrs):
        return None, take(x, h, **attrs)

    @take.vjp
    def _(g, y, x, h, **attrs):
        return None, put(x, g, **attrs)

    return pool, put, take


def _average_family(n, name, type) -> tuple[Any, ...]:
    """Define average pooling over n dimensions and its gradient."""

    def pool(x, *, ksize, strides, padding, data_format=None, dilations=1):
        slide = _sliding(n, ksize, strides, padding, data_format, dilations)
        x = slide.channels_last(x)
        return slide.as_given(_taps(x, slide, 0).sum(axis=-2) / _inside(x.shape[1:-1], slide, x))

    def put(like, g, *, ksize, strides, padding, data_format=None, dilations=1):
        slide = _sliding(n, ksize, strides, padding, data_format, dilations)
        xp, sizes = array_module(g), slide.split(like.shape)[1]
        share = xp.expand_dims(slide.channels_last(g) / _inside(sizes, slide, g), -2)
        return slide.as_given(_put_back(xp.repeat(share, math.prod(slide.kernel), -2), sizes, slide))

    sizes = ", ".join("dhw"[-n:])
    _named(
        pool, name,
        f"""The mean of each window of `[n, {sizes}, c]`; at a border, of its elements that are inside.

        ksize, strides, dilations: a number, one for each spatial dimension, or one for each dimension of `x`.
        padding: "SAME" or "VALID". data_format: where the channels are, last if None.
        Raises ShapeError if a window is larger than the input.
        """,
    )  # fmt: skip
    _named(
        put,
        f"{name}_grad",
        f"The gradient of `{name}` by its input, which is like `like`: each window's share of `g`, added up.",
    )
    pool, put = (
        op(pool, type=type, holomorphic=True),
        op(put, type=type + "Grad", holomorphic=True, shape_only=("like",)),
    )

    @pool.shape
    def _(x, *, ksize, strides, padding, data_format, dilations):
        if isinstance(padding, tuple):
            raise InvalidArgumentError("Average pooling has no such padding.", expected="SAME or VALID", got=padding)
        return Spec(_pooled(x, _sliding(n, ksize, strides, padding, data_format, dilations)), x.dtype)

    put.shape(_shape_of_put(n))

    @pool.vjp
    def _(g, y, x, **attrs):
        return put(x, g, **attrs)

    @put.vjp
    def _(h, y, like, g, **attrs):
        return None, pool(h, **attrs)

    return pool, put


def _shape_of_put(n):
    """The shape rule of a gradient: like the input, whose pooled shape the cotangent must have."""

    def rule(x, g, *, ksize, strides, padding, data_format, dilations):
        slide = _sliding(n, ksize, strides, padding, data_format, dilations)
        expected = _pooled(x, slide)
        if not compatible(g.shape, expected):
            raise ShapeError(
                "The cotangent is not like the output.", expected=show_shape(expected), got=show_shape(g.shape)
            )
        batch, _, c = slide.split(g.shape)
        return Spec(merge(x.shape, slide.join(batch, (None,) * n, c)), g.dtype)

    return rule


def _named(kernel, name, doc):
    kernel.__name__, kernel.__doc__ = name, doc


max_pool2d, max_pool2d_grad, max_pool2d_grad_grad = _maximum_family(2, "max_pool2d", "MaxPool")
max_pool3d, max_pool3d_grad, max_pool3d_grad_grad = _maximum_family(3, "max_pool3d", "MaxPool3D")
avg_pool2d, avg_pool2d_grad = _average_family(2, "avg_pool2d", "AvgPool")
avg_pool3d, avg_pool3d_grad = _average_family(3, "avg_pool3d", "AvgPool3D")


INT64 = np.dtype(np.int64)

# ---- TensorFlow's functions made of them


def max_pool(value, ksize, strides, padding, data_format=None, name=None):
    """The maximum of each window, over 1 to 3 dimensions by the rank of `value`; see `max_pool2d`."""
    return _by_rank((max_pool1d, max_pool2d, max_pool3d), value, ksize, strides, padding, data_format, name)


def avg_pool(value, ksize, strides, padding, data_format=None, name=None):
    """The mean of each window, over 1 to 3 dimensions by the rank of `value`; see `avg_pool2d`."""
    return _by_rank((avg_pool1d, avg_pool2d, avg_pool3d), value, ksize, strides, padding, data_format, name)


def _by_rank(functions, value, ksize, strides, padding, data_format, name):
    value = as_tensor(value)
    rank = 4 if value.spec.rank is None else value.spec.rank
    if not 3 <= rank <= 5:
        raise ShapeError(
            "pool: the input has the wrong rank.", expected="rank 3, 4 or 5", got=show_shape(value.spec.shape)
        )
    return functions[rank - 3](value, ksize=ksize, strides=strides, padding=padding, data_format=data_format, name=name)


def max_pool1d(input, ksize, strides, padding, data_format=None, name=None, dilations=1):
    """The maximum of each window of `[n, w, c]`, as a `max_pool2d` of height 1."""
    return _of_height_one(max_pool2d, "MaxPool1d", input, ksize, strides, padding, data_format, name, dilations)


def avg_pool1d(input, ksize, strides, padding, data_format=None, name=None, dilations=1):
    """The mean of each window of `[n, w, c]`, as an `avg_pool2d` of height 1."""
    return _of_height_one(avg_pool2d, "AvgPool1D", input, ksize, strides, padding, data_format, name, dilations)


def _of_height_one(function, default_name, x, ksize, strides, padding, data_format, name, dilations):
    with name_scope(name, default_name, [x]) as scope:
        lift = Lift(data_format)
        y = function(
            expand_dims(x, axis=lift.axis), ksize=lift(ksize, "ksize"), strides=lift(strides, "strides"),
            padding=padding, data_format=lift.data_format, dilations=lift(dilations, "dilations"), name=scope,
        )  # fmt: skip
        return squeeze(y, axis=(lift.axis,))


def pool(
    input, window_shape, pooling_type, padding, dilation_rate=None, strides=None, name=None, data_format=None,
    dilations=None,
):  # fmt: skip
    """The maximum ("MAX") or mean ("AVG") of windows, over as many dimensions, 1 to 3, as `window_shape` has numbers.

    strides, dilation_rate: one for each spatial dimension; 1 if None. dilations: another name for dilation_rate.
    Raises InvalidArgumentError for another pooling_type.
    """
    functions = {"MAX": (max_pool1d, max_pool2d, max_pool3d), "AVG": (avg_pool1d, avg_pool2d, avg_pool3d)}
    window = canonical(window_shape)
    if pooling_type not in functions or not isinstance(window, tuple) or not 1 <= len(window) <= 3:
        raise InvalidArgumentError(
            "pool: unknown pooling_type or window_shape.", expected="MAX or AVG, and 1 to 3 numbers",
            got=f"{pooling_type!r} and {window}",
        )  # fmt: skip
    rate = dilations if dilation_rate is None else dilation_rate
    with name_scope(name, f"{pooling_type.lower()}_pool", [input]) as scope:
        return functions[pooling_type][len(window) - 1](
            input, ksize=window, strides=1 if strides is None else strides, padding=padding, data_format=data_format,
            dilations=1 if rate is None else rate, name=scope,
        )  # fmt: skip


@op(type="MaxPoolWithArgmax")
def max_pool_with_argmax(
    input, *, ksize, strides, padding, data_format=None, output_dtype=INT64, include_batch_in_index=False
):
    """The maximum of each window of `[n, h, w, c]`, and its place: the index `(y * w + x) * c + channel`.

    include_batch_in_index: count from the start of the batch, not of the example. The rest is as in `max_pool2d`.
    """
    slide = _sliding(2, ksize, strides, padding, data_format, 1)
    xp, x = array_module(input), slide.channels_last(input)
    n, *rest = x.shape
    size = math.prod(rest)
    numbers = xp.arange(size, dtype=output_dtype).reshape(1, *rest)
    if include_batch_in_index:
        numbers = numbers + (xp.arange(n, dtype=output_dtype) * size).reshape(-1, 1, 1, 1)
    where = _first_maximum(x, slide)
    values = xp.take_along_axis(_taps(x, slide, _lowest(x.dtype)), where, -2)
    places = xp.take_along_axis(_taps(xp.broadcast_to(numbers, x.shape), slide, 0), where, -2)
    return slide.as_given(values[..., 0, :]), slide.as_given(places[..., 0, :])


@max_pool_with_argmax.shape
def _(input, *, ksize, strides, padding, data_format, output_dtype):
    shape = _pooled(input, _sliding(2, ksize, strides, padding, data_format, 1))
    return Spec(shape, input.dtype), Spec(shape, output_dtype)


@max_pool_with_argmax.vjp
def _(gs, ys, input, *, ksize, strides, padding, data_format):
    return max_pool2d_grad(input, gs[0], ksize=ksize, strides=strides, padding=padding, data_format=data_format)


# ---- cases


def _far_apart(shape):
    """Elements of which no two are near each other: a small step changes no maximum."""
    return lambda rng: (rng.permutation(math.prod(shape)).reshape(shape) * 0.1,)


def _examples(family, shape, options):
    """The cases of a pooling and its gradients."""
    for attrs in options:
        order = (0, len(shape) - 1, *range(1, len(shape) - 1))
        given = [shape[i] for i in order] if attrs.get("data_format", "NHWC").startswith("NC") else shape
        for n in (shape[0], 0) if attrs is options[0] else (shape[0],):
            draw = _far_apart((n, *given[1:]))

            def draw_two(rng, draw=draw, attrs=attrs):
                (x,) = draw(rng)
                return x, rng.normal(size=family[0].kernel(x, **attrs).shape)

            family[0].cases(draw, **attrs)
            family[1].cases(draw_two, **attrs)
            for made in family[2:]:
                made.cases(lambda rng, draw=draw: (*draw(rng), *draw(rng)), **attrs)


_PLANE = (
    {"ksize": 2, "strides": 2, "padding": "VALID"},
    {"ksize": 3, "strides": 2, "padding": "SAME"},
    {"ksize": (1, 2, 3, 1), "strides": (1, 1, 2, 1), "padding": "SAME"},
    {"ksize": (3, 2), "strides": 1, "padding": "VALID", "data_format": "NCHW"},
    {"ksize": (1, 1, 2, 2), "strides": (1, 1, 1, 3), "padding": "SAME", "data_format": "NCHW"},
    {"ksize": 2, "strides": 1, "padding": "SAME", "dilations": 2},
)
_SPACE = (
    {"ksize": 2, "strides": 2, "padding": "SAME"},
    {"ksize": (2, 1, 3), "strides": (1, 2, 1), "padding": "VALID", "data_format": "NCDHW"},
)
_examples((max_pool2d, max_pool2d_grad, max_pool2d_grad_grad), (2, 5, 4, 2), _PLANE)
_examples((avg_pool2d, avg_pool2d_grad), (2, 5, 4, 2), _PLANE)
_examples((max_pool3d, max_pool3d_grad, max_pool3d_grad_grad), (1, 3, 4, 3, 2), _SPACE)
_examples((avg_pool3d, avg_pool3d_grad), (1, 3, 4, 3, 2), _SPACE)
_examples(
    (max_pool2d, max_pool2d_grad), (2, 5, 4, 2),
    [{"ksize": 3, "strides": 2, "padding": ((0, 0), (1, 0), (1, 2), (0, 0))}],
)  # fmt: skip
max_pool2d.cases(lambda rng: (rng.integers(-9, 9, (2, 3, 3, 2)).astype(np.int32),), ksize=2, strides=1, padding="SAME")
max_pool2d.cases(lambda rng: (np.zeros((1, 3, 3, 1)),), ksize=2, strides=1, padding="SAME", gradient=False)
max_pool2d_grad.cases(
    lambda rng: (rng.integers(0, 2, (2, 4, 4, 2)) * 1.0, rng.normal(size=(2, 3, 3, 2))),
    ksize=2, strides=1, padding="VALID", gradient=False,
)  # fmt: skip
max_pool_with_argmax.cases(_far_apart((2, 5, 4, 2)), _far_apart((0, 5, 4, 2)), ksize=2, strides=2, padding="VALID")
max_pool_with_argmax.cases(
    _far_apart((2, 5, 4, 2)), ksize=(1, 3, 3, 1), strides=2, padding="SAME", include_batch_in_index=True
)
max_pool_with_argmax.cases(
    _far_apart((2, 2, 5, 4)), ksize=2, strides=1, padding="SAME", data_format="NCHW", output_dtype=np.dtype(np.int32)
)
for _op in (max_pool2d, avg_pool2d):
    _op.rejects("larger than the input", lambda rng: (np.zeros((2, 2, 5, 3)),), ksize=3, strides=1, padding="VALID")
    _op.rejects("wrong rank", lambda rng: (np.zeros((2, 2, 5)),), ksize=3, strides=1, padding="SAME")
    _op.rejects("ksize of batch", lambda rng: (np.zeros((2, 2, 5, 3)),), ksize=(2, 1, 1, 1), strides=1, padding="SAME")
    _op.rejects("no strides", lambda rng: (np.zeros((2, 2, 5, 3)),), ksize=2, strides=0, padding="SAME")
avg_pool2d.rejects(
    "no such padding",
    lambda rng: (np.zeros((2, 4, 5, 3)),),
    ksize=2,
    strides=1,
    padding=((0, 0), (1, 1), (1, 1), (0, 0)),
)
max_pool2d_grad.rejects(
    "not like the output",
    lambda rng: (np.zeros((2, 4, 4, 3)), np.zeros((2, 3, 3, 3))),
    ksize=2,
    strides=2,
    padding="SAME",
)
