"""Arithmetic, comparison and logic, element by element, with broadcasting.

The gradient rules here are the inside cover of a calculus book. A rule need not undo broadcasting: where an op
broadcasts, the walk back sums each cotangent over the dimensions that were added.

before: op.py   next: plan.py
"""

import numpy as np

from npslim.backend import array_module
from npslim.graph import OPERATORS
from npslim.op import broadcasts, op, same
from npslim.spec import Spec, merge


@op(alike=True, holomorphic=True, type="AddV2", node_name="Add", partial=True, reference=lambda x, y: x - (-1 * y))
def add(x, y):
    """x + y, element by element."""
    return x + y


add.shape(broadcasts)


@add.vjp
def _(g, z, x, y):
    return g, g


add.cases(
    lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(3, 4))),
    lambda rng: (rng.normal(size=(2, 1, 4)), rng.normal(size=(3, 1))),
    lambda rng: (rng.normal(size=(0, 3)), rng.normal(size=(3,))),
    lambda rng: (np.array([1, 2], np.int32), np.array(3, np.int32)),
)
add.rejects("do not broadcast", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))


@op(alike=True, holomorphic=True, type="Sub", partial=True, reference=lambda x, y: x + (-1 * y))
def subtract(x, y):
    """x - y, element by element."""
    return x - y


subtract.shape(broadcasts)


@subtract.vjp
def _(g, z, x, y):
    return g, -g


subtract.cases(
    lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=(3, 4))),
    lambda rng: (rng.normal(size=()), rng.normal(size=(2, 3))),
)


@op(alike=True, holomorphic=True, type="Mul", partial=True, reference=lambda x, y: np.exp(np.log(x + 0j) + np.log(y + 0j)).real)
def multiply(x, y):
    """x * y, element by element."""
    return x * y


multiply.shape(broadcasts)


@multiply.vjp
def _(g, z, x, y):
    return g * y, g * x


multiply.cases(
    lambda rng: (rng.uniform(0.5, 2, (3, 4)), rng.uniform(-2, -0.5, (3, 4))),
    lambda rng: (rng.uniform(0.5, 2, (2, 1, 4)), rng.uniform(0.5, 2, (3, 1))),
)


@op(holomorphic=True, type="Neg", reference=lambda x: 0 - x)
def negative(x):
    """-x, element by element."""
    return -x


negative.shape(same)


@negative.vjp
def _(g, y, x):
    return -g


negative.cases(lambda rng: (rng.normal(size=(3, 4)),), lambda rng: (np.zeros((0, 2)),))


@op(holomorphic=True, node_name="AddN", type="AddN", reference=lambda *xs: np.stack(xs).sum(0))
def add_n(*xs):
    """The sum of tensors of one shape."""
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    return total


@add_n.shape
def _(*xs):
    shape = xs[0].shape
    for x in xs[1:]:
        shape = merge(shape, x.shape)
    return Spec(shape, xs[0].dtype)


@add_n.vjp
def _(g, y, *xs):
    return [g] * len(xs)


add_n.cases(
    lambda rng: [rng.normal(size=(3, 4)) for _ in range(3)],
    lambda rng: [rng.normal(size=(2,))],
)
add_n.rejects("not compatible", lambda rng: (np.zeros((2, 3)), np.zeros((2, 4))))


@op(holomorphic=True, shape_only=("like",), reference=lambda g, like: _sum_to_by_loop(g, like))
def sum_to(g, like):
    """Sum `g` over the dimensions that broadcasting would add to `like`: what undoes broadcasting on the way back."""
    extra = g.ndim - like.ndim
    axes = tuple(range(extra)) + tuple(
        i for i in range(extra, g.ndim) if like.shape[i - extra] == 1 and g.shape[i] != 1
    )
    return g.sum(axis=axes, keepdims=True).reshape(like.shape) if axes else g


@sum_to.shape
def _(g, like):
    return Spec(like.shape, g.dtype)


@sum_to.vjp
def _(h, y, g, like):
    return broadcast_like(h, g), None


def _sum_to_by_loop(g, like):
    total = np.zeros(like.shape, g.dtype)
    for place in np.ndindex(*g.shape):
        inner = place[g.ndim - like.ndim :]
        total[tuple(0 if size == 1 else i for i, size in zip(inner, like.shape, strict=True))] += g[place]
    return total


sum_to.cases(
    lambda rng: (rng.normal(size=(2, 3, 4)), np.zeros((3, 1))),
    lambda rng: (rng.normal(size=(3, 4)), np.zeros((3, 4))),
    lambda rng: (rng.normal(size=(2, 3)), np.zeros(())),
)


@op(holomorphic=True, shape_only=("like",), type="BroadcastTo", reference=lambda x, like: x + np.zeros(like.shape, x.dtype))
def broadcast_like(x, like):
    """Repeat `x` to the shape of `like`."""
    return array_module(x).broadcast_to(x, like.shape)


@broadcast_like.shape
def _(x, like):
    return Spec(like.shape, x.dtype)


@broadcast_like.vjp
def _(g, y, x, like):
    return sum_to(g, x), None


broadcast_like.cases(
    lambda rng: (rng.normal(size=(3, 1)), np.zeros((2, 3, 4))),
    lambda rng: (rng.normal(size=()), np.zeros((2, 0))),
)


def _operator(method, function, swapped=None):
    """Let Python's `method` call `function`; the node is named after the operator, as in TensorFlow."""
    name = method.strip("_")
    OPERATORS[method] = lambda self, *others: function(self, *others, name=name)
    if swapped:
        OPERATORS[swapped] = lambda self, other: function(other, self, name=name)


_operator("__add__", add, "__radd__")
_operator("__sub__", subtract, "__rsub__")
_operator("__mul__", multiply, "__rmul__")
_operator("__neg__", negative)
