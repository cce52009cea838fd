"""Functions that apply a function to the elements of tensors, along the first dimension: map_fn, scan, foldl, foldr.

Elements and results may be nestings of tensors. Gradients reach the elements, the first values and everything that the
function uses from outside, to any order.
"""

from npslim.arguments import check_function
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import numpy_dtype
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from npslim.nested import flat, mapped, outline, packed
from npslim.ops.join import concat
from npslim.ops.shape import expand_dims, stop_gradient
from npslim.ops.turns import over_elements
from npslim.scopes import name_scope


def map_fn(
    fn,
    elems,
    dtype=None,
    parallel_iterations=None,
    back_prop=True,
    swap_memory=False,
    infer_shape=True,
    name=None,
    fn_output_signature=None,
):
    """`fn(element)` for every element, stacked to tensors `[n, ...]` in the structure that `fn` returns.

    elems: `[n, ...]`, or a nesting of such; fn takes an element of each in the same nesting. dtype (or
    fn_output_signature): the dtypes that fn returns, in its structure, unless they are those of `elems`.
    back_prop=False stops gradients. Raises TypeError for another structure or dtype, ValueError for scalars.
    """
    elems, sequences = _elements("map_fn", fn, elems)
    dtypes = dtype if fn_output_signature is None else fn_output_signature
    dtypes = mapped(lambda x: x.spec.dtype if dtypes is None else numpy_dtype(x), elems if dtypes is None else dtypes)

    def turn(_, parts):
        result = fn(packed(elems, parts))
        _check_structure("map_fn", result, dtypes)
        return [], [as_tensor(x, d) for x, d in zip(flat(result), flat(dtypes), strict=True)]

    with name_scope(name, "map", sequences):
        _, results = over_elements(turn, [], sequences)
        return _finished(dtypes, results, back_prop)


def scan(
    fn,
    elems,
    initializer=None,
    parallel_iterations=10,
    back_prop=True,
    swap_memory=False,
    infer_shape=True,
    reverse=False,
    name=None,
):
    """All the values that `a = fn(a, element)` takes, stacked to tensors `[n, ...]` in the structure of `a`.

    elems: `[n, ...]`, or a nesting of such. initializer: the first `a`; without it this is the first element, which is
    also the first value. reverse: from the last element to the first, each value at its element's place.
    back_prop=False stops gradients. Raises TypeError for another structure or dtype, ValueError for another shape.
    """
    elems, sequences = _elements("scan", fn, elems)
    with name_scope(name, "scan", sequences):
        first, structure, rest = _start(elems, sequences, initializer, from_end=reverse)
        turn = _accumulating("scan", fn, elems, structure)
        _, results = over_elements(lambda a, parts: (turn(a, parts),) * 2, first, rest, backward=reverse)
        if initializer is None:
            ends = [expand_dims(a, axis=0) for a in first]
            pairs = zip(results, ends, strict=True) if reverse else zip(ends, results, strict=True)
            results = [concat(*pair, axis=0) for pair in pairs]
        return _finished(structure, results, back_prop)


def foldl(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False, name=None):
    """The last value of `a = fn(a, element)` over the elements from the first to the last, in the structure of `a`.

    elems: `[n, ...]`, or a nesting of such. initializer: the first `a`, the first element unless given.
    back_prop=False stops gradients. Raises TypeError for another structure or dtype, ValueError for another shape.
    """
    return _folded("foldl", fn, elems, initializer, back_prop, name)


def foldr(fn, elems, initializer=None, parallel_iterations=10, back_prop=True, swap_memory=False, name=None):
    """The last value of `a = fn(a, element)` over the elements from the last to the first; see `foldl`."""
    return _folded("foldr", fn, elems, initializer, back_prop, name)


def _folded(which, fn, elems, initializer, back_prop, name):
    from_end = which == "foldr"
    elems, sequences = _elements(which, fn, elems)
    with name_scope(name, which, sequences):
        first, structure, rest = _start(elems, sequences, initializer, from_end)
        turn = _accumulating(which, fn, elems, structure)
        last, _ = over_elements(lambda a, parts: (turn(a, parts), []), first, rest, backward=from_end)
        return _finished(structure, last, back_prop)


def _elements(which, fn, elems):
    """`elems` with tensors as leaves, and these as a list."""
    check_function(fn, f"{which}: fn")
    elems = mapped(as_tensor, elems)
    sequences = flat(elems)
    if not sequences:
        raise InvalidArgumentError(f"{which}: elems holds no tensors.", expected="at least one tensor", got=elems)
    for x in sequences:
        if x.spec.shape == ():
            raise ShapeError(
                f"{which}: the elements of a scalar are asked for.", expected="tensors [n, ...]",
                got=f"{x.name} {x.spec}", made_at=user_line(),
            )  # fmt: skip
    return elems, sequences


def _start(elems, sequences, initializer, from_end):
    """(first accumulated tensors, their structure, the sequences that are left)."""
    if initializer is not None:
        first = mapped(as_tensor, initializer)
        return flat(first), first, sequences
    end, rest = (-1, slice(None, -1)) if from_end else (0, slice(1, None))
    return [x[end] for x in sequences], elems, [x[rest] for x in sequences]


def _accumulating(which, fn, elems, structure):
    """`fn` on lists of tensors: from the accumulated ones and those of the elements to the new accumulated ones."""
    dtypes = [a.spec.dtype for a in flat(structure)]

    def turn(accumulated, parts):
        result = fn(packed(structure, accumulated), packed(elems, parts))
        _check_structure(which, result, structure)
        return [as_tensor(x, d) for x, d in zip(flat(result), dtypes, strict=True)]

    return turn


def _check_structure(which, result, expected):
    if outline(result) != outline(expected):
        raise ArgumentTypeError(
            f"{which}: fn returns another structure.", expected=outline(expected), got=outline(result),
            made_at=user_line(),
        )  # fmt: skip


def _finished(structure, results, back_prop):
    return packed(structure, results if back_prop else [stop_gradient(x) for x in results])
