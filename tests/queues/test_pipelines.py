"""Pipelines from producers to batches: what comes out, in which order, and how they end."""

import json
import threading
import time

import numpy as np
import pytest

import npslim as slim
from npslim import queues
from npslim.errors import OutOfRangeError
from npslim.ops import queue_state
from npslim.ops.sparse import SparseTensor, sparse_tensor_to_dense
from npslim.queues.kinds import FIFOQueue, PaddingFIFOQueue, PriorityQueue, QueueBase, RandomShuffleQueue


def drain(fetches, limit=1000):
    """What runs of `fetches` give until the data ends, with the queue runners at work."""
    session = slim.Session()
    session.run(slim.local_variables_initializer())
    found = []
    with queues.QueueRunners(session), pytest.raises(OutOfRangeError):
        while len(found) < limit:
            found.append(session.run(fetches))
    return found


def fresh(seed=1):
    slim.reset_default_graph()
    slim.set_random_seed(seed)


def test_epochs_in_order():
    (x, y) = queues.slice_input_producer([np.arange(4), np.arange(8.0).reshape(4, 2)], num_epochs=2, shuffle=False)
    found = drain(queues.batch([x, y], 3, allow_smaller_final_batch=True))
    assert [xs.tolist() for xs, _ in found] == [[0, 1, 2], [3, 0, 1], [2, 3]]
    np.testing.assert_array_equal(
        np.concatenate([ys for _, ys in found]), np.tile(np.arange(8.0).reshape(4, 2), (2, 1))
    )


def test_a_last_batch_that_is_too_small_is_left_out():
    x = queues.range_input_producer(5, num_epochs=1, shuffle=False).dequeue()
    assert [b.tolist() for b in drain(queues.batch([x], 2))] == [[0, 1], [2, 3]]


def test_every_epoch_is_a_permutation():
    x = queues.range_input_producer(6, num_epochs=3, seed=1).dequeue()
    numbers = np.concatenate(drain(queues.batch([x], 3))).reshape(3, 6)
    assert (np.sort(numbers, axis=1) == np.arange(6)).all()
    assert len({tuple(row) for row in numbers}) == 3


def order(threads, kind):
    fresh()
    x = queues.range_input_producer(40, num_epochs=2, seed=3).dequeue()
    noise = slim.random_uniform([2])  # the random numbers of an example are its own
    x = slim.py_func(lambda n: (time.sleep(float(n % 7) / 3000), n)[1], [x], slim.int32)
    x.set_shape([])
    if kind == "batch":
        out = queues.batch([x, noise], 8, num_threads=threads)
    else:
        out = queues.shuffle_batch([x, noise], 8, capacity=30, min_after_dequeue=10, num_threads=threads, seed=7)
    found = drain(out)
    return np.concatenate([xs for xs, _ in found]), np.concatenate([noises for _, noises in found])


@pytest.mark.parametrize("kind", ["batch", "shuffle"])
def test_the_order_does_not_depend_on_the_number_of_threads(kind):
    one, noise = order(1, kind)
    assert sorted(one) == sorted(list(range(40)) * 2) and len(np.unique(noise)) == noise.size
    for threads in (2, 8):
        other, other_noise = order(threads, kind)
        np.testing.assert_array_equal(other, one)
        np.testing.assert_array_equal(other_noise, noise)


def test_several_sources_take_turns():
    sources = []
    for start in (0, 100, 200):
        x = queues.slice_input_producer([np.arange(start, start + 4)], num_epochs=1, shuffle=False)[0]
        sources.append([x])
    found = np.concatenate(drain(queues.batch_join(sources, 3)))
    assert found.tolist() == [0, 100, 200, 1, 101, 201, 2, 102, 202, 3, 103, 203]


def test_shuffled_batches_hold_everything_once():
    x = queues.range_input_producer(20, num_epochs=1, shuffle=False).dequeue()
    found = drain(queues.shuffle_batch([x], 4, capacity=12, min_after_dequeue=6, seed=2))
    numbers = np.concatenate(found)
    assert sorted(numbers) == list(range(20)) and numbers.tolist() != sorted(numbers)
    assert (numbers <= np.arange(20) + 6).all()  # drawn from the oldest seven


def test_padding_and_dictionaries():
    x = queues.range_input_producer(5, num_epochs=1, shuffle=False).dequeue()
    row = slim.ones([x + 1], slim.int32) * x
    row.set_shape([None])
    out = queues.batch({"row": row, "x": x}, 2, dynamic_pad=True, allow_smaller_final_batch=True)
    found = drain(out)
    assert found[1]["row"].tolist() == [[2, 2, 2, 0], [3, 3, 3, 3]] and found[2]["x"].tolist() == [4]
    assert out["row"].shape.as_list() == [None, None]


def test_only_some_examples():
    x = queues.range_input_producer(10, num_epochs=1, shuffle=False).dequeue()
    found = drain(queues.maybe_batch([x], slim.equal(x % 3, 0), 2))
    assert np.concatenate(found).tolist() == [0, 3, 6, 9]
    fresh()
    x = queues.range_input_producer(3, num_epochs=1, shuffle=False).dequeue()
    several = slim.convert_to_tensor([x, x + 10])
    found = drain(queues.maybe_batch([several], slim.equal(several % 2, 0), 2, enqueue_many=True))
    assert np.concatenate(found).tolist() == [0, 10, 2, 12]


@pytest.mark.parametrize("enqueue_many", [False, True])
def test_sparse_tensors(enqueue_many):
    x = queues.range_input_producer(3, num_epochs=1, shuffle=False).dequeue()
    x64 = slim.cast(x, slim.int64)
    if enqueue_many:
        sp = SparseTensor(slim.convert_to_tensor([[x64 * 0, x64]]), [x + 5], [1, 4])
    else:
        sp = SparseTensor(slim.convert_to_tensor([[x64]]), [x + 5], [4])
    out = queues.batch([sp, slim.expand_dims(x, axis=0) if enqueue_many else x], 3, enqueue_many=enqueue_many)
    ((dense, numbers),) = drain([sparse_tensor_to_dense(out[0]), out[1]])
    assert dense.tolist() == [[5, 0, 0, 0], [0, 6, 0, 0], [0, 0, 7, 0]] and numbers.tolist() == [0, 1, 2]


def test_names_are_those_of_tensorflow():
    x = slim.placeholder(slim.float32, [3])
    outputs = [
        *queues.batch([x, slim.constant(3)], 4, allow_smaller_final_batch=True, capacity=10),
        queues.shuffle_batch({"a": x}, 4, capacity=10, min_after_dequeue=2, num_threads=2)["a"],
        queues.batch([x], 4, enqueue_many=True, dynamic_pad=True),
        queues.batch_join([[x], [x]], 4),
        *queues.slice_input_producer([slim.constant([1, 2, 3])], num_epochs=2, shuffle=False),
    ]
    assert [(t.name, t.shape.as_list()) for t in outputs] == [
        ("batch:0", [None, 3]), ("batch:1", [None]), ("shuffle_batch:0", [4, 3]), ("batch_1:0", [4]),
        ("batch_join:0", [4, 3]), ("input_producer/GatherV2:0", []),
    ]  # fmt: skip
    runners = slim.get_collection(slim.GraphKeys.QUEUE_RUNNERS)
    assert [(r.name, len(r.enqueue_ops)) for r in runners] == [
        ("batch/fifo_queue", 1), ("shuffle_batch/random_shuffle_queue", 2), ("batch_1/padding_fifo_queue", 1),
        ("batch_join/fifo_queue", 2), ("input_producer/input_producer", 1),
    ]  # fmt: skip
    assert [v.op.name for v in slim.local_variables()] == ["input_producer/input_producer/limit_epochs/epochs"]
    summaries = [t.op.name for t in slim.get_collection(slim.GraphKeys.SUMMARIES)]
    assert summaries[:2] == ["batch/fraction_of_10_full", "shuffle_batch/fraction_over_2_of_8_full"]


# ---- errors


def broken(threads, at):
    x = queues.range_input_producer(50, num_epochs=1, shuffle=False).dequeue()

    def read(n):
        if n == at:
            raise ValueError(f"record {n} is damaged")
        return n

    x = slim.py_func(read, [x], slim.int32)
    x.set_shape([])
    return queues.batch([x], 4, num_threads=threads)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("at", [0, 13])
def test_the_first_real_error_reaches_the_main_thread(threads, at):
    out = broken(threads, at)
    session = slim.Session()
    session.run(slim.local_variables_initializer())
    before = threading.active_count()
    start = time.monotonic()
    with pytest.raises(ValueError, match=f"record {at} is damaged"), queues.QueueRunners(session):
        for _ in range(20):
            session.run(out)
    assert time.monotonic() - start < 5
    assert threading.active_count() == before


def test_closing_the_session_ends_the_threads():
    out = queues.batch([queues.range_input_producer(3).dequeue()], 2, num_threads=3)
    session = slim.Session()
    coord = queues.Coordinator()
    threads = queues.start_queue_runners(session, coord)
    session.run(out)
    session.close()
    coord.request_stop()
    for thread in threads:
        thread.join(2)
    assert not any(thread.is_alive() for thread in threads)


def test_blocks_do_not_nest():
    session = slim.Session()
    with queues.QueueRunners(session), pytest.raises(queues.NestedQueueRunnerError, match="nested"):
        with queues.QueueRunners(session):
            pass


BAD = [
    lambda: queues.string_input_producer([]),
    lambda: queues.slice_input_producer([]),
    lambda: queues.limit_epochs([1], 0),
    lambda: queues.input_producer(slim.placeholder(slim.float32, [None, None])),
    lambda: queues.batch([slim.placeholder(slim.float32, [None])], 2),
    lambda: queues.batch([slim.placeholder(slim.float32)], 2, dynamic_pad=True),
    lambda: queues.batch_join([], 2),
    lambda: queues.shuffle_batch([slim.constant(1)], 2, capacity=5, min_after_dequeue=5),
    lambda: queues.QueueRunner(FIFOQueue(2, [slim.int32]), []),
    lambda: FIFOQueue(2, [slim.float32], [[2]]).enqueue([[1.0, 2.0, 3.0]]),
    lambda: FIFOQueue(2, [slim.float32], [[2]]).enqueue([[1.0, 2.0], 3]),
    lambda: FIFOQueue(2, [slim.float32, slim.int32], [[], []]).enqueue_many([[1.0, 2.0], [3]]),
    lambda: FIFOQueue(2, [slim.float32]).dequeue_many(2),
    lambda: FIFOQueue(2, [slim.float32], [[None]]),
    lambda: FIFOQueue(2, [slim.float32], names=["a"]).enqueue([1.0]),
    lambda: FIFOQueue(2, [slim.float32]).enqueue({"a": 1.0}),
    lambda: RandomShuffleQueue(2, 2, [slim.float32]),
    lambda: PaddingFIFOQueue(2, [slim.float32], None),
]


@pytest.mark.parametrize("bad", BAD)
def test_bad_calls_raise_value_errors(bad):
    with pytest.raises(ValueError):
        bad()


# ---- queues by themselves


def test_a_priority_queue_gives_the_least_first():
    q = PriorityQueue(10, [slim.string], [[]])
    session = slim.Session()
    session.run(q.enqueue_many([[3, 1, 2, 1], [b"c", b"a", b"b", b"d"]]))
    assert [session.run(q.dequeue())[1] for _ in range(4)] == [b"a", b"d", b"b", b"c"]


def test_names_and_a_choice_of_queues():
    first, second = (FIFOQueue(5, [slim.int32, slim.float32], [[], []], names=["n", "x"]) for _ in range(2))
    chosen = QueueBase.from_list(slim.constant(1), [first, second])
    session = slim.Session()
    session.run(chosen.enqueue({"x": 2.5, "n": 7}))
    assert session.run(first.size()) == 0
    assert session.run(second.dequeue()) == {"n": 7, "x": 2.5}


def test_an_enqueue_waits_while_the_queue_is_full():
    q = FIFOQueue(2, [slim.int32], [[]])
    session = slim.Session()
    put, take = q.enqueue([1]), q.dequeue()
    session.run(put), session.run(put)
    thread = threading.Thread(target=session.run, args=(put,))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive() and session.run(q.size()) == 2
    session.run(take)
    thread.join(2)
    assert not thread.is_alive() and session.run(q.size()) == 2


@pytest.mark.parametrize("kind", ["fifo", "shuffle", "priority"])
def test_what_a_queue_held_keeps_its_origins(kind):
    def made():
        if kind == "shuffle":
            return queue_state.ShuffleBuffer("q", 9, [1, 2], 2)
        return (queue_state.PriorityBuffer if kind == "priority" else queue_state.Buffer)("q", 9, [1, 2])

    first, second = made(), made()
    first.put([queue_state.Element.of([np.array(i)], f"file, record {i}") for i in (3, 1, 4, 0, 2)])
    first.take(1)
    facts, elements = first.state()
    second.restore(json.loads(json.dumps(facts)), [tuple(element) for element in elements])
    for buffer in (first, second):
        buffer.close()
    found = [[(int(e[0]), e.origin) for e in buffer.take(9, some=True)[0]] for buffer in (first, second)]
    assert found[0] == found[1] and len(found[0]) == 4
    assert all(origin == f"file, record {i}" for i, origin in found[0])
    assert second.tickets.next == first.tickets.next == 2
