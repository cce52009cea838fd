"""Make golden cases: draw the inputs, run the function and its gradients on extended kernels, round once.

Inputs are numbers that float32 holds (float16, for cases in it), so that they are the same in every precision.
"""

import functools
import importlib.metadata
import itertools
import re
from typing import Any

import numpy as np

import npslim.ops  # noqa: F401 - fills the registry
from npslim.autograd import gradients
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, OpError, UnimplementedError
from npslim.graph import Graph
from npslim.ops.state import placeholder
from npslim.registry import REGISTRY
from npslim.session import Session
from npslim.spec import Spec
from npslim.testing import layers, losses, optimizers
from npslim.testing.case import FORMAT, VERSION, GoldenCase, described, digest, from_plain, plain
from npslim.testing.extended import WIDE, measured

DTYPES = ("float16", "float32", "float64")
_DTYPE_ATTRIBUTES = ("dtype", "out_type", "output_type", "output_dtype")


class Skipped(Exception):
    """Why there is no golden case."""


def make_cases(only="", grid=None, seed=0):
    """Golden cases: (list of `GoldenCase`, {id: why there is none}).

    only: a regular expression, searched for in the ids. grid: {argument: values}, all combinations of which are made
    from the cases of each function that has all these arguments; the key `dtype` is the cases' floating dtype, the
    name of an op's input takes shapes. Refused combinations are in the second result. seed: other inputs.
    Raises InvalidArgumentError if nothing is left.
    """
    grid = {key: list(values) for key, values in (grid or {}).items()}
    dtypes = grid.pop("dtype", ["float32"])
    if set(dtypes) - set(DTYPES):
        raise InvalidArgumentError("There are no golden cases of this dtype.", expected=DTYPES, got=dtypes)
    made, skipped, seen = [], {}, set()
    for recipe in recipes():
        for changes in _combinations(recipe, grid):
            for dtype in dtypes:
                id = ".".join([recipe.id, *(f"{k}={_text(v)}" for k, v in changes.items())])
                id = id if dtypes == ["float32"] else f"{id}.{dtype}"
                if not re.search(only, id):
                    continue
                try:
                    case = recipe.make(id, changes, dtype, seed)
                except Skipped as reason:
                    skipped[id] = str(reason)
                    continue
                same = digest({**case.facts, "id": ""}, case.arrays)
                if same not in seen:
                    seen.add(same)
                    made.append(case)
    if not made and not skipped:
        raise InvalidArgumentError("No case is left.", expected="a name or argument that exists", got=(only, grid))
    return made, skipped


def pattern_of(name):
    """The regular expression for the ids that a name or a regular expression stands for: a name, for all its cases."""
    is_name = re.fullmatch(r"[A-Za-z_0-9.]+", name) is not None
    return rf"^{re.escape(name)}-\d" if is_name else name


def recipes():
    """Everything that cases are made of, in the order of the catalogue."""
    for op in REGISTRY.values():
        if not op.stateful and op.name != "constant":
            for i, case in enumerate(op.all_cases):
                yield OpRecipe(op, case, f"{op.name}-{i}")
    for module, kind, make in (
        (layers, "layer", BuiltRecipe), (losses, "loss", BuiltRecipe), (optimizers, "optimizer", OptimizerRecipe)
    ):  # fmt: skip
        counts = {}
        for row in module.TABLE:
            counts[row.name] = counts.get(row.name, -1) + 1
            yield make(kind, row, f"{module.PREFIX}.{row.name}-{counts[row.name]}")


def _combinations(recipe, grid):
    if not grid:
        return [{}]
    keys = [recipe.argument(key) for key in grid]
    if None in keys:
        return []
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*grid.values())]


def _text(value):
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


# ---- what is common to all kinds


def narrow(array, dtype):
    """`array` as an input: floating numbers rounded to float32 or `dtype`, whichever is narrower."""
    if array.dtype.kind == "f":
        wanted = np.dtype(dtype) if array.dtype != np.float16 else array.dtype
        with np.errstate(over="ignore"):
            found = array.astype(min(wanted, np.dtype(np.float32), key=lambda d: d.itemsize)).astype(wanted)
        if (np.isinf(found) != np.isinf(array)).any():
            raise Skipped(f"its numbers do not fit {wanted.name}")
        return found
    if array.dtype.kind == "c":
        return array.astype(np.complex64).astype(np.complex128 if dtype == "float64" else np.complex64)
    return array


def answer(build, inputs, dtype, rng, with_gradients=True, dtypes=None, defined_in: Any = np.float64):
    """{key: array} of a case.

    build: from tensors by name to (outputs by name, {name: (tensor, array)} of further inputs), in a fresh graph.
    inputs: {name: array}. dtypes: those of the outputs, if not `dtype` for what is floating. defined_in: the dtype of
    the graph's floating tensors; what runs is long double.
    """
    with Graph().as_default() as graph:
        graph.seed = 1
        fed = {name: _fed(array, defined_in) for name, array in inputs.items()}
        outputs, further = build(fed)
        own = {name: "float32" if t.spec.dtype != defined_in else dtype for name, (t, _) in further.items()}
        inputs = {**inputs, **{name: narrow(array, own[name]) for name, (_, array) in further.items()}}
        fed.update({name: tensor for name, (tensor, _) in further.items()})
        feeds = {fed[n]: inputs[n] for n in inputs if fed[n].op.op.name != "constant"}
        weights = {n: narrow(rng.normal(size=_shape_of(y, feeds, graph)), dtype) for n, y in outputs.items()
                   if with_gradients and y.spec.dtype.kind == "f" and not n.startswith("after:")}  # fmt: skip
        wanted = {n: t for n, t in fed.items() if t in feeds and t.spec.dtype.kind == "f"} if weights else {}
        cotangents = [as_tensor(w, outputs[n].spec.dtype) for n, w in weights.items()]
        pulled = gradients([outputs[n] for n in weights], list(wanted.values()), cotangents) if wanted else []
        found = {n: as_tensor(g) for n, g in zip(wanted, pulled, strict=True) if g is not None}
        fetches = [*outputs.values(), *found.values()]
        result = measured(Session(graph=graph, kernels="extended"), fetches, feeds)
    dtypes = dtypes or [np.dtype(dtype) if y.spec.dtype == defined_in else y.spec.dtype for y in outputs.values()]
    keys = [f"outputs/{n}" for n in outputs] + [f"gradients/{n}" for n in found]
    dtypes = [*dtypes, *(inputs[n].dtype for n in found)]
    arrays = {f"inputs/{n}": a for n, a in inputs.items()}
    arrays.update({f"cotangents/{n}": w for n, w in weights.items()} if found else {})
    arrays.update(rounded(keys, result.values, result.terms, dtypes))
    return arrays


def rounded(keys, values, terms, dtypes):
    """{key: value, "terms/key": sum of |terms|}, each rounded once to its dtype (None: as it is)."""
    values = [np.asarray(v) for v in values]
    with np.errstate(over="ignore"):
        values = [_round(v, d if d is not None else _usual(v.dtype)) for v, d in zip(values, dtypes, strict=True)]
        own = [(k, t, v) for k, t, v in zip(keys, terms, values, strict=True) if t is not None and v.dtype.kind in "fc"]
        sums = {f"terms/{k}": np.real(t).astype(np.real(v).dtype) for k, t, v in own}
    return dict(zip(keys, values, strict=True)) | sums


def _round(value, dtype):
    if value.dtype == WIDE and dtype.kind == "f":  # the greatest number there is stands for "nothing yet" in some ops
        greatest = np.abs(value) == np.finfo(WIDE).max
        return np.where(greatest, np.copysign(np.finfo(dtype).max, value), value).astype(dtype)
    return value.astype(dtype)


def _usual(dtype):
    return {WIDE: np.dtype(np.float64), np.clongdouble: np.dtype(np.complex64)}.get(dtype.type, dtype)


def _fed(array, dtype):
    """What stands for an input: a tensor to feed if it is floating, else a constant, which shape rules can read."""
    if array.dtype.kind not in "fc":
        return as_tensor(array)
    return placeholder(dtype=np.complex128 if array.dtype.kind == "c" else dtype, shape=array.shape)


def _shape_of(y, feeds, graph):
    if y.spec.shape is not None and None not in y.spec.shape:
        return y.spec.shape
    return np.shape(Session(graph=graph, kernels="plain").run(y, {t: a.astype(t.spec.dtype) for t, a in feeds.items()}))


def finished(kind, name, type, id, attrs, dtype, seed, arrays):
    """The case, described and hashed. Raises Skipped for what the format does not hold."""
    for array in arrays.values():
        if array.dtype.kind not in "biufc":
            raise Skipped("its values are strings")
    try:
        attrs = {key: plain(value) for key, value in attrs.items()}
    except UnimplementedError:
        raise Skipped("an attribute is a function or an object") from None
    facts = {
        "format": FORMAT, "version": VERSION, "id": id, "kind": kind, "name": name, "type": type, "attrs": attrs,
        "dtype": dtype, "seed": seed, "made_with": versions(), "arrays": described(arrays),
    }  # fmt: skip
    facts["sha256"] = digest(facts, arrays)
    return GoldenCase(facts, arrays)


@functools.cache
def versions():
    """What cases are made with: the versions of npslim and NumPy, the bits of the mantissa that is computed with."""
    bits = int(np.finfo(WIDE).nmant) + 1
    try:
        own = importlib.metadata.version("npslim")
    except importlib.metadata.PackageNotFoundError:
        own = "not installed"  # run from its sources
    return {"npslim": own, "numpy": np.__version__, "mantissa": bits}


# ---- one recipe for each kind


class OpRecipe:
    """A case of an op, from its block."""

    def __init__(self, op, case, id):
        self.op, self.case, self.id = op, case, id

    def argument(self, key):
        """The op's own name of an argument of a grid; None if it has none."""
        for name in (key, key + "s"):
            if name in self.op.defaults or name in self.op.parameters:
                return name
        return None

    def make(self, id, changes, dtype, seed):
        """The case. Raises Skipped."""
        op = self.op
        if op.random:
            raise Skipped("its values are random")
        if op.name == "sum_with_rest":
            raise Skipped("its values are rounding errors")
        if op.name == "orthonormal" and dtype == "float16":
            raise Skipped("it has no float16")
        rng = np.random.default_rng(7 + seed)
        arrays = [np.array(a) for a in self.case.draw(rng)]
        if any(a.dtype.kind not in "biufc" for a in arrays):
            raise Skipped("its values are strings")
        if op.variadic:
            names = [f"{op.parameters[-1]}_{i}" for i in range(len(arrays))]
        else:
            names = list(op.parameters[: len(arrays)])
        shapes = {name: shape for name, shape in changes.items() if name in op.parameters}
        arrays = [narrow(rng.normal(size=shapes[n]) if n in shapes else a, dtype)
                  for n, a in zip(names, arrays, strict=True)]  # fmt: skip
        attrs = dict(self.case.attrs)
        for name, value in changes.items():
            if name not in op.parameters:
                attrs[name] = fitted(value, attrs.get(name), attrs.get("data_format"))
        arrays = self._answered(dict(zip(names, arrays, strict=True)), attrs, dtype, rng)
        bound = op._bind([None] * max(op.required, op.variadic), attrs)[1]
        return finished("op", op.name, op.type, id, bound, dtype, 7 + seed, arrays)

    def _answered(self, inputs, attrs, dtype, rng):
        def build(tensors):
            ys = self.op(*tensors.values(), **attrs)
            return named_outputs(ys), {}

        try:
            specs = self.op.infer(
                [Spec(a.shape, a.dtype, a if a.dtype.kind in "iu" else None) for a in inputs.values()],
                self.op._bind([None] * max(self.op.required, self.op.variadic), attrs)[1],
            )
            dtypes = [s.dtype for s in ((specs,) if isinstance(specs, Spec) else specs)]
            return answer(build, inputs, dtype, rng, bool(self.case.gradient and self.op.vjp_rule), dtypes)
        except OpError as error:
            raise Skipped(f"refused: {str(error).splitlines()[0]}") from None


def named_outputs(ys):
    """{name: tensor}: `y`, or `y0`, `y1` ... of several."""
    ys = list(ys) if isinstance(ys, tuple | list) else [ys]
    return {"y" if len(ys) == 1 else f"y{i}": y for i, y in enumerate(ys)}


def fitted(value, like, data_format=None):
    """An attribute of a grid in the form that the op's cases use: a stride 2 as (1, 2, 2, 1)."""
    if isinstance(value, int) and not isinstance(value, bool) and isinstance(like, tuple | list) and len(like) > 2:
        inner = (value,) * (len(like) - 2)
        return (1, 1, *inner) if str(data_format or "").startswith("NC") else (1, *inner, 1)
    return value


class BuiltRecipe:
    """A case of a layer or a loss: a row of a table that builds it."""

    def __init__(self, kind, row, id):
        self.kind, self.row, self.id = kind, row, id

    def argument(self, key):
        """The function's name of an argument of a grid; None if it has none."""
        return key if key in self.row.arguments() else None

    def make(self, id, changes, dtype, seed):
        """The case. Raises Skipped."""
        rng = np.random.default_rng(7 + seed)
        inputs = {name: narrow(np.asarray(array), dtype) for name, array in self.row.draw(rng).items()}
        attrs = {**self.row.attrs, **changes}
        if self.kind == "loss" and dtype != "float32":
            raise Skipped("losses are float32, as TensorFlow's are")
        try:
            arrays = answer(
                lambda tensors: self.row.build(tensors, attrs, rng), inputs, dtype, rng, self.row.gradients,
                defined_in=np.float32 if self.kind == "loss" else np.float64,
            )  # fmt: skip
        except OpError as error:
            raise Skipped(f"refused: {str(error).splitlines()[0]}") from None
        return finished(self.kind, self.row.name, self.row.name, id, attrs, dtype, 7 + seed, arrays)


class OptimizerRecipe(BuiltRecipe):
    """One step of an optimizer from given values of the variable and its slots."""

    def make(self, id, changes, dtype, seed):
        """The case. Raises Skipped."""
        rng = np.random.default_rng(7 + seed)
        attrs = {**self.row.attrs, **changes}
        inputs, values, terms = optimizers.step(self.row, attrs, rng, dtype, narrow)
        keys = [f"outputs/{name}" for name in values]
        arrays = {f"inputs/{name}": a for name, a in inputs.items()}
        dtypes = [inputs[name].dtype for name in values]
        arrays.update(rounded(keys, values.values(), [terms.get(name) for name in values], dtypes))
        return finished(self.kind, self.row.name, self.row.name, id, attrs, dtype, 7 + seed, arrays)


def attributes(case):
    """The attributes of a case as npslim's function takes them."""
    found: dict[str, Any] = {key: from_plain(value) for key, value in case.attrs.items()}
    for key in _DTYPE_ATTRIBUTES:
        if isinstance(found.get(key), str) and case.kind == "op":
            found[key] = np.dtype(found[key])
    return found
