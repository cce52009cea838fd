"""Recurrent networks and functions over elements: values, gradients, variables and shapes are TensorFlow's."""

import json
import types

import fake_cupy
import golden_cases
import numpy as np
import pytest
import rnn_programs

import npslim as slim
from npslim.nested import flat

FACTS = json.loads((golden_cases.FOLDER / "rnn.json").read_text())
RTOL = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2e-5}


@pytest.fixture(scope="module")
def arrays():
    with np.load(golden_cases.FOLDER / "rnn.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def tf():
    """The words of TensorFlow that the programs use, as npslim has them."""
    nn = ("rnn_cell", "dynamic_rnn", "bidirectional_dynamic_rnn", "static_rnn", "static_bidirectional_rnn", "relu")
    names = {name: getattr(slim, name) for name in slim.__all__}
    return types.SimpleNamespace(**names, nn=types.SimpleNamespace(**{name: names[name] for name in nn}))


@pytest.mark.parametrize("kernels", ["plain", "fast"])
@pytest.mark.parametrize("name", list(rnn_programs.PROGRAMS))
def test_program(name, kernels, tf, arrays):
    program, inputs = rnn_programs.PROGRAMS[name]
    facts = FACTS[name]
    placeholders = {key: slim.placeholder(x.dtype, shape, name=key) for key, (shape, x) in inputs.items()}
    outputs = flat(program(tf, **placeholders))
    for y, shape in zip(outputs, facts["outputs"], strict=True):  # npslim may know more
        assert [n if m is not None else None for m, n in zip(shape, y.shape.as_list(), strict=True)] == shape
    variables = slim.global_variables()
    trainable = slim.trainable_variables()
    session = slim.Session(kernels=kernels)
    session.run(slim.global_variables_initializer())
    found = []
    for i, v in enumerate(variables):
        first = session.run(v)
        constant = float(first.flat[0]) if first.size > 1 and np.ptp(first) == 0 else None
        found.append([v.op.name, v.shape.as_list(), v in trainable, constant])
        v.load(rnn_programs.numbers(first.shape, first.dtype, i), session)
    assert found == facts["variables"]
    feeds = {placeholders[key]: x for key, (_, x) in inputs.items()}
    sources = {**placeholders, **{v.op.name: v for v in variables}}
    values = [arrays[f"{name}:output {i}"] for i in range(len(outputs))]
    weights = [rnn_programs.numbers(y.shape, y.dtype, i) for i, y in enumerate(values)]
    gradients = slim.gradients(outputs, [sources[key] for key in facts["gradients"]], weights)
    assert [g is not None for g in gradients] == list(facts["gradients"].values())
    expected = {f"output {i}": y for i, y in enumerate(outputs)}
    expected |= {f"by {key}": g for key, g in zip(facts["gradients"], gradients, strict=True) if g is not None}
    for key, value in session.run(expected, feeds).items():
        right = arrays[f"{name}:{key}"]
        rtol = RTOL[right.dtype]
        assert value.dtype == right.dtype
        np.testing.assert_allclose(value, right, rtol=rtol, atol=rtol * np.abs(right).max(initial=1), err_msg=key)


def test_every_program_is_recorded():
    assert list(FACTS) == list(rnn_programs.PROGRAMS)


@pytest.mark.parametrize(
    "name", ["dynamic_lengths", "bidirectional", "static_lengths", "scan_reverse", "map_fn_structures"]
)
def test_on_the_device(name, tf):
    program, inputs = rnn_programs.PROGRAMS[name]
    placeholders = {key: slim.placeholder(x.dtype, shape, name=key) for key, (shape, x) in inputs.items()}
    outputs = flat(program(tf, **placeholders))
    gradients = slim.gradients(outputs, [placeholders["x"], *slim.trainable_variables()])
    found = []
    with fake_cupy.active():
        for device in ("cpu", "gpu"):
            session = slim.Session(device=device)
            session.run(slim.global_variables_initializer())
            for i, v in enumerate(slim.global_variables()):
                v.load(rnn_programs.numbers(v.shape.as_list(), np.float64, i), session)
            found.append(session.run(outputs + gradients, {placeholders[key]: x for key, (_, x) in inputs.items()}))
    for here, there in zip(*found, strict=True):
        assert isinstance(there, np.ndarray)
        np.testing.assert_allclose(there, here, rtol=1e-12)
