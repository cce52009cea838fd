"""A rewritten plan gives what the plain one gives, and writes to nothing that others hold.

With the plain convolutions it gives the same bits; the fast ones add up in another order (see `test_kernels.py`).
"""

import subprocess
import sys
import threading

import numpy as np
import pytest
from allocations import allocated

import npslim as slim
from npslim.cells import Cell
from npslim.fast import arena, kernels, rewrite, update, workers
from npslim.ops.update import apply_gradient_descent
from npslim.optimizers import (
    AdagradOptimizer,
    AdamOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    RMSPropOptimizer,
)
from npslim.variables import Variable

OPTIMIZERS = {
    "sgd": lambda: GradientDescentOptimizer(0.1),
    "momentum": lambda: MomentumOptimizer(0.05, 0.9),
    "nesterov": lambda: MomentumOptimizer(0.05, 0.9, use_nesterov=True),
    "adam": lambda: AdamOptimizer(0.01),
    "rms_prop": lambda: RMSPropOptimizer(0.003, 0.9, 0.8, epsilon=1e-4),
    "adagrad": lambda: AdagradOptimizer(0.02),
}


@pytest.fixture(autouse=True)
def fresh_graph():
    slim.reset_default_graph()
    slim.set_random_seed(3)


@pytest.fixture
def plain_kernels(monkeypatch):
    """No kernels but the plain ones, in loops and in buffers, and every gradient formed."""
    monkeypatch.setattr(kernels, "FAST", {"matmul": kernels.matmul})
    monkeypatch.setattr(rewrite, "PASSES", [one for one in rewrite.PASSES if one is not rewrite.join_updates])


def mlp(images):
    net = slim.fully_connected(slim.flatten(images), 300, scope="fc1")
    net = slim.fully_connected(net, 70, activation_fn=slim.sigmoid, scope="fc2")
    return slim.fully_connected(net, 5, activation_fn=None, scope="logits")


def convolutions(images):
    net = slim.conv2d(images, 8, [5, 5], scope="conv1")
    net = slim.max_pool2d(net, [2, 2], scope="pool1")
    net = slim.conv2d(net, 16, [3, 3], weights_regularizer=slim.l2_regularizer(0.01), scope="conv2")
    return slim.fully_connected(slim.flatten(net), 5, activation_fn=None, scope="logits")


def normalized(images):
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm):
        net = slim.conv2d(images, 16, [3, 3], scope="conv1")
        net = slim.conv2d(net, 16, [3, 3], scope="conv2") + net
    return slim.fully_connected(slim.flatten(net), 5, activation_fn=None, scope="logits")


NETS = {"mlp": mlp, "convolutions": convolutions, "normalized": normalized}


def training(net, optimizer, batch=16):
    """(train_op, feeds, tensors on the way) of a small net."""
    images = slim.placeholder("float32", [batch, 14, 14, 3], name="images")
    labels = slim.placeholder("float32", [batch, 5], name="labels")
    logits = NETS[net](images)
    slim.losses.softmax_cross_entropy(logits, labels)
    total = slim.losses.get_total_loss()
    train_op = slim.learning.create_train_op(total, OPTIMIZERS[optimizer]())
    rng = np.random.default_rng(5)
    feeds = {
        images: rng.normal(size=(16, 14, 14, 3)).astype(np.float32),
        labels: np.eye(5, dtype=np.float32)[rng.integers(5, size=16)],
    }
    return train_op, feeds


def steps(which, train_op, feeds, times=4):
    """(losses, values of all variables in the end)."""
    session = slim.Session(kernels=which)
    session.run(slim.global_variables_initializer())
    losses = [session.run(train_op, feeds) for _ in range(times)]
    return losses, session.run({v.op.name: v for v in slim.get_variables()})


@pytest.mark.parametrize("batch", [16, None])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("net", NETS)
def test_training_gives_the_same_bits(net, optimizer, batch, plain_kernels):
    train_op, feeds = training(net, optimizer, batch)
    before = {tensor: value.copy() for tensor, value in feeds.items()}
    plain_losses, plain = steps("plain", train_op, feeds)
    losses, fast = steps("fast", train_op, feeds)
    assert len(set(losses)) == 4 and losses == plain_losses
    assert plain.keys() == fast.keys()
    for name, value in plain.items():
        np.testing.assert_array_equal(value, fast[name], err_msg=name)
    for tensor, value in before.items():
        np.testing.assert_array_equal(value, feeds[tensor])


@pytest.mark.parametrize("batch", [16, None])
@pytest.mark.parametrize("net", ["convolutions", "normalized"])
def test_training_with_fast_kernels_comes_near(net, batch):
    """After two steps; later, an element near the kink of a relu may have come to lie on its other side."""
    train_op, feeds = training(net, "momentum", batch)
    plain_losses, plain = steps("plain", train_op, feeds, times=2)
    losses, fast = steps("fast", train_op, feeds, times=2)
    np.testing.assert_allclose(losses, plain_losses, rtol=1e-5)
    for name, value in plain.items():
        assert np.linalg.norm(value - fast[name]) <= 1e-5 * np.linalg.norm(value) + 1e-6, name


@pytest.mark.parametrize("batch", [16, None])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_gradients_that_are_not_formed_update_as_those_that_are(optimizer, batch, monkeypatch):
    """In the mlp, where nobody else reads them; a block of the product is a few rows here."""
    monkeypatch.setattr(update, "PRODUCT", 3000)
    train_op, feeds = training("mlp", optimizer, batch)
    assert "joined with its gradient" in slim.Session().explain(train_op, feeds)
    plain_losses, plain = steps("plain", train_op, feeds, times=3)
    losses, fast = steps("fast", train_op, feeds, times=3)
    np.testing.assert_allclose(losses, plain_losses, rtol=1e-5)
    assert len(set(losses)) == 3
    for name, value in plain.items():
        np.testing.assert_allclose(value, fast[name], rtol=1e-3, atol=2e-5, err_msg=name)


def test_an_update_that_another_one_reads_comes_before_it():
    """Here the learning rate is a variable that is updated first."""
    rate, large = Variable(1.0), Variable(np.ones((200, 200), np.float32))
    half, one, ones = (slim.constant(value, "float32") for value in (0.5, 1.0, np.ones((200, 200))))
    step = apply_gradient_descent(large, apply_gradient_descent(rate, half, one), ones)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    session.run(step)
    assert session.run(rate) == 0.5 and (session.run(large) == 0.5).all()


def test_a_gradient_that_is_read_is_formed():
    train_op, feeds = training("mlp", "momentum")
    gradients = [t for t in slim.get_default_graph().get_operations() if t.type == "MatMul" and "_grad" in t.name]
    plan = slim.Session().explain([train_op, *[node.outputs[0] for node in gradients]], feeds)
    assert "joined" not in plan


def test_a_gradient_may_be_any_output_of_its_step():
    x = slim.placeholder(slim.float32, [6, 2])
    variable = slim.get_variable("v", [3, 2], initializer=slim.zeros_initializer())
    _, second = slim.split(x, 2)
    train = GradientDescentOptimizer(0.5).apply_gradients([(second, variable)])
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    session.run(train, {x: np.arange(12.0).reshape(6, 2)})
    np.testing.assert_array_equal(session.run(variable), -0.5 * np.arange(6.0, 12.0).reshape(3, 2))


@pytest.mark.parametrize("net", NETS)
def test_every_tensor_can_be_fetched(net, plain_kernels):
    train_op, feeds = training(net, "momentum")
    tensors = [
        t
        for node in slim.get_default_graph().get_operations()
        for t in node.outputs
        if node.type != "VariableV2"
        and t.spec.dtype == np.float32
        and node.name.startswith(("gradients", "conv", "fc"))
        and "Initializer" not in node.name
        and not node.name.endswith("Assign")
    ]
    assert len(tensors) > 30
    plain, fast = slim.Session(kernels="plain"), slim.Session(kernels="fast")
    for session in (plain, fast):
        session.run(slim.global_variables_initializer())
    expected, together = plain.run(tensors, feeds), fast.run(tensors, feeds)
    for tensor, a, b in zip(tensors, expected, together, strict=True):
        np.testing.assert_array_equal(a, b, err_msg=tensor.name)
        np.testing.assert_array_equal(plain.run(tensor, feeds), fast.run(tensor, feeds), err_msg=tensor.name)


def test_a_value_read_before_an_assignment_keeps_its_bits():
    v = Variable(np.ones((300, 300), np.float32))
    view = slim.reshape(slim.convert_to_tensor(v), [90000])
    step = GradientDescentOptimizer(1.0).apply_gradients([(np.full((300, 300), 2, np.float32), v)])
    with slim.control_dependencies([step]):
        late = slim.identity(view)
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    first = session.run(v)
    before, after = session.run([late, v])
    assert (before == 1).all() and (after == -1).all() and (first == 1).all()
    session.run(step)
    assert (after == -1).all() and (session.run(v) == -3).all()


def test_a_chain_is_one_step_and_in_place():
    x = slim.placeholder("float32", [64, 256])
    y = slim.relu(slim.bias_add(slim.placeholder("float32", [64, 256], name="other") + x, trainable=False))
    plan = slim.Session(kernels="fast").explain(y, {x: 0, "other:0": 0})
    assert "loop add+add+maximum" in plan


@pytest.mark.parametrize("rows", [9, 120, 260, 1000])
def test_chains_have_the_same_bits_at_once_and_block_by_block(rows):
    x = slim.placeholder("float32", [None, 256])
    y = slim.exp(slim.relu(slim.bias_add(x, trainable=False, initializer=slim.ones_initializer())) * -0.5)
    feeds, found = {x: np.random.default_rng(rows).normal(size=(rows, 256))}, []
    for name in ("plain", "fast"):
        session = slim.Session(kernels=name)
        session.run(slim.global_variables_initializer())
        found.append(session.run(y, feeds))
    assert "loop add+maximum+multiply+exp" in session.explain(y, feeds)
    np.testing.assert_array_equal(*found)


def test_equal_steps_run_once_and_constants_are_folded():
    x = slim.placeholder("float32", [2])
    y = slim.exp(x) * slim.exp(x) + (slim.constant(2.0) + 3.0)
    session = slim.Session(kernels="fast")
    types = [line.split()[2] for line in session.explain(y, {x: 0}).splitlines()[1:]]
    assert sorted(types) == ["AddV2", "Const", "Exp", "Mul"]
    np.testing.assert_allclose(session.run(y, {x: [0.0, 1.0]}), np.exp([0.0, 2.0]) + 5, rtol=1e-6)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
@pytest.mark.parametrize("net", NETS)
def test_no_node_allocates_much_after_the_second_step(net, optimizer):
    """At most 64 kB beside what is there, in any node of the third step."""
    train_op, feeds = training(net, optimizer, batch=64)
    feeds = {tensor: np.concatenate([value] * 4) for tensor, value in feeds.items()}
    session = slim.Session(kernels="fast", threads=1)
    session.run(slim.global_variables_initializer())
    for _ in range(2):
        session.run(train_op, feeds)
    found = allocated(session, train_op, feeds)
    assert len(found) > 30 and max(found.values())[0] > 0
    assert {name: size for (name, _), (size, _) in found.items() if size > 1 << 16} == {}


def test_random_numbers_are_not_merged():
    x = slim.random_normal([3]) - slim.random_normal([3])
    assert np.abs(slim.Session(kernels="fast").run(x)).min() > 0


@pytest.mark.parametrize("drawn", [slim.random_uniform, slim.random_normal, slim.truncated_normal])
def test_random_numbers_are_scaled_in_place_unless_they_are_fetched(drawn):
    y = drawn([80, 90], 3.0, 5.0, seed=6)
    (raw,) = [n.outputs[0] for n in slim.get_default_graph().get_operations() if n.op.random]
    assert ", in place" in slim.Session().explain(y)
    assert ", in place" not in slim.Session().explain([y, raw])
    alone, (again, numbers) = slim.Session().run(y), slim.Session().run([y, raw])
    np.testing.assert_array_equal(alone, again)
    np.testing.assert_array_equal(alone, slim.Session(kernels="plain").run(y))
    assert np.ptp(numbers) < np.ptp(alone)


def test_the_gradient_of_relu_lets_nothing_through_where_it_is_zero():
    g = np.tile(np.array([1.5, -2.0, np.inf, -np.inf, np.nan, 0.0, -0.0], np.float32), 3000).reshape(30, -1)
    y = np.repeat(np.array([1.0, 0.0, -0.0, np.nan, 3.0], np.float32), 4200).reshape(30, -1)
    a, b = slim.placeholder("float32", g.shape), slim.placeholder("float32", g.shape)
    z = slim.gradients(slim.relu(a), [a], b)[0]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(
            slim.Session(kernels="fast").run(z, {a: y, b: g}).view(np.int32), np.where(y > 0, g, 0).view(np.int32)
        )


def test_runs_at_the_same_time_read_whole_values():
    v = Variable(np.zeros(400_000, np.float32))
    read = slim.identity(slim.convert_to_tensor(v)) + 0.0
    step = GradientDescentOptimizer(1.0).apply_gradients([(np.full(400_000, -1, np.float32), v)])
    session = slim.Session(kernels="fast")
    session.run(slim.global_variables_initializer())
    torn, over = [], threading.Event()

    def watch():
        while not over.is_set():
            seen = session.run([read, v])
            torn.extend(x for x in seen if x.min() != x.max())

    watchers = [threading.Thread(target=watch) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    for _ in range(150):
        session.run(step)
    over.set()
    for watcher in watchers:
        watcher.join()
    assert not torn and (session.run(v) == 150).all()


def test_an_error_names_the_node_and_its_inputs():
    x, y = slim.placeholder("float32", [None, 300]), slim.placeholder("float32", [None, 300])
    z = slim.relu(slim.add(x, y, name="together"))
    with pytest.raises(ValueError) as caught:
        slim.Session(kernels="fast").run(z, {x: np.zeros((20, 300)), y: np.zeros((30, 300))})
    assert "failed   together (AddV2), made at " in "".join(caught.value.__notes__)


# ---- no memory


class Failing:
    """Stands for NumPy where buffers are made; the allocation number `at` fails, of those of a worker if `there`."""

    def __init__(self, at, there=False):
        self.at, self.there, self.count = at, there, 0

    def empty(self, count, dtype=np.uint8):
        self.count += threading.current_thread().name == "npslim worker" if self.there else 1
        if self.count == self.at:
            self.count += 1
            raise MemoryError(f"allocation {self.at}")
        return np.empty(count, dtype)

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.mark.parametrize("net, optimizer", [("normalized", "momentum"), ("mlp", "adam"), ("convolutions", "sgd")])
def test_a_run_that_finds_no_memory_changes_nothing(net, optimizer, monkeypatch):
    """Wherever it is: the error tells the node, and the session goes on as if nothing had been."""
    train_op, feeds = training(net, optimizer)
    variables = {v.op.name: v for v in slim.get_variables()}
    expected = steps("fast", train_op, feeds, times=2)
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    failed = 0
    for at in range(1, 60):
        before = session.run(variables)
        monkeypatch.setattr(arena, "_scratch", arena._Scratch())
        monkeypatch.setattr(arena, "np", Failing(at))
        session._plans.clear()  # with them go the buffers
        try:
            session.run(train_op, feeds)
            break
        except slim.errors.ResourceExhaustedError as error:
            failed += 1
            assert error.op is not None and error.op.name in str(error) and "made at" in str(error)
        finally:
            monkeypatch.setattr(arena, "np", np)
        for name, value in session.run(variables).items():
            np.testing.assert_array_equal(value, before[name], err_msg=f"{name} after allocation {at}")
    assert failed > 4
    session.run(train_op, feeds)
    for name, value in session.run(variables).items():
        np.testing.assert_array_equal(value, expected[1][name], err_msg=name)


@pytest.fixture
def work_for_the_worker(monkeypatch):
    """Whatever can be shared is done by the other thread, all but the first part."""

    def waiting(job, take):
        done = vars(job).setdefault("done", threading.Event())
        if threading.current_thread().name == "npslim worker":
            here(job, take)
            done.set()
        else:
            assert done.wait(timeout=60)

    here = workers._Job.help
    monkeypatch.setattr(workers._Job, "help", waiting)
    monkeypatch.setattr(workers, "SHORTEST", 0.0)
    monkeypatch.setattr(workers, "LEAST", 0.0)


@pytest.mark.parametrize("net, optimizer", [("normalized", "adam"), ("mlp", "nesterov"), ("convolutions", "momentum")])
def test_no_memory_in_another_thread(net, optimizer, work_for_the_worker, monkeypatch):
    """It is this run that fails; no variable has changed, and the session and its threads go on."""
    monkeypatch.setattr(update, "PRODUCT", 3000)
    monkeypatch.setattr(update, "BLOCK", 4000)
    train_op, feeds = training(net, optimizer)
    variables = {v.op.name: v for v in slim.get_variables()}
    session = slim.Session(threads=2)
    session.run(slim.global_variables_initializer())
    first, failed = session.run(variables), set()
    for at in range(1, 60):
        monkeypatch.setattr(arena, "_scratch", arena._Scratch())
        failing = Failing(at, there=True)
        monkeypatch.setattr(arena, "np", failing)
        try:
            session.run(train_op, feeds)
        except slim.errors.ResourceExhaustedError as error:
            failed.add(error.op.type)
            assert error.op.name in str(error) and "made at" in str(error) and "bytes" in str(error)
        finally:
            monkeypatch.setattr(arena, "np", np)
        if failing.count < at:
            break
        for name, value in session.run(variables).items():
            np.testing.assert_array_equal(value, first[name], err_msg=f"{name} after allocation {at}")
    assert bool(failed) == (net != "mlp")  # there, only updates are shared out, and those have what they need
    alone = slim.Session(threads=1)
    alone.run(slim.global_variables_initializer())
    alone.run(train_op, feeds)
    for name, value in alone.run(variables).items():
        np.testing.assert_array_equal(value, session.run(variables[name]), err_msg=name)


def half_an_update(var, accum, *rest, **attrs):
    """The plain kernel of momentum, where there is memory for one of the two new values."""
    accum.value = accum.value + 1
    raise MemoryError


def test_a_plain_update_that_fails_on_its_way_is_undone():
    train_op, feeds = training("convolutions", "momentum")
    variables = {v.op.name: v for v in slim.get_variables()}
    session = slim.Session(kernels="plain")
    session.run(slim.global_variables_initializer())
    session.run(train_op, feeds)
    before = session.run(variables)
    (plan,) = [plan for (fetches, _), plan in session._plans.items() if train_op in fetches]
    last = [step for step in plan.steps if step.node.type == "ApplyMomentum"][-1]
    last.kernel = half_an_update
    with pytest.raises(slim.errors.ResourceExhaustedError, match=last.node.name):
        session.run(train_op, feeds)
    for name, value in session.run(variables).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)


def test_what_a_blocked_update_leaves_to_the_plain_kernel_is_undone():
    """Here, as the arrays are not laid out alike."""
    cells = Cell("var"), Cell("accum")
    for cell in cells:
        cell.value = np.asfortranarray(np.ones((80, 90), np.float32))
    step = update.blocked(update.momentum, half_an_update, 2)
    with pytest.raises(MemoryError):
        step(update.NOTHING, *cells, np.float32(0.1), np.float32(0.9), np.ones((80, 90), np.float32))
    assert all((cell.value == 1).all() for cell in cells)


def test_an_update_before_something_large_keeps_what_it_replaces():
    """Moving averages, too: all variables are what they were when a later node fails."""
    v = Variable(np.ones((300, 300), np.float32))
    step = GradientDescentOptimizer(1.0).apply_gradients([(np.full((300, 300), 2, np.float32), v)])
    with slim.control_dependencies([step]):
        large = slim.py_func(lambda: np.empty(1 << 60, np.uint8), [], slim.uint8, name="large")
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    with pytest.raises(slim.errors.ResourceExhaustedError) as caught:
        session.run([step, large])
    for part in ("large", "1,152,921,504,606,846,976 bytes", "test_rewrite.py", "smaller batch"):
        assert part in str(caught.value), part
    assert (session.run(v) == 1).all()
    session.run(step)
    assert (session.run(v) == -1).all()


LIMITED = """
import resource, numpy as np, npslim as slim
x = slim.placeholder("float32", [None, 1000])
v = slim.Variable(np.ones(3, np.float32))
step = slim.assign_add(v, [1.0, 1.0, 1.0])
with slim.control_dependencies([step]):
    y = slim.matmul(x, x, transpose_b=True, name="too_large")
session = slim.Session(kernels="KERNELS", threads=1)
session.run(slim.global_variables_initializer())
feeds = {x: np.ones((40_000, 1000), np.float32)}
session.run(y, {x: np.ones((300, 1000), np.float32)})  # v is 2 now
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), resource.RLIM_INFINITY))
try:
    session.run([step, y], feeds)
except slim.errors.ResourceExhaustedError as error:
    print(error)
print(session.run(v), session.run(y, {x: np.ones((2, 1000), np.float32)}).tolist())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limit of a process's memory is Linux's")
@pytest.mark.parametrize("kernels", ["fast", "plain", "reference"])
def test_under_a_limit_of_the_system(kernels):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.replace("KERNELS", kernels)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    for part in ("node too_large (MatMul)", "bytes", "float32 [40000, 1000]", "[2. 2. 2.] [[1000.0, 1000.0]"):
        assert part in done.stdout, (part, done.stdout)
