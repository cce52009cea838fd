"""Datasets that are the same in TensorFlow and in npslim; what TensorFlow gives is in tests/golden/datasets.json.

A case is a function of `tf`, a namespace of the names used here, that returns a dataset. The tool that records them
imports this file, so it needs nothing but NumPy.
"""

import gzip
import zlib

import numpy as np

CASES = {}


def case(function):
    CASES[function.__name__] = function
    return function


def sources(tf, folder):
    """Files to read: their names by what is in them."""
    text = b"a\rb\r\n\nlonger\n\xe4 last"
    blocks = b"HH" + bytes(range(12)) + b"F"
    contents = {
        "text": text, "more": b"x\ny\nz\n", "text.gz": gzip.compress(text), "text.zlib": zlib.compress(text),
        "blocks": blocks, "blocks.gz": gzip.compress(blocks), "blocks.zlib": zlib.compress(blocks),
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: str(folder / name) for name in contents}


def counted(tf):
    """For a number n: n, n + 1 times."""
    return lambda n: tf.data.Dataset.from_tensors(n).repeat(n + 1)


def ragged(tf):
    return tf.data.Dataset.from_generator(lambda: iter([[1], [2, 3, 4], [5, 6]]), tf.int32, [None])


@case
def slices_of_a_structure(tf, files):
    return tf.data.Dataset.from_tensor_slices({"a": [1, 2], "b": ([3.0, 4.0], np.array([["x", "y"], ["z", ""]]))})


@case
def one_element(tf, files):
    return tf.data.Dataset.from_tensors((np.arange(6.0).reshape(2, 3), [1, 2]))


@case
def sparse_slices(tf, files):
    return tf.data.Dataset.from_tensor_slices(tf.SparseTensor([[0, 1], [2, 0]], [1, 2], [3, 3]))


@case
def sparse_batches(tf, files):
    return sparse_slices(tf, files).batch(2)


@case
def sparse_rows(tf, files):
    return tf.data.Dataset.from_sparse_tensor_slices(tf.SparseTensor([[0, 1], [2, 0]], [1, 2], [3, 3]))


@case
def sparse_in_a_function(tf, files):
    return sparse_slices(tf, files).map(lambda x: (x, tf.sparse_tensor_to_dense(x)))


@case
def ranges(tf, files):
    datasets = tf.data.Dataset.range(3), tf.data.Dataset.range(2, 5), tf.data.Dataset.range(9, 1, -3)
    return tf.data.Dataset.zip((datasets[0], {"a": datasets[1], "b": datasets[2]}))


@case
def concatenated(tf, files):
    return tf.data.Dataset.range(2).concatenate(tf.data.Dataset.from_tensors(np.int64([7, 8])))


@case
def taken_and_skipped(tf, files):
    d = tf.data.Dataset.range(10)
    parts = d.take(2), d.skip(7), d.take(-1).shard(4, 1), d.skip(-1), d.repeat(0)
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.concatenate(part)
    return whole


@case
def a_function_of_a_tuple(tf, files):
    d = tf.data.Dataset.from_tensor_slices(([1, 2, 3], [4.0, 5.0, 6.0]))
    return d.map(lambda n, x: {"sum": tf.cast(n, tf.float32) + x, "both": (n, [x, x])})


@case
def a_function_of_a_dictionary(tf, files):
    return tf.data.Dataset.from_tensor_slices({"a": [1, 2], "b": [3, 4]}).map(lambda d: d["a"] * d["b"])


@case
def a_function_that_returns_a_list(tf, files):
    return tf.data.Dataset.range(2).map(lambda x: [x, x + 1])


@case
def functions_at_once(tf, files):
    return tf.data.Dataset.range(12).map(lambda x: x * x, num_parallel_calls=3).prefetch(2)


@case
def filtered(tf, files):
    return tf.data.Dataset.range(10).filter(lambda x: tf.equal(x % 3, 1))


@case
def flat_mapped(tf, files):
    return tf.data.Dataset.range(4).flat_map(counted(tf))


@case
def a_function_inside_a_function(tf, files):
    def times(n):
        return tf.data.Dataset.range(3).map(lambda x: x * 10 + n)

    return tf.data.Dataset.range(3).flat_map(times)


@case
def interleaved_2_1(tf, files):
    return tf.data.Dataset.range(6).interleave(counted(tf), cycle_length=2, block_length=1)


@case
def interleaved_2_3(tf, files):
    return tf.data.Dataset.range(6).interleave(counted(tf), cycle_length=2, block_length=3)


@case
def interleaved_3_2(tf, files):
    return tf.data.Dataset.range(6).interleave(counted(tf), cycle_length=3, block_length=2)


@case
def interleaved_9_2(tf, files):
    return tf.data.Dataset.range(6).interleave(counted(tf), cycle_length=9, block_length=2, num_parallel_calls=2)


@case
def batches(tf, files):
    return tf.data.Dataset.range(5).map(lambda x: (x, [x, x])).batch(2)


@case
def batches_of_one_size(tf, files):
    return tf.data.Dataset.range(5).batch(2, drop_remainder=True).batch(2)


@case
def batches_of_words(tf, files):
    return tf.data.Dataset.from_tensor_slices(["a", "bc", ""]).batch(2)


@case
def batches_of_different_shapes(tf, files):
    return ragged(tf).batch(2)


@case
def padded_batches(tf, files):
    return ragged(tf).padded_batch(2, [None])


@case
def padded_batches_of_one_size(tf, files):
    return ragged(tf).padded_batch(2, [4], -1, drop_remainder=True)


@case
def padded_batches_of_structures(tf, files):
    d = ragged(tf).map(lambda x: {"x": x, "word": "w", "n": tf.size(x)})
    return d.padded_batch(2, {"x": [None], "word": [], "n": []}, {"x": np.int32(9), "word": "", "n": np.int32(0)})


@case
def padded_batches_that_are_too_small(tf, files):
    return ragged(tf).padded_batch(3, [2])


@case
def unbatched(tf, files):
    d = tf.data.Dataset.from_tensors((np.arange(4).reshape(2, 2), ["a", "b"])).repeat(2)
    return d.apply(tf.unbatch())


@case
def a_batch_of_rests(tf, files):
    return tf.data.Dataset.range(5).apply(tf.batch_and_drop_remainder(2))


@case
def functions_and_batches(tf, files):
    return tf.data.Dataset.range(5).apply(tf.map_and_batch(lambda x: x + 1, 2))


@case
def numbered(tf, files):
    return tf.data.Dataset.from_tensor_slices(["a", "b"]).enumerate(start=5)


@case
def cached(tf, files):
    return tf.data.Dataset.range(3).cache().repeat(2)


@case
def without_errors(tf, files):
    d = tf.data.Dataset.from_tensor_slices(["1", "x", "3"]).map(lambda s: tf.string_to_number(s))
    return d.apply(tf.ignore_errors())


@case
def an_error_in_a_function(tf, files):
    return tf.data.Dataset.from_tensor_slices(["1", "x", "3"]).map(lambda s: tf.string_to_number(s))


@case
def a_generator_with_arguments(tf, files):
    def numbers(n):
        for i in range(int(n)):
            yield i, {"a": [i, i], "b": str(i)}

    return tf.data.Dataset.from_generator(numbers, (tf.int64, {"a": tf.float32, "b": tf.string}),
                                          ([], {"a": [2], "b": []}), args=(3,)).repeat(2)  # fmt: skip


@case
def a_generator_of_another_shape(tf, files):
    return tf.data.Dataset.from_generator(lambda: iter([1, [2, 3]]), tf.int32, [])


@case
def lines(tf, files):
    return tf.data.TextLineDataset([files["text"], files["more"]])


@case
def lines_in_turn(tf, files):
    return tf.data.TextLineDataset([files["text"], files["more"]], num_parallel_reads=2)


@case
def lines_of_a_dataset_of_names(tf, files):
    return tf.data.TextLineDataset(tf.data.Dataset.from_tensors(files["more"]))


@case
def compressed_lines(tf, files):
    return tf.data.TextLineDataset(files["text.gz"], "GZIP").concatenate(
        tf.data.TextLineDataset(files["text.zlib"], compression_type="ZLIB")
    )


@case
def blocks(tf, files):
    return tf.data.FixedLengthRecordDataset(files["blocks"], 4, header_bytes=2, footer_bytes=1)


@case
def compressed_blocks(tf, files):
    return tf.data.FixedLengthRecordDataset(files["blocks.gz"], 3, 2, 1, compression_type="GZIP").concatenate(
        tf.data.FixedLengthRecordDataset(files["blocks.zlib"], 6, 2, 1, compression_type="ZLIB")
    )


@case
def blocks_that_do_not_fill_the_file(tf, files):
    return tf.data.FixedLengthRecordDataset(files["blocks"], 4)


@case
def a_missing_file(tf, files):
    return tf.data.TFRecordDataset([files["text"] + ".missing"])


@case
def files_by_name(tf, files):
    return tf.data.Dataset.list_files(files["text"][:-4] + "*t", shuffle=False).map(lambda s: tf.size(s))


@case
def files_that_do_not_match(tf, files):
    return tf.data.Dataset.list_files(files["text"] + "nothing*")


def described(dataset):
    """Its dtypes and shapes, as text."""
    return [repr(shown(lambda t: t.name, dataset.output_types)), repr(shown(sizes, dataset.output_shapes))]


def sizes(shape):
    return None if shape.ndims is None else [d if d is None else int(d) for d in shape.as_list()]


def shown(function, structure):
    """`structure` with `function(leaf)` for each leaf; dictionaries by their keys."""
    if isinstance(structure, dict):
        return {key: shown(function, structure[key]) for key in sorted(structure)}
    if isinstance(structure, tuple):
        return tuple(shown(function, part) for part in structure)
    return function(structure)


def plain(value):
    """What a session gave, as JSON has it: an array with its dtype; a structure as a list."""
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, tuple):
        return [plain(part) for part in value]
    array = np.array(value, dtype=object if isinstance(value, bytes) else None)
    kind = "string" if array.dtype.kind in "OS" else array.dtype.name
    flat = [v.decode("latin1") if isinstance(v, bytes) else v for v in array.ravel().tolist()]
    return {"dtype": kind, "shape": list(array.shape), "values": flat}


def drained(tf, dataset, errors):
    """What an iterator gives until the end, and the name of the error that ended it."""
    iterator = tf.make_initializable_iterator(dataset)
    following = iterator.get_next()
    found = []
    with tf.Session() as session:
        try:
            session.run(iterator.initializer)
            while True:
                found.append(plain(session.run(following)))
        except errors as error:
            return found, type(error).__name__
