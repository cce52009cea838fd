"""Datasets against TensorFlow's (tests/dataset_cases.py), and what has no fixed value there: order, threads, errors."""

import json
import time
import types
from pathlib import Path

import dataset_cases
import numpy as np
import pytest

import npslim as slim
from npslim import errors, queues
from npslim.data import contrib, files
from npslim.data.iterators import Iterator, make_initializable_iterator
from npslim.data.pipeline import Dataset
from npslim.errors import (
    DataLossError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    OpError,
    OutOfRangeError,
)
from npslim.ops.parsing import string_to_number
from npslim.ops.sparse import SparseTensor, sparse_tensor_to_dense

GOLDEN = json.loads((Path(__file__).parent.parent / "golden/datasets.json").read_text(encoding="utf-8"))["cases"]
NAMES = types.SimpleNamespace(
    data=types.SimpleNamespace(
        Dataset=Dataset, TextLineDataset=files.TextLineDataset, TFRecordDataset=files.TFRecordDataset,
        FixedLengthRecordDataset=files.FixedLengthRecordDataset,
    ),
    make_initializable_iterator=make_initializable_iterator, Session=slim.Session, SparseTensor=SparseTensor,
    sparse_tensor_to_dense=sparse_tensor_to_dense, cast=slim.cast, equal=slim.equal, size=slim.size,
    string_to_number=string_to_number, int32=slim.int32, int64=slim.int64, float32=slim.float32, string=slim.string,
    unbatch=contrib.unbatch, map_and_batch=contrib.map_and_batch, ignore_errors=contrib.ignore_errors,
    batch_and_drop_remainder=contrib.batch_and_drop_remainder,
)  # fmt: skip


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return dataset_cases.sources(NAMES, tmp_path_factory.mktemp("sources"))


@pytest.mark.parametrize("name", dataset_cases.CASES)
def test_is_as_in_tensorflow(name, sources):
    expected = GOLDEN[name]
    dataset = dataset_cases.CASES[name](NAMES, sources)
    assert dataset_cases.described(dataset) == expected["described"]
    elements, error = dataset_cases.drained(NAMES, dataset, OpError)
    assert json.loads(json.dumps(elements)) == expected["elements"]
    codes = [getattr(errors, kind).error_code for kind in (error, expected["error"])]
    assert codes[0] == codes[1], (error, expected["error"])


def drain(dataset, limit=1000):
    """What an iterator of `dataset` gives, as lists."""
    following = dataset.make_one_shot_iterator().get_next()
    return drained(slim.Session(), following, limit)


def drained(session, following, limit=1000):
    found = []
    with pytest.raises(OutOfRangeError, match="End of sequence"):
        while len(found) < limit:
            found.append(np.asarray(session.run(following)).tolist())
        raise OutOfRangeError("End of sequence: not reached")
    return found


# ---- order and chance


@pytest.mark.parametrize("size", [1, 4, 10, 50])
def test_a_shuffle_is_a_permutation_with_a_reach(size):
    for epoch in np.reshape(drain(Dataset.range(20).shuffle(size, seed=2).repeat(2)), (2, 20)):
        assert sorted(epoch) == list(range(20))
        assert all(number < place + size for place, number in enumerate(epoch))


def test_each_epoch_has_its_order_unless_told_otherwise():
    first, second = np.reshape(drain(Dataset.range(20).shuffle(20, seed=2).repeat(2)), (2, 20))
    assert (first != second).any()
    same = Dataset.range(20).shuffle(20, seed=2, reshuffle_each_iteration=False).repeat(2)
    first, second = np.reshape(drain(same), (2, 20))
    assert (first == second).all()


def test_the_order_depends_on_the_seeds_alone():
    def order(graph_seed, seed):
        slim.reset_default_graph()
        slim.set_random_seed(graph_seed)
        return drain(Dataset.range(50).shuffle(50, seed=seed))

    assert order(1, 2) == order(1, 2)
    assert order(1, None) == order(1, None)
    assert len({tuple(order(*seeds)) for seeds in ((1, 2), (1, 3), (2, 2), (1, None), (None, None))}) == 5


def test_a_shuffle_without_a_seed_is_always_new():
    iterator = Dataset.range(50).shuffle(50).make_initializable_iterator()
    following, session = iterator.get_next(), slim.Session()
    found = []
    for _ in range(2):
        session.run(iterator.initializer)
        found.append(drained(session, following))
    assert found[0] != found[1] and sorted(found[0]) == sorted(found[1])


def test_a_shuffle_with_a_seed_begins_anew_with_its_iterator():
    iterator = Dataset.range(50).shuffle(50, seed=slim.placeholder(slim.int64, [])).make_initializable_iterator()
    (seed,) = (t for t in iterator.initializer.inputs if t.op.type == "Placeholder")
    following, session, found = iterator.get_next(), slim.Session(), []
    for value in (1, 1, 2):
        session.run(iterator.initializer, {seed: value})
        found.append(drained(session, following))
    assert found[0] == found[1] != found[2]


def noisy(threads):
    slim.reset_default_graph()
    slim.set_random_seed(1)

    def slow(x):
        waited = slim.py_func(lambda n: (time.sleep(float(n % 5) / 2000), n)[1], [x], slim.int64)
        return slim.cast(waited, slim.float32) + slim.random_uniform([])

    dataset = Dataset.range(30).map(slow, num_parallel_calls=threads).shuffle(7, seed=3).repeat(2)
    return drain(dataset.prefetch(threads - 1 if threads > 1 else 0))


def test_threads_change_neither_order_nor_random_numbers():
    one = noisy(1)
    assert len(set(one)) == 60
    assert noisy(2) == one and noisy(5) == one


def test_a_function_on_threads_raises_its_error_in_its_turn():
    def failing(n):
        if n == 5:
            raise RuntimeError("five")
        return n

    dataset = Dataset.range(20).map(lambda n: slim.py_func(failing, [n], slim.int64), num_parallel_calls=4)
    following, session = dataset.prefetch(3).make_one_shot_iterator().get_next(), slim.Session()
    assert [session.run(following) for _ in range(5)] == [0, 1, 2, 3, 4]
    for _ in range(2):  # the data does not seem to have come to its end
        with pytest.raises(RuntimeError, match="five"):
            session.run(following)


def test_what_is_made_in_advance_is_bounded():
    seen = []

    def numbers():
        for i in range(100):
            seen.append(i)
            yield i

    dataset = Dataset.from_generator(numbers, slim.int64, []).prefetch(3)
    following, session = dataset.make_one_shot_iterator().get_next(), slim.Session()
    assert [session.run(following) for _ in range(4)] == [0, 1, 2, 3]
    time.sleep(0.05)
    assert len(seen) <= 4 + 3
    session.close()


def test_a_queue_gets_elements_in_order_from_several_threads():
    following = Dataset.range(40).make_one_shot_iterator().get_next()
    slept = slim.py_func(lambda n: (time.sleep(float(n % 7) / 3000), n)[1], [following], slim.int64)
    slept.set_shape([])
    batch = queues.batch([slept], 8, num_threads=4)
    session, found = slim.Session(), []
    with queues.QueueRunners(session), pytest.raises(OutOfRangeError):
        while True:
            found.extend(session.run(batch))
    assert found == list(range(40))


def test_repeating_nothing_for_ever_ends():
    assert drain(Dataset.range(0).repeat()) == []
    assert drain(Dataset.range(3).repeat().take(7)) == [0, 1, 2, 0, 1, 2, 0]


def test_a_cache_computes_once():
    calls = []
    dataset = Dataset.range(3).map(lambda n: slim.py_func(lambda x: (calls.append(x), x)[1], [n], slim.int64))
    assert drain(dataset.cache().repeat(3)) == [0, 1, 2] * 3
    assert len(calls) == 3
    with pytest.raises(OpError, match="memory only"):
        dataset.cache("file")


# ---- iterators


def test_an_iterator_takes_placeholders_and_begins_anew():
    data, size = slim.placeholder(slim.float32, [None, 2]), slim.placeholder(slim.int64, [])
    iterator = Dataset.from_tensor_slices(data).batch(size).make_initializable_iterator()
    following, session = iterator.get_next(), slim.Session()
    with pytest.raises(FailedPreconditionError, match="initialized"):
        session.run(following)
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    session.run(iterator.initializer, {data: values, size: 2})
    values[:] = 0
    assert drained(session, following) == [[[0, 1], [2, 3]], [[4, 5]]]
    session.run(iterator.initializer, {data: values, size: 3})
    assert drained(session, following) == [[[0, 0]] * 3]


def test_sessions_do_not_share_an_iterator():
    following = Dataset.range(3).make_one_shot_iterator().get_next()
    one, other = slim.Session(), slim.Session()
    assert [one.run(following), one.run(following), other.run(following)] == [0, 1, 0]


def test_one_run_takes_one_element():
    x = Dataset.range(3).make_one_shot_iterator().get_next()
    assert slim.Session().run([x, x + x]) == [0, 0]


def test_a_function_uses_a_variable():
    factor = slim.Variable(np.int64(3))
    iterator = Dataset.range(3).map(lambda x: x * factor).make_initializable_iterator()
    following, session = iterator.get_next(), slim.Session()
    session.run(slim.global_variables_initializer())
    session.run(iterator.initializer)
    assert drained(session, following) == [0, 3, 6]


@pytest.mark.parametrize("state", ["variable", "placeholder", "random"])
def test_a_one_shot_iterator_takes_no_state(state):
    makers = {
        "variable": lambda: slim.Variable(1.0), "placeholder": lambda: slim.placeholder(slim.float32, []),
        "random": lambda: slim.random_uniform([]),
    }  # fmt: skip
    outer = makers[state]()
    dataset = Dataset.from_tensor_slices([1.0]).map(lambda x: x + outer)
    if state == "random":
        assert len(drain(dataset)) == 1
    else:
        with pytest.raises(ValueError, match="make_initializable_iterator"):
            dataset.make_one_shot_iterator()


def test_an_iterator_of_a_structure_changes_its_dataset():
    train, test = Dataset.range(3), Dataset.range(10, 12)
    iterator = Iterator.from_structure(train.output_types, train.output_shapes)
    begin = [iterator.make_initializer(d) for d in (train, test)]
    following, session = iterator.get_next(), slim.Session()
    for node, expected in zip((*begin, begin[0]), ([0, 1, 2], [10, 11], [0, 1, 2]), strict=True):
        session.run(node)
        assert drained(session, following) == expected
    with pytest.raises(TypeError, match="dtype"):
        iterator.make_initializer(Dataset.from_tensors(1.0))
    with pytest.raises(TypeError, match="shapes"):
        iterator.make_initializer(Dataset.from_tensors(np.int64([1])))
    with pytest.raises(ValueError, match="initializer"):
        iterator.initializer  # noqa: B018 - the property raises


def test_a_handle_says_which_iterator():
    train, test = Dataset.range(3).make_one_shot_iterator(), Dataset.range(10, 12).make_initializable_iterator()
    handle = slim.placeholder(slim.string, [])
    following = Iterator.from_string_handle(handle, slim.int64, []).get_next()
    session = slim.Session()
    one, other = session.run([train.string_handle(), test.string_handle()])
    session.run(test.initializer)
    assert [session.run(following, {handle: h}) for h in (one, other, one, other)] == [0, 10, 1, 11]
    with pytest.raises(NotFoundError):
        session.run(following, {handle: "nothing"})


def test_types_and_shapes_of_an_iterator():
    iterator = Dataset.from_tensor_slices({"a": np.zeros((2, 3), np.float32), "b": ["x", "y"]}).batch(2)
    assert iterator.output_types == {"a": slim.float32, "b": slim.string}
    assert {k: s.as_list() for k, s in iterator.output_shapes.items()} == {"a": [None, 3], "b": [None]}
    following = iterator.make_one_shot_iterator().get_next()
    assert following["a"].shape.as_list() == [None, 3] and following["b"].dtype == slim.string


def test_a_sum_of_all():
    total, count = Dataset.range(5).reduce((np.int64(10), 0), lambda state, x: (state[0] + x, state[1] + 1))
    assert slim.Session().run([total, count]) == [20, 5]


def test_a_network_learns_from_a_dataset():
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
    dataset = Dataset.from_tensor_slices((x, 3 * x + 1)).shuffle(64, seed=1).repeat().batch(16).prefetch(1)
    inputs, wanted = dataset.make_one_shot_iterator().get_next()
    inputs.set_shape([None, 1])
    slope, start = slim.Variable(np.float32(0)), slim.Variable(np.float32(0))
    loss = slim.reduce_mean(slim.square(inputs * slope + start - wanted))
    dslope, dstart = slim.gradients(loss, [slope, start])
    step = [slope.assign_sub(0.5 * dslope), start.assign_sub(0.5 * dstart)]
    with slim.Session() as session:
        session.run(slim.global_variables_initializer())
        for _ in range(60):
            session.run(step)
        np.testing.assert_allclose(session.run([slope, start]), [3, 1], atol=1e-2)


# ---- errors


def test_an_error_names_the_file_and_the_record(tmp_path):
    path = tmp_path / "numbers.txt"
    path.write_text("1\n2\nthree\n4\n")
    dataset = files.TextLineDataset(str(path)).shuffle(4, seed=1).map(lambda s: string_to_number(s), 2)
    following, session = dataset.batch(4).make_one_shot_iterator().get_next(), slim.Session()
    with pytest.raises(InvalidArgumentError) as caught:
        session.run(following)
    assert f"{path}, line 3" in "\n".join(caught.value.__notes__)


def test_a_damaged_file_is_named(tmp_path):
    good = Path(__file__).parent.parent / "golden/files/tfrecord/data.tfrecord"
    content = bytearray(good.read_bytes())
    content[-10] ^= 1
    path = tmp_path / "damaged"
    path.write_bytes(content)
    names = slim.placeholder(slim.string, [None])
    iterator = files.TFRecordDataset(names).make_initializable_iterator()
    following, session = slim.size(iterator.get_next()), slim.Session()
    session.run(iterator.initializer, {names: [str(good), str(path)]})
    with pytest.raises(DataLossError, match="damaged, record 5"):
        for _ in range(12):
            session.run(following)
    rest = files.TFRecordDataset([str(path), str(good)]).apply(contrib.ignore_errors()).map(lambda s: slim.size(s))
    assert len(drain(rest)) == 5 + 6


REFUSED = [
    (lambda: Dataset.from_tensor_slices(3), "first dimension"),
    (lambda: Dataset.from_tensor_slices(([1, 2], [1, 2, 3])), "first dimensions differ"),
    (lambda: Dataset.zip([Dataset.range(2)]), "not a list"),
    (lambda: Dataset.range(3).concatenate(Dataset.from_tensors(1.0)), "dtype"),
    (lambda: Dataset.range(3).filter(lambda x: x), "boolean scalar"),
    (lambda: Dataset.range(3).flat_map(lambda x: x), "must return a Dataset"),
    (lambda: Dataset.range(3).map(lambda x: Dataset.range(x)), "flat_map"),
    (lambda: Dataset.range(3).map(lambda x: None), "must return tensors"),
    (lambda: Dataset.range(3).map(3), "cannot be called"),
    (lambda: Dataset.range(3).apply(lambda d: 3), "no dataset"),
    (lambda: Dataset.range(3).batch(0), "greater than zero"),
    (lambda: Dataset.range(3).shuffle(0), "greater than zero"),
    (lambda: Dataset.range(3).shard(3, 3), "0 <= index < 3"),
    (lambda: Dataset.range(), "1 to 3 numbers"),
    (lambda: Dataset.range(3).take("two"), "whole number"),
    (lambda: Dataset.range(3).padded_batch(2, [], 1.5), "to pad with"),
    (lambda: Dataset.from_generator([1], slim.int32), "cannot be called"),
    (lambda: files.TextLineDataset([1.0]), "no names"),
    (lambda: list(Dataset.range(3)), "cannot be iterated"),
]


@pytest.mark.parametrize("make, message", REFUSED)
def test_is_refused_while_defining(make, message):
    with pytest.raises((InvalidArgumentError, TypeError), match=message):
        make()


@pytest.mark.parametrize(
    "values, message",
    [(["x"], "a value of another type"), ([(1, 2)], "another shape"), ([None], "a value of another type")],
)
def test_a_generators_value_is_checked(values, message):
    with pytest.raises(InvalidArgumentError, match=f"element 0 has {message}"):
        drain(Dataset.from_generator(lambda: iter(values), slim.int32, []))
    with pytest.raises(InvalidArgumentError, match="another structure"):
        drain(Dataset.from_generator(lambda: iter(values), (slim.int32,) * 3, ([], [], [])))


# ---- tf.contrib.data


def test_functions_to_apply():
    twice = Dataset.range(3).apply(contrib.shuffle_and_repeat(3, count=2, seed=1))
    found = drain(twice)
    assert sorted(found[:3]) == sorted(found[3:]) == [0, 1, 2]
    dataset = Dataset.range(6).apply(
        contrib.parallel_interleave(lambda n: Dataset.from_tensors(n).repeat(n + 1), cycle_length=2)
    )
    expected = [v["values"][0] for v in GOLDEN["interleaved_2_1"]["elements"]]
    assert drain(dataset) == expected
    padded = contrib.padded_batch_and_drop_remainder(2, [3], np.int64(-1))
    assert drain(Dataset.range(3).map(lambda n: slim.expand_dims(n, 0)).apply(padded)) == [[[0, -1, -1], [1, -1, -1]]]
    assert drain(contrib.Counter(1, 2).take(3)) == [1, 3, 5]
    zipped = Dataset.range(2).apply(contrib.enumerate_dataset(7)).apply(contrib.prefetch_to_device("cpu"))
    assert drain(zipped) == [[7, 0], [8, 1]]
