"""The value of one of two sides, and updates on one of them: conditions as graphs of TensorFlow 1 have them.

before: sizes.py   next: sparse.py
"""

import numpy as np

from npslim.backend import array_module
from npslim.errors import ShapeError
from npslim.op import op
from npslim.ops.state import like_ref
from npslim.spec import Spec, show_shape


@op(
    alike=("on_false", "on_true"), host=("condition",), type="Merge", node_name="Merge", holomorphic=True, exact=True,
    dynamic=True, reference=lambda condition, on_false, on_true: [on_false, on_true][int(condition)],
)  # fmt: skip
def merge_sides(condition, on_false, on_true):
    """`on_true` if the scalar `condition` holds, else `on_false`: whole tensors, whose shapes may differ."""
    return on_true if condition else on_false


@merge_sides.shape
def _(condition, on_false, on_true):
    if condition.shape not in ((), None):
        raise ShapeError("The condition is no scalar.", expected="[]", got=show_shape(condition.shape))
    a, b = on_false.shape, on_true.shape
    if a is None or b is None or len(a) != len(b):
        return Spec(None, on_false.dtype)
    return Spec(tuple(m if m == n else None for m, n in zip(a, b, strict=True)), on_false.dtype)


@merge_sides.vjp
def _(g, y, condition, on_false, on_true):
    return None, pass_if(g, condition, on_false, when=False), pass_if(g, condition, on_true, when=True)


@op(
    alike=(), host=("condition",), shape_only=("like",), holomorphic=True, exact=True,
    reference=lambda g, condition, like, when: g if bool(condition) == when else np.zeros_like(like),
)  # fmt: skip
def pass_if(g, condition, like, *, when):
    """`g` if `condition` is `when`, else zeros of the shape of `like`."""
    return g if bool(condition) == when else array_module(g).zeros(like.shape, g.dtype)


@pass_if.shape
def _(g, condition, like, *, when):
    return Spec(like.shape, g.dtype)


@pass_if.vjp
def _(h, y, g, condition, like, *, when):
    return pass_if(h, condition, g, when=when), None, None


@op(type="Assign", refs=("ref",), alike=("ref", "value"), host=("condition",), stateful=True)
def assign_if(ref, condition, value):
    """Make `value` the variable's value if the scalar `condition` holds; returns `value` either way."""
    if condition:
        with ref.lock:
            ref.value = array_module(value).array(value)
    return value


@assign_if.shape
def _(ref, condition, value):
    return like_ref(ref, value)


for _condition in (False, True):
    merge_sides.cases(
        lambda rng, side=_condition: (np.array(side), rng.normal(size=(2, 3)), rng.normal(size=(2, 3))),
        lambda rng, side=_condition: (np.array(side), rng.normal(size=(2,)), rng.normal(size=(3,))),
    )
    pass_if.cases(lambda rng, side=_condition: (rng.normal(size=(2, 3)), np.array(side), np.zeros((2, 3))), when=True)
merge_sides.rejects("no scalar", lambda rng: (np.array([True]), np.zeros(2), np.zeros(2)))
