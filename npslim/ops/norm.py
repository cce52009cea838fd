"""Norms, and clipping by them."""

from npslim.convert import as_tensor
from npslim.indexed_slices import IndexedSlices
from npslim.ops.elementwise import add_n, divide, maximum, minimum, multiply
from npslim.ops.functions import sqrt, square
from npslim.ops.logic import where
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import identity
from npslim.ops.softmax import l2_loss
from npslim.scopes import name_scope


def global_norm(t_list, name=None):
    """The square root of the sum of squares of all elements of all tensors; None among them is left out."""
    with name_scope(name, "global_norm", [t for t in t_list if t is not None]):
        halves = [l2_loss(t.values if isinstance(t, IndexedSlices) else t) for t in t_list if t is not None]
        total = add_n(*halves)
        return sqrt(total * 2.0, name="global_norm")


def clip_by_norm(t, clip_norm, axes=None, name=None):
    """`t` scaled down so that its L2 norm (over `axes`) is at most `clip_norm`."""
    with name_scope(name, "clip_by_norm", [t]) as scope:
        t = as_tensor(t)
        axes = tuple(axes) if isinstance(axes, list | tuple) else axes
        squares = reduce_sum(square(t), axis=axes, keepdims=True)
        positive = squares > 0.0  # the gradient of a square root is infinite at zero
        norm = where(positive, sqrt(where(positive, squares, squares + 1.0)), squares)
        return identity(divide(multiply(t, clip_norm), maximum(norm, clip_norm)), name=scope)


def clip_by_global_norm(t_list, clip_norm, use_norm=None, name=None):
    """(the tensors scaled down so that their global norm is at most `clip_norm`, that norm); None stays None."""
    norm = global_norm(t_list) if use_norm is None else use_norm
    with name_scope(name, "clip_by_global_norm", [t for t in t_list if t is not None]):
        clip_norm = as_tensor(clip_norm, norm.spec.dtype)
        scale = minimum(divide(clip_norm, norm), 1.0)
        return [_scaled(t, scale) for t in t_list], norm


def clip_by_average_norm(t, clip_norm, name=None):
    """`t` scaled down so that its L2 norm divided by the number of its elements is at most `clip_norm`."""
    with name_scope(name, "clip_by_average_norm", [t]) as scope:
        t = as_tensor(t)
        n = float(t.shape.num_elements() or 0)
        norm = sqrt(reduce_sum(square(t)))
        return multiply(t, clip_norm * minimum(divide(n, norm), 1.0 / clip_norm), name=scope)


def _scaled(t, scale):
    if t is None:
        return None
    if isinstance(t, IndexedSlices):
        return t.with_values(t.values * scale)
    return multiply(t, scale)
