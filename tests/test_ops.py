"""The tests that every op gets by being defined: generated from the registry.

The expected value is computed by another algorithm (`reference`) or, for random ops, stated as a property.
"""

import itertools

import numpy as np
import pytest
import references  # noqa: F401 - sets the references that are too long for an op's block

import npslim.ops  # noqa: F401
from npslim.autograd import check_gradients
from npslim.convert import as_tensor
from npslim.errors import OpError
from npslim.graph import get_default_graph
from npslim.registry import REGISTRY
from npslim.session import Session
from npslim.spec import Spec, compatible

PURE = [op for op in REGISTRY.values() if not op.stateful and op.name != "constant"]
CASES = [pytest.param(op, case, id=f"{op.name}-{i}") for op in PURE for i, case in enumerate(op.all_cases)]
SETTLED = [p for p in CASES if not p.values[0].random]
REJECTIONS = [pytest.param(op, r, id=f"{op.name}-{i}") for op in REGISTRY.values() for i, r in enumerate(op.rejections)]
RTOL = {np.dtype(np.float16): 2e-3, np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-12}


def draw(case):
    """The case's inputs, from a seed of its own, read-only: a kernel that writes to an input fails."""
    arrays = [np.array(a) for a in case.draw(np.random.default_rng(7))]
    for array in arrays:
        array.flags.writeable = False
    return arrays


def run(op, arrays, attrs, **session):
    """The op's values through the graph, as a tuple, with the specs its tensors had."""
    outputs = op(*arrays, **attrs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    graph = get_default_graph()
    graph.seed = 1
    values = Session(graph=graph, **{"kernels": "plain", **session}).run(list(outputs))
    values = [np.array(v, object) if isinstance(v, bytes) else v for v in values]  # a string by itself is no S13
    return values, [t.spec for t in outputs]


def attributes(op, case):
    """All attributes, as the kernel gets them."""
    return op._bind([None] * max(op.required, op.variadic), dict(case.attrs))[1]


def assert_close(actual, expected, scale=1.0):
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    if actual.dtype.kind in "fc":
        rtol = RTOL.get(actual.real.dtype, 1e-12) * scale
        size = np.abs(expected[np.isfinite(expected)]).max(initial=1e-300)
        np.testing.assert_allclose(actual, expected, rtol=rtol, atol=min(rtol * size, 1e30))
    else:
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("op", REGISTRY.values(), ids=REGISTRY)
def test_is_complete(op):
    assert op.doc, "an op needs a docstring"
    assert op.shape_rule, "an op needs a shape rule"
    if op in PURE:
        assert op.all_cases, "an op needs a case"
        assert op.reference or op.property_check, "an op needs a reference by another algorithm"
    assert op.vjp_rule or not op.differentiable or op.stateful, "an op needs a vjp, or differentiable=False"


@pytest.mark.parametrize("op, case", CASES)
def test_value(op, case):
    arrays = draw(case)
    values, specs = run(op, arrays, case.attrs)
    for value, spec in zip(values, specs, strict=True):
        assert np.asarray(value).dtype == spec.dtype
    if op.property_check:
        op.property_check(values[0] if len(values) == 1 else values, *arrays, **attributes(op, case))
    if op.reference:
        expected = op.reference(*arrays, **attributes(op, case))
        expected = expected if isinstance(expected, tuple) else (expected,)
        assert len(values) == len(expected)
        for value, right in zip(values, expected, strict=True):
            assert_close(value, right)


def unknown_patterns(op, arrays):
    """Specs of the inputs with every combination of: all known, one size unknown, all unknown, rank unknown."""
    choices = []
    for i, a in enumerate(arrays):
        shapes = [a.shape, (None,) * a.ndim, None]
        shapes += [a.shape[:j] + (None,) + a.shape[j + 1 :] for j in range(a.ndim)] if a.ndim > 1 else []
        host = op.parameter(i) in op.host
        choices.append([Spec(s, a.dtype, a if host and s == a.shape else None) for s in shapes])
        if host:
            choices[-1].append(Spec(a.shape, a.dtype, None))
    if len(arrays) <= 3:
        return itertools.product(*choices)
    return itertools.chain(
        (tuple(c[min(k, len(c) - 1)] for c in choices) for k in range(max(map(len, choices)))),
        (
            tuple(c[k if j == i else 0] for j, c in enumerate(choices))
            for i in range(len(arrays))
            for k in range(len(choices[i]))
        ),
    )


@pytest.mark.parametrize("op, case", CASES)
def test_shape_rule(op, case):
    arrays = draw(case)
    attrs = attributes(op, case)
    values, _ = run(op, arrays, case.attrs)
    for pattern in unknown_patterns(op, arrays):
        found = op.infer(pattern, attrs)
        found = (found,) if isinstance(found, Spec) else found
        complete = all(s.shape == a.shape and (s.known is not None or op.parameter(i) not in op.host)
                       for i, (s, a) in enumerate(zip(pattern, arrays, strict=True)))  # fmt: skip
        for spec, value in zip(found, values, strict=True):
            shape = np.shape(value)
            assert compatible(spec.shape, shape), f"{[str(s) for s in pattern]} -> {spec}, got {shape}"
            assert spec.dtype == np.asarray(value).dtype
            if complete and not op.dynamic:
                assert spec.shape == shape, "known inputs must give a known shape"


@pytest.mark.parametrize("op, case", CASES)
def test_float32_is_kept(op, case):
    arrays = draw(case)
    wide, _ = run(op, arrays, case.attrs)
    narrow, specs = run(op, [a.astype(np.float32) if a.dtype == np.float64 else a for a in arrays], case.attrs)
    for a, b, spec in zip(wide, narrow, specs, strict=True):
        expected = np.asarray(a).dtype
        if "dtype" not in case.attrs:
            expected = {"float64": np.dtype(np.float32), "complex128": np.dtype(np.complex64)}.get(
                expected.name, expected
            )
        if any(x.dtype == np.float64 for x in arrays):
            assert np.asarray(b).dtype == expected
        assert np.asarray(b).dtype == spec.dtype


@pytest.mark.parametrize("op, case", [p for p in CASES if p.values[1].gradient and p.values[0].vjp_rule])
def test_gradient(op, case):
    check_gradients(lambda *xs: op(*xs, **case.attrs), draw(case), order=case.gradient)


@pytest.mark.parametrize("op, case", SETTLED)
def test_layout_of_inputs_does_not_matter(op, case):
    arrays = draw(case)
    strided = []
    for i, a in enumerate(arrays):
        holder = np.zeros([2 * n for n in a.shape], a.dtype) if a.ndim else np.zeros((), a.dtype)
        view = holder[(slice(None, None, 2),) * a.ndim] if a.ndim else holder
        view[...] = a
        strided.append(a if op.parameter(i) in op.host else view)
    kernel, attrs = op.kernel, attributes(op, case)
    with np.errstate(all="ignore"):
        straight, odd = kernel(*arrays, **attrs), kernel(*strided, **attrs)
    for a, b in zip(*(r if isinstance(r, tuple | list) else (r,) for r in (straight, odd)), strict=True):
        assert_close(b, a)


@pytest.mark.parametrize("op, case", SETTLED)
def test_reference_kernels(op, case):
    arrays = [a.astype(np.float32) if a.dtype == np.float64 else a for a in draw(case)]
    plain, specs = run(op, arrays, case.attrs)
    wide, _ = run(op, arrays, case.attrs, kernels="reference")
    for a, b, spec in zip(plain, wide, specs, strict=True):
        assert np.asarray(b).dtype == spec.dtype
        assert_close(a, b, scale=10)


@pytest.mark.parametrize("op, rejection", REJECTIONS)
def test_refusal(op, rejection):
    arrays = rejection.draw(np.random.default_rng(7))
    with pytest.raises(OpError) as caught:
        op(*[as_tensor(a) for a in arrays], **rejection.attrs)
    assert rejection.message.lower() in str(caught.value).lower()
    assert op.name in str(caught.value)
    assert "test_ops.py" in str(caught.value), "the message must name the user's line"
