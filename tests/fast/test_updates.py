"""Every blocked update gives the bits of its plain op, in place and into new arrays."""

import numpy as np
import pytest

import npslim as slim
from npslim.cells import Cell
from npslim.fast import arena, batch_norm, blas, cross_entropy, kernels, loops, pool, update, winograd
from npslim.fast.workers import sharing
from npslim.nets import factory
from npslim.registry import REGISTRY

NUMBERS = {
    "apply_gradient_descent": [0.1],
    "apply_momentum": [0.1, 0.9],
    "apply_adam": [0.81, 0.998, 0.01, 0.9, 0.999, 1e-8],
    "apply_rms_prop": [0.01, 0.9, 0.8, 1e-4],
    "apply_centered_rms_prop": [0.01, 0.9, 0.8, 1e-4],
    "apply_adagrad": [0.02],
    "apply_adadelta": [0.5, 0.95, 1e-6],
    "apply_ftrl": [0.1, 0.02, 0.01, 0.03, -0.5],
    "apply_proximal_gradient_descent": [0.1, 0.02, 0.01],
    "apply_proximal_adagrad": [0.1, 0.02, 0.01],
    "apply_adagrad_da": [0.1, 0.02, 0.01, 7],
}


def test_all_of_them_are_here():
    assert NUMBERS.keys() == update.UPDATES.keys()


def cells(count, shape, dtype):
    """Variables and slots: the first of any sign, the others positive, as sums of squares are; some of them zero."""
    rng, made = np.random.default_rng(1), [Cell(str(i)) for i in range(count)]
    for i, cell in enumerate(made):
        cell.value = (rng.normal(size=shape) if not i else rng.exponential(size=shape) + 0.05).astype(dtype)
        cell.value.reshape(-1)[::7] *= i > 0
    return made


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("name", NUMBERS)
def test_an_update_has_the_bits_of_its_op(name, dtype, new, monkeypatch):
    monkeypatch.setattr(update, "BLOCK", 1000)
    block_update, count = update.UPDATES[name]
    kernel, shape = REGISTRY[name].kernel, (83, 60)
    blocked = update.blocked(block_update, kernel, count, writable=update.new if new else update.writable)
    plain, fast, rng = cells(count, shape, dtype), cells(count, shape, dtype), np.random.default_rng(2)
    numbers = [np.dtype(dtype).type(x) for x in NUMBERS[name]]
    for _ in range(3):
        grad = rng.normal(size=shape).astype(dtype)
        grad[rng.random(shape) < 0.1] = 0
        kept = [cell.value for cell in fast] if new else []
        before = [value.copy() for value in kept]
        with np.errstate(all="ignore"), sharing(2):
            kernel(*plain, *numbers, grad)
            blocked(update.NOTHING, *fast, *numbers, grad)
        for a, b in zip(plain, fast, strict=True):
            assert a.value.dtype == b.value.dtype == dtype
            np.testing.assert_array_equal(a.value.view(f"i{a.value.itemsize}"), b.value.view(f"i{a.value.itemsize}"))
        for value, copy in zip(kept, before, strict=False):
            np.testing.assert_array_equal(value, copy)


def test_a_gradient_that_is_made_of_another_update():
    """All are large enough for blocks, and small enough to come late."""
    v, w = (slim.Variable(np.full(4000, value, np.float32)) for value in (1, 2))
    first = slim.GradientDescentOptimizer(0.5).apply_gradients([(slim.ones([4000]), v)])
    with slim.control_dependencies([first]):
        gradient = v.read_value() * 4.0
    second = slim.GradientDescentOptimizer(0.5).apply_gradients([(gradient, w)])
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    for values in ((0.5, 1.0), (0.0, 1.0), (-0.5, 2.0)):
        session.run(second)
        assert [set(x.tolist()) for x in session.run([v, w])] == [{value} for value in values]


class Failing:
    """Stands for NumPy: `empty`, `empty_like` and so on raise when an array of at least `least` bytes is made, as `at`
    says: the first, the second ... in whichever thread."""

    def __init__(self, at, least=1 << 12):
        self.at, self.least, self.count = at, least, 0

    def _made(self, name, *args, **kwargs):
        array = getattr(np, name)(*args, **kwargs)
        if array.nbytes >= self.least:
            self.count += 1
            if self.count == self.at:
                raise MemoryError(f"allocation {self.at}")
        return array

    def __getattr__(self, name):
        if name in ("empty", "empty_like", "array", "ascontiguousarray", "zeros"):
            return lambda *args, **kwargs: self._made(name, *args, **kwargs)
        return getattr(np, name)


MODULES = (arena, batch_norm, blas, cross_entropy, kernels, loops, pool, update, winograd)


def fail_one_after_the_other(session, fetches, feeds, fresh, least=1 << 12):
    """Let each allocation of a run fail in turn; returns how many did. After each, all variables are what they were.

    fresh: forget plans and working memory each time, as at the first step.
    """
    variables = {v.op.name: v for v in slim.global_variables()}
    for at in range(1, 10_000):
        before = session.run(variables)
        with pytest.MonkeyPatch.context() as patch:
            if fresh:
                patch.setattr(arena, "_scratch", arena._Scratch())
                session._plans.clear()
            failing = Failing(at, least)
            for module in MODULES:
                patch.setattr(module, "np", failing)
            try:
                session.run(fetches, feeds)
            except slim.errors.ResourceExhaustedError:
                pass
            else:
                assert failing.count < at
                return at - 1
        after = session.run(variables)
        for name, value in before.items():
            np.testing.assert_array_equal(value, after[name], err_msg=f"{name} after allocation {at}")
    raise AssertionError("there is no end")


OPTIMIZERS = {
    "descent": lambda: slim.GradientDescentOptimizer(0.1),
    "momentum": lambda: slim.MomentumOptimizer(0.1, 0.9),
    "adam": lambda: slim.AdamOptimizer(0.01),
    "centered": lambda: slim.RMSPropOptimizer(0.01, 0.9, 0.8, centered=True),
}


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_no_variable_changes_if_any_allocation_fails(optimizer, fresh):
    """Weights that are also read turned round, held by what comes later, laid out by columns, and small ones."""
    x = slim.placeholder("float32", [None, 100])
    shapes = [(100, 100)] * 4 + [(100,)]
    variables = [slim.Variable(np.full(shape, 0.01, np.float32)) for shape in shapes]
    plain, turned, held, by_columns, small = variables
    net = slim.relu(slim.matmul(x, plain) + slim.matmul(x, slim.transpose(turned)) + small)
    net = slim.matmul(slim.matmul(net, held), by_columns)
    gradients = slim.gradients(slim.reduce_mean(net * net), variables)
    train = OPTIMIZERS[optimizer]().apply_gradients(zip(gradients, variables, strict=True))
    with slim.control_dependencies([train]):
        late = slim.reduce_sum(held.value())
    session, feeds = slim.Session(threads=2), {x: np.random.default_rng(0).normal(size=(30, 100))}
    session.run(slim.global_variables_initializer())
    lay_by_columns = slim.assign(by_columns, slim.py_func(np.asfortranarray, [plain], slim.float32))
    session.run(lay_by_columns)
    assert fail_one_after_the_other(session, [train, late], feeds, fresh) >= (10 if fresh else 1)
    for _ in range(2):
        session.run([train, late], feeds)
    fail_one_after_the_other(session, [train, late], feeds, fresh)


@pytest.mark.long
@pytest.mark.parametrize("name", ["lenet", "cifarnet"])
def test_no_variable_of_a_net_changes_if_any_allocation_fails(name):
    """Regularized, with moving averages after the updates; at the first step, and later."""
    network = factory.get(name, 10, weight_decay=0.001, is_training=True)
    size = network.default_image_size
    images = slim.placeholder("float32", [2, size, size, 1 if name == "lenet" else 3])
    logits, _ = network(images)
    slim.losses.softmax_cross_entropy(logits, np.eye(10, dtype=np.float32)[:2])
    train = slim.learning.create_train_op(slim.losses.get_total_loss(), slim.MomentumOptimizer(0.01, 0.9))
    with slim.control_dependencies([train]):
        averages = slim.ExponentialMovingAverage(0.9).apply()
    session = slim.Session(threads=2)
    session.run(slim.global_variables_initializer())
    feeds = {images: np.random.default_rng(0).normal(size=images.shape.as_list())}
    for fetches in (train, averages):
        assert fail_one_after_the_other(session, fetches, feeds, fresh=True) > 10
        fail_one_after_the_other(session, fetches, feeds, fresh=False)
