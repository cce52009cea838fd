"""Slices and Python's indexing: parts of a tensor."""

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor, contains_tensor, is_tensor
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.indexing import boolean_mask
from npslim.ops.join import stack, unstack
from npslim.ops.logic import cast
from npslim.registry import OPERATORS
from npslim.scopes import name_scope
from npslim.spec import Spec


def _known(spec):
    """A known tensor of sizes as a list of int and None, or None if nothing is known of it."""
    return None if spec.known is None else [None if np.isnan(v) else int(v) for v in spec.known.ravel()]


# ---- slice(begin, size)


@op(
    alike=(),
    holomorphic=True,
    host=("begin", "size"),
    partial=True,
    type="Slice",
    node_name="Slice",
    reference=lambda x, begin, size: x[
        np.ix_(*(range(b, n if s == -1 else b + s) for b, s, n in zip(begin, size, x.shape, strict=True)))
    ],
)
def slice_(x, begin, size):
    """The part of `x` that begins at `begin` and has the given size; -1 takes the rest.

    Raises InvalidArgumentError where the part does not lie inside.
    """
    ends = [n if s == -1 else b + s for b, s, n in zip(begin.tolist(), size.tolist(), x.shape, strict=True)]
    for i, (b, e, n) in enumerate(zip(begin.tolist(), ends, x.shape, strict=True)):
        if not 0 <= b <= e <= n:
            raise InvalidArgumentError(
                "The slice is out of range.", expected=f"inside [0, {n}] in dimension {i}", got=f"[{b}, {e}]"
            )
    return x[tuple(slice(int(b), int(e)) for b, e in zip(begin, ends, strict=True))]


@slice_.shape
def _(x, begin, size):
    begins, sizes = _known(begin), _known(size)
    ranks = {v[0] for v in (begin.shape, size.shape) if v} | {x.rank}
    ranks.discard(None)
    if len(ranks) > 1:
        raise ShapeError(
            "There must be a begin and a size for each dimension.", expected=x.rank, got=f"{begin.shape}, {size.shape}"
        )
    if not ranks:
        return Spec(None, x.dtype)
    rank = ranks.pop()
    found = []
    for i in range(rank):
        n = None if x.shape is None else x.shape[i]
        b, s = None if begins is None else begins[i], None if sizes is None else sizes[i]
        if None not in (b, s, n) and not 0 <= b <= (n if s == -1 else b + s) <= n:
            raise ShapeError(
                "The slice is out of range.", expected=f"inside [0, {n}] in dimension {i}", got=f"begin {b}, size {s}"
            )
        found.append((None if None in (n, b) else n - b) if s == -1 else s)
    return Spec(tuple(found), x.dtype)


@slice_.vjp
def _(g, y, x, begin, size):
    return slice_grad(g, begin, x), None, None


slice_.cases(
    lambda rng: (rng.normal(size=(3, 4)), np.array([1, 0], np.int32), np.array([2, -1], np.int32)),
    lambda rng: (rng.normal(size=(3, 4)), np.array([1, 2], np.int32), np.array([0, 2], np.int32)),
)
slice_.rejects("each dimension", lambda rng: (np.zeros((3, 2)), np.array([1]), np.array([3])))
slice_.rejects("out of range", lambda rng: (np.zeros((3,)), np.array([1]), np.array([3])))


@op(
    holomorphic=True,
    alike=(),
    host=("begin",),
    shape_only=("like",),
    reference=lambda g, begin, like: np.pad(
        g, [(b, n - b - s) for b, n, s in zip(begin, like.shape, g.shape, strict=True)]
    ),
)
def slice_grad(g, begin, like):
    """Zeros of the shape of `like` with `g` at `begin`."""
    total = array_module(g).zeros(like.shape, g.dtype)
    total[tuple(slice(b, b + s) for b, s in zip(begin.tolist(), g.shape, strict=True))] = g
    return total


@slice_grad.shape
def _(g, begin, like):
    return Spec(like.shape, g.dtype)


@slice_grad.vjp
def _(h, y, g, begin, like):
    return slice_as(h, begin, g), None, None


slice_grad.cases(lambda rng: (rng.normal(size=(2, 2)), np.array([1, 0], np.int32), np.zeros((3, 4))))


@op(
    holomorphic=True,
    alike=(),
    host=("begin",),
    shape_only=("like",),
    reference=lambda x, begin, like: x[np.ix_(*(range(b, b + s) for b, s in zip(begin, like.shape, strict=True)))],
)
def slice_as(x, begin, like):
    """The part of `x` that begins at `begin` and has the shape of `like`."""
    return x[tuple(slice(b, b + s) for b, s in zip(begin.tolist(), like.shape, strict=True))]


@slice_as.shape
def _(x, begin, like):
    return Spec(like.shape, x.dtype)


@slice_as.vjp
def _(g, y, x, begin, like):
    return slice_grad(g, begin, x), None, None


slice_as.cases(lambda rng: (rng.normal(size=(3, 4)), np.array([1, 0], np.int32), np.zeros((2, 2))))


# ---- Python's indexing
#
# `plan` says what stands at each place of the index: "i" an integer, "s" a slice, "n" a new axis, "." an ellipsis. The
# numbers themselves are inputs, three for each place (begin, end, step), because programs compute them; `missing` says
# which of them a slice leaves out.


def index_of(plan, missing, numbers):
    """The index that Python would see."""
    places = []
    for i, kind in enumerate(plan):
        begin, end, step = (int(n) if n is not None else None for n in numbers[3 * i : 3 * i + 3])
        if kind == "i":
            places.append(begin)
        elif kind == "s":
            left_out = missing[i]
            places.append(slice(None if "b" in left_out else begin, None if "e" in left_out else end, step))
        else:
            places.append(None if kind == "n" else Ellipsis)
    return tuple(places)


def _by_iteration(x, numbers, plan, missing):
    """The indexed elements one by one: positions are indexed instead of values."""
    positions = np.arange(x.size).reshape(x.shape)[index_of(plan, missing, numbers.tolist())]
    return np.array([x.ravel()[p] for p in positions.ravel()], x.dtype).reshape(positions.shape)


@op(
    alike=(),
    holomorphic=True,
    host=("numbers",),
    partial=True,
    type="StridedSlice",
    node_name="strided_slice",
    reference=_by_iteration,
)
def strided_slice_by(x, numbers, *, plan, missing):
    """`x[index]` for an index of integers, slices, new axes and an ellipsis; see `index_of`."""
    try:
        return x[index_of(plan, missing, numbers.tolist())]
    except IndexError as error:
        raise InvalidArgumentError(f"strided_slice: {error}.", expected="an index inside", got=x.shape) from None


@strided_slice_by.shape
def _(x, numbers, *, plan, missing):
    if x.shape is None:
        return Spec(None, x.dtype)
    numbers = _known(numbers) or [None] * (3 * len(plan))
    consumed = sum(kind in "is" for kind in plan)
    if consumed > len(x.shape):
        raise ShapeError("There are more indices than dimensions.", expected=f"<= {len(x.shape)}", got=consumed)
    plan_, missing_ = list(plan), list(missing)
    at = plan_.index(".") if "." in plan_ else len(plan_)
    rest = len(x.shape) - consumed
    found, d = [], 0
    for i, kind in enumerate(plan_ if at < len(plan_) else [*plan_, "."]):
        if kind == "n":
            found.append(1)
        elif kind == ".":
            found.extend(x.shape[d : d + rest])
            d += rest
        else:
            found.extend(_size_of(kind, missing_[i], numbers[3 * i : 3 * i + 3], x.shape[d], d))
            d += 1
    return Spec(tuple(found), x.dtype)


def _size_of(kind, left_out, numbers, n, d):
    """The sizes that one place of the index leaves of a dimension of size n: none, or one."""
    begin, end, step = numbers
    if kind == "i":
        if None not in (begin, n) and not -n <= begin < n:
            raise ShapeError("The index is out of range.", expected=f"-{n} <= index < {n} in dimension {d}", got=begin)
        return []
    if step == 0:
        raise InvalidArgumentError("The step of a slice cannot be zero.", expected="a step other than 0", got=0)
    if left_out == "be" and step in (1, -1):
        return [n]
    if n is None or step is None or (begin is None and "b" not in left_out) or (end is None and "e" not in left_out):
        return [None]
    return [len(range(*slice(None if "b" in left_out else begin, None if "e" in left_out else end, step).indices(n)))]


@strided_slice_by.vjp
def _(g, y, x, numbers, *, plan, missing):
    return strided_slice_grad(g, numbers, x, plan=plan, missing=missing), None


def _put_by_iteration(g, numbers, like, plan, missing):
    positions = np.arange(like.size).reshape(like.shape)[index_of(plan, missing, numbers.tolist())]
    total = np.zeros(like.size, g.dtype)
    for p, v in zip(positions.ravel(), g.ravel(), strict=True):
        total[p] += v
    return total.reshape(like.shape)


@op(alike=(), holomorphic=True, host=("numbers",), shape_only=("like",), reference=_put_by_iteration)
def strided_slice_grad(g, numbers, like, *, plan, missing):
    """Zeros of the shape of `like` with `g` where the index points."""
    total = array_module(g).zeros(like.shape, g.dtype)
    total[index_of(plan, missing, numbers.tolist())] = g
    return total


@strided_slice_grad.shape
def _(g, numbers, like):
    return Spec(like.shape, g.dtype)


@strided_slice_grad.vjp
def _(h, y, g, numbers, like, *, plan, missing):
    return strided_slice_by(h, numbers, plan=plan, missing=missing), None, None


def taken_apart(key):
    """(numbers, plan, missing) of an index as Python passes it."""
    numbers, plan, missing = [], "", []
    for place in key if isinstance(key, tuple) else (key,):
        left_out = ""
        if place is None or place is Ellipsis:
            plan += "n" if place is None else "."
            numbers += [0, 0, 1]
        elif isinstance(place, slice):
            plan += "s"
            left_out = "b" * (place.start is None) + "e" * (place.stop is None)
            numbers += [
                0 if place.start is None else place.start,
                0 if place.stop is None else place.stop,
                1 if place.step is None else place.step,
            ]
        elif contains_tensor(place) or hasattr(place, "__index__"):
            plan += "i"
            numbers += [place, 0, 1]
        else:
            raise ArgumentTypeError(
                "This cannot be an index of a tensor.", expected="integers, slices, None, Ellipsis", got=repr(place),
                hint="gather(x, indices) takes several rows, x[mask] those of a boolean tensor",
            )  # fmt: skip
        missing.append(left_out)
    if plan.count(".") > 1:
        raise InvalidArgumentError("An index has one ellipsis at most.", expected="one ...", got=plan.count("."))
    return numbers, plan, tuple(missing)


for _key in (
    1, (0, -1), slice(1, None), (slice(None, None, 2), slice(3, 0, -1)), (Ellipsis, 1), (None, 0, Ellipsis, None),
    (slice(-2, None), None, slice(None, -1)), (slice(0, 0),), slice(None, None, -1),
):  # fmt: skip
    _numbers, _plan, _missing = taken_apart(_key)
    strided_slice_by.cases(
        lambda rng, numbers=_numbers: (rng.normal(size=(3, 4)), np.array(numbers, np.int32)),
        plan=_plan,
        missing=_missing,
    )
strided_slice_grad.cases(
    lambda rng: (rng.normal(size=(2,)), np.array([0, 0, 2, 1, 0, 1], np.int32), np.zeros((3, 4))),
    plan="si",
    missing=("be", ""),
)
strided_slice_by.rejects(
    "more indices", lambda rng: (np.zeros(3), np.array([0, 0, 1, 0, 0, 1], np.int32)), plan="ii", missing=("", "")
)
strided_slice_by.rejects(
    "out of range", lambda rng: (np.zeros(3), np.array([3, 0, 1], np.int32)), plan="i", missing=("",)
)


def get_item(x, key, name=None):
    """`x[key]`: integers, slices, None, Ellipsis (numbers may be tensors), or a boolean tensor as a mask."""
    x = as_tensor(x)
    if hasattr(key, "dtype") and key.dtype == bool:
        return boolean_mask(x, key, name=name or "boolean_mask")
    numbers, plan, missing = taken_apart(key)
    if contains_tensor(numbers):
        with name_scope(name or "strided_slice", None, [x]) as scope:
            numbers = [as_tensor(n) if contains_tensor(n) else n for n in numbers]
            widest = max((n.spec.dtype for n in numbers if is_tensor(n)), key=lambda dtype: dtype.itemsize)
            numbers = stack(*(cast(n, widest) if is_tensor(n) else n for n in numbers))
            return strided_slice_by(x, numbers, plan=plan, missing=missing, name=scope)
    numbers = as_tensor(np.array(numbers, np.int32 if all(abs(int(n)) < 2**31 for n in numbers) else np.int64))
    return strided_slice_by(x, numbers, plan=plan, missing=missing, name=name)


OPERATORS["__getitem__"] = get_item


def strided_slice(
    input_, begin, end, strides=None, begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0,
    name=None,
):  # fmt: skip
    """TensorFlow's form of `x[begin:end:strides]`: bit i of a mask speaks of place i of the index."""
    key = key_of(begin, end, strides, begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask)
    return get_item(input_, key, name=name or "StridedSlice")


def key_of(begin, end, strides, begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask):
    """The index, as Python would write it, that three lists or tensors and five masks mean."""
    begin, end = (unstack(part) if is_tensor(part) else part for part in (begin, end))
    strides = [1] * len(begin) if strides is None else unstack(strides) if is_tensor(strides) else strides
    key = []
    for i, (b, e, s) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            key.append(Ellipsis)
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(b)
        else:
            key.append(slice(None if begin_mask & bit else b, None if end_mask & bit else e, s))
    return tuple(key)
