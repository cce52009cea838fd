"""Every op on CuPy, forward and backward, and a whole training step: on a stand-in that refuses what CuPy refuses.

The stand-in (`fake_cupy`) computes with NumPy, so values must be the same; what it shows is that no kernel converts,
mixes, or calls what CuPy does not have. Tests on a real GPU are marked and skip themselves.
"""

import contextlib
import importlib.util
import sys
from pathlib import Path

import fake_cupy
import numpy as np
import pytest
from test_ops import CASES, PURE, assert_close, draw

import npslim as slim
from npslim import fast, image
from npslim.backend import on_gpu
from npslim.fast.blas import product
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


# ---- fast kernels are for the CPU: on a device, the plain ones do it all


def dense(x):
    return slim.stack(slim.flatten(x), slim.fully_connected, [300, 70])


def normalized(x):
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm):
        x = slim.conv2d(x, 8, [3, 3], scope="conv1")
        x = slim.conv2d(slim.max_pool2d(x, [3, 3], 2), 8, [3, 3], scope="conv2") + slim.avg_pool2d(x, [3, 3], 2)
    return slim.conv2d(x, 8, [1, 1], scope="conv3")


def separable(x):
    x = slim.separable_conv2d(x, 6, [3, 3], normalizer_fn=slim.batch_norm)
    x = slim.conv2d_transpose(x, 4, [3, 3], stride=2)
    return slim.convert_to_tensor(image.resize_bilinear(x, [5, 5]))


PLANS = [
    (dense, lambda: slim.GradientDescentOptimizer(0.1)),
    (dense, lambda: slim.MomentumOptimizer(0.1, 0.9)),
    (dense, lambda: slim.AdamOptimizer(0.01)),
    (normalized, lambda: slim.MomentumOptimizer(0.05, 0.9, use_nesterov=True)),
    (separable, lambda: slim.RMSPropOptimizer(0.01)),
]


@contextlib.contextmanager
def calls_with_device_arrays():
    """{qualified name: what it returned} of the functions of `npslim.fast` that were handed an array on the device."""
    folder, seen = str(Path(fast.__file__).parent), {}

    def on_device(value):
        return any(map(on_device, value)) if isinstance(value, tuple | list) else on_gpu(value)

    def watch(frame, event, result):
        name = frame.f_code.co_qualname
        if event == "call" and frame.f_code.co_filename.startswith(folder):
            if any(map(on_device, frame.f_locals.values())):
                seen.setdefault(name, [])
        elif event == "return" and name in seen and frame.f_code.co_filename.startswith(folder):
            seen[name].append(result)

    sys.setprofile(watch)
    try:
        yield seen
    finally:
        sys.setprofile(None)


def trained(net, optimizer, sparse, device, kernels):
    """Losses of three steps, and the variables afterwards."""
    with slim.Graph().as_default() as graph:
        graph.seed = 5
        images = slim.placeholder(slim.float32, [None, 8, 8, 3])
        labels = slim.placeholder(slim.int64, [None])
        logits = slim.fully_connected(slim.flatten(net(images)), 10, activation_fn=None)
        if sparse:
            slim.losses.sparse_softmax_cross_entropy(logits, labels)
        else:
            slim.losses.softmax_cross_entropy(logits, slim.one_hot_encoding(labels, 10))
        train_op = slim.learning.create_train_op(slim.losses.get_total_loss(), optimizer())
        rng = np.random.default_rng(0)
        feeds = {images: rng.normal(size=(40, 8, 8, 3)), labels: rng.integers(0, 10, 40)}
        session = slim.Session(graph=graph, device=device, kernels=kernels)
        session.run(slim.global_variables_initializer())
        losses = [session.run(train_op, feeds) for _ in range(3)]
        return losses, session.run({v.op.name: v for v in slim.global_variables()}), session.explain(train_op, feeds)


@pytest.mark.parametrize("kernels", ["fast", "rough"])
@pytest.mark.parametrize("net, optimizer", PLANS)
def test_fast_kernels_step_aside(cupy, net, optimizer, kernels):
    sparse = net is normalized
    losses, variables, _ = trained(net, optimizer, sparse, "cpu", "plain")
    with calls_with_device_arrays() as seen:
        losses_there, variables_there, plan = trained(net, optimizer, sparse, "gpu", kernels)
    here = trained(net, optimizer, sparse, "cpu", kernels)[2]
    for label in ("fast ", "loop ", "gives back"):
        assert label in here, "the same plan has fast kernels on the CPU"
        assert label not in plan
    asked = {"resize_bilinear", "divide_no_nan", "check_numerics", "reduce_sum"}
    assert set(seen) <= {"with_quick_kernel.<locals>.either", *asked}
    assert not any(result is not None for name in asked for result in seen.get(name, ()))
    assert (net is separable) == ("resize_bilinear" in seen)
    assert len({float(x) for x in losses}) == 3
    assert_close(losses_there, losses)
    for name, value in variables.items():
        assert_close(variables_there[name], value)


def test_what_is_looked_for_is_found(cupy):
    with calls_with_device_arrays() as seen:
        with pytest.raises(AttributeError, match="cupy.ndarray"):
            product(cupy.ones((2, 3)), cupy.ones((3, 2)), np.ones((2, 2)), add=1.0)
    assert "product" in seen


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
