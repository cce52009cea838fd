"""Ops to look into a run: checks that stop it, prints, and Python functions."""

import sys

import numpy as np

from npslim.arguments import check_function
from npslim.backend import array_module, to_host
from npslim.convert import as_tensor, contains_tensor, default_array
from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import InvalidArgumentError
from npslim.op import op
from npslim.scopes import name_scope
from npslim.shape_rules import same
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
    """Nothing, if all of the first input holds. Raises InvalidArgumentError with the others, cut to `summarize`."""
    condition, *data = values
    if not bool(condition.all()):
        shown = " ".join(f"[{summary(d, summarize)}]" for d in data)
        got = f"{int((~condition).sum())} of {condition.size} false"
        raise InvalidArgumentError(f"assertion failed: {shown}", expected="the condition to hold everywhere", got=got)
    return None


@assert_with.shape
def _(*values, summarize):
    return ()


def summary(value, limit):
    """The first `limit` elements (-1: all) as TensorFlow prints them: '[0 1 2...]...', '7', 'a b'."""
    value = np.asarray(to_host(value))
    limit = value.size if limit < 0 else limit
    shown = _rows(value, limit) if value.ndim > 1 else " ".join(_word(x) for x in value.reshape(-1)[:limit])
    return shown + "..." * (value.size > limit)


def _rows(value, limit):
    """The rows of `value`, one bracket each, until `limit` elements are shown."""
    parts = []
    for row in value:
        if limit <= 0 or not row.size:
            break
        parts.append(f"[{summary(row, limit)}]")
        limit -= row.size
    return "".join(parts)


def _word(x):
    if isinstance(x, bytes):
        return x.decode(errors="replace")
    if not isinstance(x, np.inexact):
        return str(int(x))
    short = f"{x:.6g}"  # as printf does it, unless that loses digits
    return short if type(x)(short) == x or x != x else str(x)


def Assert(condition, data, summarize=None, name=None):  # noqa: N802 - TensorFlow's name
    """A node that raises InvalidArgumentError with `data` (tensors or strings) unless all of `condition` holds."""
    with name_scope(name, "Assert"):
        condition = as_tensor(condition, bool, "condition")
        return assert_with(condition, *data, summarize=3 if summarize is None else summarize)


@op(type="Print", stateful=True, alike=())
def print_with(x, *data, message="", first_n=-1, summarize=3, run=None, node=None):
    """`x`; prints `message` and the other inputs, cut to `summarize` elements each, the first `first_n` times."""
    cell = run.cell(node.name)
    with cell.lock:
        cell.value = (cell.value or 0) + 1
        if first_n < 0 or cell.value <= first_n:
            print(message + "".join(f"[{summary(d, summarize)}]" for d in data), file=sys.stderr, flush=True)
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
        as_tensor(input_), *data, message=message or "", first_n=-1 if first_n is None else first_n,
        summarize=3 if summarize is None else summarize, name=name or "Print",
    )  # fmt: skip


@op(type="PrintV2", stateful=True, alike=(), host=("parts",), differentiable=False)
def print_line(*parts, template, stream, summarize):
    """Write the template with the parts, cut to `summarize` elements at either end, in its places."""
    shown = iter([_shown(part, summarize) for part in parts])
    text = "".join(next(shown) if piece is None else piece for piece in template)
    print(text, end="", file=getattr(sys, stream), flush=True)


@print_line.shape
def _(*parts, template, stream, summarize):
    return ()


def _shown(value, limit):
    """An array as TensorFlow prints it: "[1 2 3 ... 8 9 10]"."""
    value = np.asarray(value)
    if value.ndim == 0:
        return value.item().decode(errors="replace") if value.dtype == object else str(value[()])
    rows = [_shown(x, limit) if value.ndim > 1 or value.dtype != object else f'"{_shown(x, limit)}"' for x in value]
    if 0 <= 2 * limit < len(rows):
        rows = [*rows[:limit], "...", *rows[-limit:]]
    return "[" + ("\n " if value.ndim > 1 else " ").join(row.replace("\n", "\n ") for row in rows) + "]"


def print_op(*inputs, output_stream=None, summarize=3, sep=" ", end="\n", name=None):
    """A node that prints the inputs, tensors and other objects, when it is run; as tf.print in a graph.

    output_stream: sys.stderr unless it is sys.stdout. summarize: how many elements at either end, all for -1.
    """
    template, parts = [], []
    for i, x in enumerate(inputs):
        template += [sep] if i else []
        if contains_tensor(x) and not isinstance(x, list | tuple | dict):
            template.append(None)
            parts.append(as_tensor(x))
        else:
            template.append(str(x))
    parts = parts or [as_tensor(np.zeros(0, np.float32))]
    return print_line(
        *parts, template=(*template, end), stream="stdout" if output_stream is sys.stdout else "stderr",
        summarize=summarize, name=name or "PrintV2",
    )  # fmt: skip


@op(type="PyFunc", stateful=True, alike=(), differentiable=False)
def call_python(*inputs, func, tout, takes):
    """What the Python function gives for copies of the first `takes` inputs, on the host."""
    results = func(*(np.array(to_host(x)) for x in inputs[:takes]))
    results = list(results) if isinstance(results, tuple | list) else [] if results is None else [results]
    if len(results) != len(tout):
        raise InvalidArgumentError(
            "The Python function returned another number of values.", expected=len(tout), got=len(results)
        )
    found = tuple(np.array(default_array(np.asarray(r))) for r in results)
    for i, (r, dtype) in enumerate(zip(found, tout, strict=True)):
        if r.dtype != dtype:
            raise InvalidArgumentError(
                f"Value {i} that the Python function returned has another dtype.",
                expected=as_dtype(dtype).name, got=str(r.dtype),
            )  # fmt: skip
    return found[0] if len(found) == 1 else found


@call_python.shape
def _(*inputs, tout):
    return tuple(Spec(None, dtype) for dtype in tout)


def py_func(func, inp, Tout, stateful=True, name=None):  # noqa: N803 - TensorFlow's name
    """What `func` gives for the values of `inp` (arrays): a tensor for a dtype `Tout`, a list for a list of dtypes.

    The function gets copies, and runs in each run that needs its results. Shapes are not known.
    Raises InvalidArgumentError if the function returns other dtypes, or another number of values.
    """
    check_function(func, "py_func: func")
    several = isinstance(Tout, list | tuple)
    tout = tuple(numpy_dtype(t) for t in (Tout if several else [Tout]))
    inputs = [as_tensor(x) for x in inp] or [as_tensor(np.zeros(0, np.float32))]  # a node has at least one input
    outputs = call_python(*inputs, func=func, tout=tout, takes=len(inp), name=name or "PyFunc")
    if not tout:
        return outputs  # the node itself, as in TensorFlow
    return list(outputs) if several else outputs[0]


numpy_function = py_func
