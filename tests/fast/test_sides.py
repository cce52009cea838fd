"""Steps side by side: which ones, the same values and memory for any number of threads, errors, what is shown."""

import threading
import time

import numpy as np
import pytest
from allocations import allocated

import npslim as slim
from npslim.errors import InvalidArgumentError, ResourceExhaustedError
from npslim.fast import sides, workers
from npslim.fast.arena import LARGE, Arena
from npslim.fast.sides import Parts

SIZE = [4, 16, 16, 8]


@pytest.fixture(autouse=True)
def everything_counts(monkeypatch):
    """Put everything side by side that may be, and share all work out, however small."""
    for module, name in ((sides, "LARGE"), (sides, "FORK"), (workers, "SHORTEST"), (workers, "LEAST")):
        monkeypatch.setattr(module, name, 0.0)


def branches(x):
    """Four branches of inception, two of them of several convolutions."""
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm):
        first = slim.conv2d(x, 16, [1, 1])
        second = slim.conv2d(slim.conv2d(x, 8, [1, 1]), 16, [3, 3])
        third = slim.repeat(x, 3, slim.conv2d, 16, [3, 3])
        return slim.concat([first, second, third, slim.avg_pool2d(x, [3, 3], 1, padding="SAME")], 3)


def training(batch: int | None = SIZE[0]):
    """(train_op, placeholder) of two such modules."""
    x = slim.placeholder(slim.float32, [batch, *SIZE[1:]])
    loss = slim.reduce_mean(slim.square(branches(branches(x))))
    slim.losses.add_loss(loss)
    return slim.learning.create_train_op(slim.losses.get_total_loss(), slim.MomentumOptimizer(0.02, 0.9)), x


def images(batch=SIZE[0]):
    return np.random.default_rng(batch).normal(size=(batch, *SIZE[1:])).astype("f")


def with_sides(session, fetch):
    """The steps with sides of the plan for `fetch`."""
    return [
        step for (fetches, _), plan in session._plans.items() if fetch in fetches for step in plan.steps if step.sides
    ]


def trained(threads, batches):
    """The variables, and the loss of each step."""
    with slim.Graph().as_default():
        slim.set_random_seed(3)
        train, x = training(batch=None)
        session = slim.Session(threads=threads)
        session.run(slim.global_variables_initializer())
        losses = [session.run(train, {x: images(batch)}) for batch in batches]
        assert bool(with_sides(session, train)) == (threads > 1)
        return [*session.run(slim.global_variables()), *losses]


@pytest.mark.parametrize("batches", [[4] * 6, [4, 4, 2, 4, 2, 3, 2, 4]])
def test_the_same_bits_for_any_number_of_threads(batches):
    first, *others = [trained(threads, batches) for threads in (1, 2, 2, 4)]
    for other in others:
        for a, b in zip(first, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_two_branches_run_at_the_same_time():
    met = threading.Barrier(2, timeout=20)
    x = slim.placeholder(slim.float32, SIZE)
    y = slim.concat([slim.conv2d(x, 16, [3, 3]), slim.conv2d(x, 16, [3, 3])], 3)
    session = slim.Session(threads=2)
    session.run(slim.global_variables_initializer())
    session.run(y, {x: images()})
    (step,) = with_sides(session, y)
    for side in step.sides:
        convolution = next(part for part in side if part.node.op.name == "conv2d")
        convolution.kernel = _after(met, convolution.kernel)
    with slim.profile() as profile:
        session.run(y, {x: images()})
    convolutions = [event for event in profile.events if event.kernel == "plain" and event.node.type == "Conv2D"]
    assert len(convolutions) == 2 and convolutions[0].thread != convolutions[1].thread
    assert len(profile.events) == sum(len(step.parts) for step in session.plan((y,), (x,)).steps)


def _after(met, kernel):
    def waiting(*inputs):
        met.wait()
        return kernel(*inputs)

    return waiting


def test_sides_allocate_no_more_than_steps_one_after_the_other():
    train, x = training()
    large = []
    for threads in (1, 2):
        session = slim.Session(threads=threads)
        session.run(slim.global_variables_initializer())
        for _ in range(3):
            session.run(train, {x: images()})
        assert bool(with_sides(session, train)) == (threads > 1)
        allocated(session, train, {x: images()})  # now this thread has the working memory of what others did before
        found = allocated(session, train, {x: images()})
        large.append({node for node, (size, _) in found.items() if size > 2 * LARGE})
    assert large[1] <= large[0]


@pytest.mark.parametrize(
    "optimizer, together",
    [
        (lambda: slim.MomentumOptimizer(0.01, 0.9), True),
        (lambda: slim.MomentumOptimizer(0.01, 0.9, use_nesterov=True), False),
        (lambda: slim.AdamOptimizer(0.01), False),
    ],
)
def test_updates_side_by_side_are_those_that_take_no_memory(optimizer, together):
    found = []
    for threads in (1, 2):
        with slim.Graph().as_default():
            slim.set_random_seed(1)
            x = slim.placeholder(slim.float32, [16, 256])
            slim.losses.add_loss(slim.reduce_mean(slim.square(slim.stack(x, slim.fully_connected, [256, 128, 10]))))
            train = slim.learning.create_train_op(slim.losses.get_total_loss(), optimizer())
            session = slim.Session(threads=threads)
            session.run(slim.global_variables_initializer())
            for _ in range(4):
                session.run(train, {x: np.random.default_rng(2).normal(size=(16, 256)).astype("f")})
            found.append(session.run(slim.global_variables()))
            parts = [part for step in with_sides(session, train) for part in step.parts]
            large = [
                part for part in parts if getattr(part.kernel, "label", "") in ("blocked", "joined with its gradient")
            ]
            assert bool(large) == (together and threads > 1)
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_steps_in_an_order_of_their_own_stay_where_they_are():
    """Neither control dependencies nor effects change their order, nor does what another thread should not run."""
    seen = []
    x = slim.placeholder(slim.float32, SIZE)
    first = slim.conv2d(x, 16, [3, 3])
    noted = slim.py_func(lambda: seen.append(threading.get_ident()) or np.int64(1), [], slim.int64)
    with slim.control_dependencies([noted]):
        second = slim.conv2d(x, 16, [3, 3])
    session = slim.Session(threads=2)
    session.run(slim.global_variables_initializer())
    session.run([first, second], {x: images()})
    assert not with_sides(session, first) and seen == [threading.get_ident()]


def test_a_variable_is_read_before_and_after_its_assignment():
    x = slim.placeholder(slim.float32, SIZE)
    state = slim.get_variable("state", initializer=np.float32(1.0), trainable=False)
    before = slim.conv2d(x, 16, [3, 3]) * state.read_value()
    change = slim.assign_add(state, slim.reduce_mean(slim.conv2d(x, 16, [3, 3])) * 0 + 1)
    with slim.control_dependencies([change]):
        late = state.read_value()
    session = slim.Session(threads=2)
    session.run(slim.global_variables_initializer())
    for number in range(1, 4):
        _, now = session.run([before, late], {x: images()})
        assert now == number + 1


@pytest.mark.parametrize("number", [0, 1])
def test_an_error_of_either_side_names_its_node(number, monkeypatch):
    monkeypatch.setattr(sides, "kind", lambda step: None if step.node.control_inputs or step.context else "value")
    x = [slim.placeholder(slim.float32, SIZE) for _ in range(2)]
    y = slim.concat(
        [slim.check_numerics(slim.conv2d(t, 16, [3, 3]), "broken", name=f"breaks{i}") for i, t in enumerate(x)], 3
    )
    session = slim.Session(threads=2)
    session.run(slim.global_variables_initializer())
    feeds = {t: images() for t in x}
    for _ in range(3):
        session.run(y, feeds)
    assert with_sides(session, y)
    with pytest.raises(InvalidArgumentError, match="broken") as error:
        session.run(y, {**feeds, x[number]: images() * np.nan})
    assert error.value.op.name == f"breaks{number}" and any(f"breaks{number}" in note for note in error.value.__notes__)
    session.run(y, feeds)


@pytest.mark.parametrize("number", [0, 1])
def test_a_side_without_memory_changes_no_variable(number):
    x = slim.placeholder(slim.float32, SIZE)
    branch = [slim.batch_norm(slim.conv2d(x, 16, [3, 3])) for _ in range(2)]
    updates = slim.get_collection(slim.GraphKeys.UPDATE_OPS)
    y = slim.concat(branch, 3)
    session = slim.Session(threads=2)
    session.run(slim.global_variables_initializer())
    session.run([y, *updates], {x: images()})
    before = session.run(slim.global_variables())
    step = next(step for step in with_sides(session, y) if any(part.cells for part in step.parts))
    last = step.sides[number][-1]
    kernel, last.kernel = last.kernel, _without_memory
    with pytest.raises(ResourceExhaustedError, match=last.node.name):
        session.run([y, *updates], {x: images()})
    for a, b in zip(before, session.run(slim.global_variables()), strict=True):
        np.testing.assert_array_equal(a, b)
    last.kernel = kernel
    session.run([y, *updates], {x: images()})
    assert any((a != b).any() for a, b in zip(before, session.run(slim.global_variables()), strict=True))


def _without_memory(*inputs):
    time.sleep(0.05)  # the other side is done by now
    raise MemoryError


def test_explain_lists_the_steps_of_both_sides():
    train, x = training()
    one, two = (slim.Session(threads=threads).explain(train, {x: images()}) for threads in (1, 2))
    assert "side by side" not in one and "steps side by side with the " in two
    assert two.count("fast relu_fused_batch_norm_grad") == one.count("fast relu_fused_batch_norm_grad") > 4


# ---- parts and buffers


class Reads:
    def __init__(self, inputs, outputs):
        self.inputs, self.outputs = inputs, outputs


def test_parts_are_what_no_slot_and_no_variable_connects():
    parts = Parts({100})
    for inputs, outputs, seconds in (
        ((0,), (1,), 4),
        ((0,), (2,), 3),
        ((1,), (3,), 2),
        ((100,), (4,), 5),
        ((100, 2), (5,), 1),
    ):
        parts.add(Reads(inputs, outputs), seconds)
    assert sorted(parts.seconds.values()) == [6, 9]
    parts.add(Reads((3,), (6,)), 1)
    parts.add(Reads((0,), (7,)), 4)
    assert sorted(parts.seconds.values()) == [4, 7, 9] and sorted(parts.halves()[1]) == [9, 11]
    parts.add(Reads((6, 5), (8,)), 0)
    assert sorted(parts.seconds.values()) == [4, 16]


def run_with_sides(arena, first, second, turns):
    """Take buffers of so many kB before, in two sides in the order of `turns`, and after; the arrays in that order."""
    kind, taken = np.dtype(np.uint8), ([], [])
    take = lambda lender, kilobytes: lender.take((kilobytes << 10,), kind, kilobytes << 10)  # noqa: E731
    before = take(arena, 100)
    pair, left = arena.fork(2), (list(first), list(second))
    for turn in turns:
        if left[turn]:
            taken[turn].append(take(pair[turn], left[turn].pop(0)))
    assert not any(left)
    pair[0].give(taken[0][0])
    arena.join(pair)
    after = take(arena, 150)
    arrays = [before, *taken[0], *taken[1], after]
    for array in arrays:
        arena.give(array)
    arena.end()
    return arrays


def test_each_side_gets_the_same_places_whichever_is_the_quicker_one():
    arena = Arena()
    run_with_sides(arena, [200, 300], [400], [0, 0, 1])
    places = [
        [a.ctypes.data for a in run_with_sides(arena, [200, 300], [400], turns)] for turns in ([0, 1, 0], [1, 0, 0])
    ]
    assert places[0] == places[1]
    _, a, b, c, after = run_with_sides(arena, [200, 300], [400], [1, 0, 0])
    assert not any(np.shares_memory(x, y) for x, y in ((a, b), (a, c), (b, c), (b, after), (c, after)))
    assert all(array.base is not None for array in (a, b, c, after))


@pytest.mark.parametrize(
    "first, second", [([200, 300, 400], [400]), ([200], [300]), ([200, 400], [300]), ([100], [100] * 4)]
)
def test_sides_that_do_something_else_get_memory_of_their_own(first, second):
    arena = Arena()
    for _ in range(2):
        run_with_sides(arena, [200, 300], [400], [0, 0, 1])
    for _ in range(3):
        arrays = run_with_sides(arena, first, second, [0, 1, 0, 1, 0, 1, 1])
        sides = arrays[1:-1]
        assert not any(np.shares_memory(x, y) for i, x in enumerate(sides) for y in sides[:i])
    assert all(array.base is not None for array in arrays)


# ---- threads


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_works_are_done_once_and_share_with_who_has_none(threads):
    done, met = [], threading.Barrier(min(threads, 2), timeout=20)

    def item(number):
        done.append((number, threading.get_ident()))
        if number < min(threads, 2):
            met.wait()  # two threads at the same work, once the other side has ended

    works = [lambda: done.append("short"), lambda: workers.each(item, range(6))]
    for order in (works, works[::-1]):
        done.clear()
        workers._note((item.__code__, 6), 1e-3)
        with workers.sharing(threads):
            workers.side_by_side(order)
        assert done.count("short") == 1 and sorted(one[0] for one in done if one != "short") == list(range(6))


def test_the_error_of_a_work_comes_back_when_all_are_done():
    done = []

    def fails():
        raise ValueError("no")

    for _ in range(20):
        with workers.sharing(2), pytest.raises(ValueError, match="no"):
            workers.side_by_side([fails, lambda: done.append(time.sleep(0.001))])
