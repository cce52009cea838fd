"""Every op on CuPy, forward and backward, and a whole training step: on a stand-in that refuses what CuPy refuses.

The stand-in (`fake_cupy`) computes with NumPy, so values must be the same; what it shows is that no kernel converts,
mixes, or calls what CuPy does not have. Tests on a real GPU are marked and skip themselves.
"""

import importlib.util

import fake_cupy
import numpy as np
import pytest
from test_ops import CASES, PURE, assert_close, draw

import npslim as slim
from npslim.graph import get_default_graph


@pytest.fixture
def cupy():
    with fake_cupy.active() as module:
        yield module


def on_both(fetches, feeds, seed=3):
    """The values on the CPU and on the device."""
    graph = get_default_graph()
    graph.seed = seed
    return [slim.Session(graph=graph, device=device, kernels="plain").run(fetches, feeds) for device in ("cpu", "gpu")]


def fed(arrays, op):
    """Placeholders for the arrays that live on the device, constants for those of the host, and the feeds."""
    inputs, feeds = [], {}
    for i, a in enumerate(arrays):
        if op.parameter(i) in op.host or a.dtype.kind == "O":
            inputs.append(slim.constant(a))
        else:
            inputs.append(slim.placeholder(a.dtype, a.shape))
            feeds[inputs[-1]] = a
    return inputs, feeds


@pytest.mark.parametrize("op, case", CASES)
def test_forward(cupy, op, case):
    inputs, feeds = fed(draw(case), op)
    outputs = op(*inputs, **case.attrs)
    outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
    for here, there in zip(*on_both(outputs, feeds), strict=True):
        assert isinstance(there, np.ndarray | np.generic | bytes)
        assert_close(there, here)


@pytest.mark.parametrize("op, case", [p for p in CASES if p.values[1].gradient and p.values[0].vjp_rule])
def test_backward(cupy, op, case):
    inputs, feeds = fed(draw(case), op)
    outputs = op(*inputs, **case.attrs)
    outputs = [y for y in (outputs if isinstance(outputs, tuple) else [outputs]) if y.dtype.is_floating]
    floats = [x for x in inputs if x.dtype.is_floating and x in feeds]
    grads = [slim.convert_to_tensor(g) for g in slim.gradients(outputs, floats) if g is not None]
    for here, there in zip(*on_both(grads, feeds), strict=True):
        assert_close(there, here)


def small_net():
    """A train op, its loss, and feeds: convolution, batch norm, pooling, dropout, a dense layer, momentum."""
    images = slim.placeholder(slim.float32, [None, 8, 8, 1])
    labels = slim.placeholder(slim.int64, [None])
    x = slim.conv2d(images, 4, [3, 3], normalizer_fn=slim.batch_norm, weights_regularizer=slim.l2_regularizer(1e-3))
    x = slim.max_pool2d(x, [2, 2])
    x = slim.dropout(slim.flatten(x), 0.5)
    logits = slim.fully_connected(x, 10, activation_fn=None)
    slim.losses.softmax_cross_entropy(logits, slim.one_hot_encoding(labels, 10))
    train_op = slim.learning.create_train_op(slim.losses.get_total_loss(), slim.MomentumOptimizer(0.1, 0.9))
    rng = np.random.default_rng(0)
    return train_op, {images: rng.normal(size=(6, 8, 8, 1)), labels: rng.integers(0, 10, 6)}


def steps(device, count=3):
    """Losses of some training steps, and the variables afterwards."""
    with slim.Graph().as_default() as graph:
        graph.seed = 5
        train_op, feeds = small_net()
        session = slim.Session(graph=graph, device=device)
        session.run(slim.global_variables_initializer())
        losses = [session.run(train_op, feeds) for _ in range(count)]
        return losses, session.run({v.op.name: v for v in slim.global_variables()})


def test_training_steps(cupy):
    losses, variables = steps("cpu")
    losses_there, variables_there = steps("gpu")
    assert len({float(x) for x in losses}) == len(losses)
    assert_close(losses_there, losses)
    assert variables.keys() == variables_there.keys()
    for name in variables:
        assert_close(variables_there[name], variables[name])


def test_state_stays_on_the_device(cupy):
    train_op, feeds = small_net()
    session = slim.Session(device="gpu")
    session.run(slim.global_variables_initializer())
    session.run(train_op, feeds)
    cells = {name: cell.value for name, cell in session.store.cells.items()}
    assert cells.keys() >= {"Conv/weights", "Conv/weights/Momentum"}
    assert all(type(value).__module__ == "cupy" for value in cells.values())


def test_every_op_is_covered():
    assert {p.values[0].name for p in CASES} == {op.name for op in PURE}


def test_without_cupy_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)
    with pytest.raises(slim.errors.MissingExtraError, match=r"pip install 'npslim\[gpu\]'"):
        slim.Session(device="gpu")


@pytest.mark.gpu
@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="needs CuPy and a GPU")
def test_training_steps_on_a_real_gpu():
    losses, variables = steps("cpu")
    losses_there, variables_there = steps("gpu")
    np.testing.assert_allclose(losses_there, losses, rtol=1e-4)
    for name in variables:
        np.testing.assert_allclose(variables_there[name], variables[name], rtol=1e-3, atol=1e-4)
