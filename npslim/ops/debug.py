"""Ops to look into a run: checks that stop it, prints, and Python functions."""

import sys

import numpy as np

from npslim.backend import array_module, to_host
from npslim.dtypes import numpy_dtype
from npslim.errors import DTypeError, InvalidArgumentError
from npslim.op import op, same
from npslim.spec import Spec


@op(type="CheckNumerics", node_name="CheckNumerics", holomorphic=True, reference=lambda x, message: x)
def check_numerics(x, *, message):
    """`x`, if all of it is finite. Raises InvalidArgumentError that tells NaN from infinity and counts them."""
    xp = array_module(x)
    if not bool(xp.isfinite(x).all()):
        nans, infinities = int(xp.isnan(x).sum()), int(xp.isinf(x).sum())
        found = " and ".join(word for word, n in (("Inf", infinities), ("NaN", nans)) if n)
        raise InvalidArgumentError(
            f"{message} : Tensor had {found} values.", expected="finite values",
            got=f"{nans} NaN and {infinities} infinite of {x.size}",
        )  # fmt: skip
    return x


check_numerics.shape(same)


@check_numerics.vjp
def _(g, y, x, *, message):
    return check_numerics(g, message=f"Not a number (NaN) or infinity (Inf) values detected in gradient. {message}")


check_numerics.cases(lambda rng: (rng.normal(size=(2, 3)),), lambda rng: (np.zeros((0, 2)),), message="x")


@op(type="Assert", stateful=True, alike=(), differentiable=False)
def assert_with(*values, summarize=3):
    """Nothing, if all of the first input holds. Raises InvalidArgumentError with the other inputs, cut to `summarize`."""
    condition, *data = values
    if not bool(condition.all()):
        shown = " ".join(f"[{' '.join(_words(d, summarize))}]" for d in data)
        raise InvalidArgumentError(f"assertion failed: {shown}", expected="True", got="False")
    return None


@assert_with.shape
def _(*values, summarize):
    return ()


def _words(value, n):
    flat = np.ravel(to_host(value))
    shown = [x.decode(errors="replace") if isinstance(x, bytes) else str(x) for x in (flat if n < 0 else flat[:n])]
    return shown + ["..."] * (0 <= n < flat.size)


def Assert(condition, data, summarize=None, name=None):  # noqa: N802 - TensorFlow's name
    """A node that raises InvalidArgumentError with `data` (tensors or strings) unless all of `condition` holds."""
    return assert_with(condition, *data, summarize=3 if summarize is None else summarize, name=name or "Assert")


@op(type="Print", stateful=True, alike=())
def print_with(x, *data, message="", first_n=-1, summarize=3, run=None, node=None):
    """`x`; prints `message` and the other inputs, cut to `summarize` elements each, the first `first_n` times."""
    cell = run.cell(node.name)
    with cell.lock:
        cell.value = (cell.value or 0) + 1
        if first_n < 0 or cell.value <= first_n:
            print(message + "".join(f"[{' '.join(_words(d, summarize))}]" for d in data), file=sys.stderr, flush=True)
    return x


@print_with.shape
def _(x, *data, message, first_n, summarize):
    return Spec(x.shape, x.dtype)


@print_with.vjp
def _(g, y, x, *data):
    return [g] + [None] * len(data)


def Print(input_, data, message=None, first_n=None, summarize=None, name=None):  # noqa: N802 - TensorFlow's name
    """`input_`; a run that computes it prints `message` and `data` to standard error, at most `first_n` times."""
    return print_with(
        input_, *data, message=message or "", first_n=-1 if first_n is None else first_n,
        summarize=3 if summarize is None else summarize, name=name or "Print",
    )  # fmt: skip


@op(type="PyFunc", stateful=True, alike=(), differentiable=False)
def call_python(*inputs, func, tout):
    """What the Python function gives for the inputs' values, on the host."""
    results = func(*(to_host(x) for x in inputs))
    results = list(results) if isinstance(results, tuple | list) else [] if results is None else [results]
    if len(results) != len(tout):
        raise InvalidArgumentError("The function returned another number of values.", expected=len(tout), got=len(results))
    found = [np.asarray(r) for r in results]
    for r, dtype in zip(found, tout, strict=True):
        if r.dtype != dtype and dtype != object:
            raise InvalidArgumentError("The function returned another dtype.", expected=dtype, got=r.dtype)
    return found[0] if len(found) == 1 else tuple(found)


@call_python.shape
def _(*inputs, tout):
    return tuple(Spec(None, dtype) for dtype in tout)


def py_func(func, inp, Tout, stateful=True, name=None):  # noqa: N803 - TensorFlow's name
    """What `func` gives for the values of `inp` (arrays): a tensor for a dtype `Tout`, a list for a list of dtypes.

    Shapes are not known. Raises InvalidArgumentError if the function returns other dtypes, or another number of values.
    """
    several = isinstance(Tout, list | tuple)
    tout = tuple(numpy_dtype(t) for t in (Tout if several else [Tout]))
    called = func if len(inp) else lambda _: func()
    outputs = call_python(*(list(inp) or [np.zeros(0, np.float32)]), func=called, tout=tout, name=name or "PyFunc")
    return list(outputs) if several else outputs[0]
