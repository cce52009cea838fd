"""Parsing and decoding Examples, readers, and providers: values that TensorFlow's writer put into the files."""

from pathlib import Path

import numpy as np
import pytest

import npslim as slim
from npslim import queues
from npslim.data import dataset, dataset_data_provider, example, parallel_reader, prefetch_queue, readers, tfrecord
from npslim.data import tfexample_decoder as decoder
from npslim.errors import InvalidArgumentError, OutOfRangeError
from npslim.ops.parsing import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    SparseFeature,
    VarLenFeature,
    decode_raw,
    parse_example,
    parse_single_example,
    parse_single_sequence_example,
    string_to_number,
)
from npslim.ops.sparse import sparse_tensor_to_dense

FOLDER = Path(__file__).parent.parent / "golden"
DATA = str(FOLDER / "files/tfrecord/data.tfrecord")


def run(x, feeds=None):
    return slim.Session().run(x, feeds)


def feature(value):
    if isinstance(value[0] if value else 0, bytes):
        return example.Feature(bytes_list=example.BytesList(value))
    if any(isinstance(v, float) for v in value):
        return example.Feature(float_list=example.FloatList(value))
    return example.Feature(int64_list=example.Int64List(value))


def serialized(**values):
    features = example.Features({k: feature(v) for k, v in values.items()})
    return example.Example(features).SerializeToString()


ONE = serialized(a=[1, 2], f=[1.5], s=[b"x", b"yy"])


def parsed(features, data=ONE):
    return run(parse_single_example(slim.constant(np.array(data, object)), features))


def test_features_of_one_example():
    found = parsed({"a": FixedLenFeature([2], slim.int64), "f": FixedLenFeature((), slim.float32)})
    assert found["a"].tolist() == [1, 2] and found["f"] == np.float32(1.5)
    assert parsed({"z": FixedLenFeature([2], slim.int64, [7, 8])})["z"].tolist() == [7, 8]
    assert parsed({"z": FixedLenFeature([], slim.string, "q")})["z"] == b"q"
    found = parsed({"a": VarLenFeature(slim.int64), "q": VarLenFeature(slim.string)})
    assert found["a"].values.tolist() == [1, 2] and found["a"].dense_shape.tolist() == [2]
    assert found["q"].values.tolist() == [] and found["q"].indices.shape == (0, 1)
    found = parsed({"a": FixedLenSequenceFeature([], slim.int64, allow_missing=True),
                    "z": FixedLenSequenceFeature([2], slim.int64, allow_missing=True)})  # fmt: skip
    assert found["a"].tolist() == [1, 2] and found["z"].shape == (0, 2)
    tensors = parse_single_example(slim.constant(np.array(ONE, object)), {"a": FixedLenFeature([2], slim.int64)})
    assert tensors["a"].shape.as_list() == [2] and tensors["a"].dtype == slim.int64


def test_a_batch_of_examples():
    batch = np.array([ONE, serialized(a=[3, 4], s=[b"z"])], object)
    features = {"a": FixedLenFeature([2], slim.int64), "s": VarLenFeature(slim.string)}
    found = run(parse_example(slim.constant(batch), features))
    assert found["a"].tolist() == [[1, 2], [3, 4]]
    assert found["s"].indices.tolist() == [[0, 0], [0, 1], [1, 0]] and found["s"].dense_shape.tolist() == [2, 2]
    padded = {"s": FixedLenSequenceFeature([], slim.string, allow_missing=True, default_value=b"-")}
    assert run(parse_example(slim.constant(batch), padded))["s"].tolist() == [[b"x", b"yy"], [b"z", b"-"]]


def test_sparse_features():
    data = serialized(i=[0, 3], v=[1.0, 2.0])
    found = parsed({"s": SparseFeature("i", "v", slim.float32, 5)}, data)["s"]
    assert found.indices.tolist() == [[0], [3]] and found.dense_shape.tolist() == [5]
    with pytest.raises(InvalidArgumentError, match="out of range"):
        parsed({"s": SparseFeature("i", "v", slim.float32, 3)}, data)


@pytest.mark.parametrize(
    "features, message",
    [
        ({"z": FixedLenFeature([2], slim.int64)}, "z is required but could not be found"),
        ({"a": FixedLenFeature([2], slim.float32)}, "data type does not match"),
        ({"a": FixedLenFeature([3], slim.int64)}, "does not match the shape"),
        ({"a": FixedLenSequenceFeature([3], slim.int64, True)}, "no multiple"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_run(features, message):
    with pytest.raises(InvalidArgumentError, match=message):
        parsed(features)


def test_what_makes_no_sense_is_refused_at_once():
    with pytest.raises(TypeError, match="strings, float32 and int64"):
        parsed({"a": FixedLenFeature([2], slim.int32)})
    with pytest.raises(ValueError, match="no features"):
        parsed({})
    with pytest.raises(ValueError, match="default"):
        parsed({"a": FixedLenFeature([2], slim.int64, [1])})
    with pytest.raises(InvalidArgumentError, match="Could not parse example 0"):
        parsed({"a": VarLenFeature(slim.int64)}, b"\xff\xffgarbage")


def test_sequences():
    lists = {"rgb": [[1, 2, 3], [4, 5, 6]], "tags": [[7], [8, 9]]}
    message = example.SequenceExample(
        example.Features({"n": feature([2])}),
        example.FeatureLists({k: example.FeatureList([feature(v) for v in rows]) for k, rows in lists.items()}),
    )
    context, steps = run(
        parse_single_sequence_example(
            slim.constant(np.array(message.SerializeToString(), object)), {"n": FixedLenFeature([], slim.int64)},
            {"rgb": FixedLenSequenceFeature([3], slim.int64), "tags": VarLenFeature(slim.int64)},
        )
    )  # fmt: skip
    assert context["n"] == 2 and steps["rgb"].tolist() == lists["rgb"]
    assert steps["tags"].indices.tolist() == [[0, 0], [1, 0], [1, 1]]


def test_raw_numbers_and_words():
    strings = np.array([np.arange(4, dtype=">i2").tobytes()] * 2, object)
    assert run(decode_raw(slim.constant(strings), slim.int16, little_endian=False)).tolist() == [[0, 1, 2, 3]] * 2
    with pytest.raises(InvalidArgumentError, match="one length"):
        run(decode_raw(slim.constant(np.array(b"abc", object)), slim.int16))
    assert run(string_to_number(slim.constant(np.array([b"1.5", b"-2"], object)))).tolist() == [1.5, -2]
    with pytest.raises(InvalidArgumentError, match="no number"):
        run(string_to_number(slim.constant(np.array(b"x", object))))


# ---- decoders

FEATURES = {
    "image/encoded": FixedLenFeature((), slim.string, ""),
    "image/format": FixedLenFeature((), slim.string, "jpeg"),
    "image/class/label": FixedLenFeature([1], slim.int64, [0]),
    **{f"image/object/bbox/{side}": VarLenFeature(slim.float32) for side in ("ymin", "xmin", "ymax", "xmax")},
}
HANDLERS = {
    "image": lambda: decoder.Image(),
    "label": lambda: decoder.Tensor("image/class/label", shape=[]),
    "object/bbox": lambda: decoder.BoundingBox(prefix="image/object/bbox/"),
}


def image_decoder():
    return decoder.TFExampleDecoder(FEATURES, {name: make() for name, make in HANDLERS.items()})


def test_pictures_labels_and_boxes_of_tensorflows_file():
    with np.load(FOLDER / "tfrecord.npz") as file:
        golden = dict(file)
    data = slim.placeholder(slim.string, [])
    made = image_decoder()
    assert made.list_items() == ["image", "label", "object/bbox"]
    tensors = made.decode(data, ["object/bbox", "image", "label"])
    assert tensors[1].shape.as_list() == [None, None, 3] and tensors[1].dtype == slim.uint8
    session = slim.Session()
    for i, record in enumerate(tfrecord.tf_record_iterator(DATA)):
        boxes, picture, label = session.run(tensors, {data: np.array(record, object)})
        np.testing.assert_array_equal(boxes, golden[f"decoder.{i}.bbox"])
        np.testing.assert_array_equal(picture, golden[f"decoder.{i}.image"])  # JPEG too, bit for bit
        assert label == i % 4


def decoded(handler, features, data):
    return run(decoder.TFExampleDecoder(features, {"it": handler}).decode(slim.constant(np.array(data, object)))[0])


def test_handlers():
    data = serialized(v=[1.0, 2.0, 3.0, 4.0], h=[2], w=[2], i=[0, 1, 1, 0], shape=[2, 3], two=[5.0, 6.0])
    var, number = VarLenFeature(slim.float32), FixedLenFeature([], slim.int64)
    ints = VarLenFeature(slim.int64)
    assert decoded(decoder.Tensor("v"), {"v": var}, data).tolist() == [1, 2, 3, 4]
    assert decoded(decoder.Tensor("v", shape=[2, 2]), {"v": var}, data).tolist() == [[1, 2], [3, 4]]
    shaped = decoder.Tensor("v", shape_keys=["h", "w"])
    assert decoded(shaped, {"v": var, "h": number, "w": number}, data).tolist() == [[1, 2], [3, 4]]
    sparse = decoder.SparseTensor("i", "two", "shape", densify=True)
    found = decoded(sparse, {"i": ints, "two": var, "shape": FixedLenFeature([2], slim.int64)}, data)
    assert found.tolist() == [[0, 5, 0], [6, 0, 0]]
    callback = decoder.ItemHandlerCallback(["h", "w"], lambda tensors: tensors["h"] * 10 + tensors["w"])
    assert decoded(callback, {"h": number, "w": number}, data) == 22
    backup = decoder.BackupHandler(decoder.Tensor("none"), decoder.Tensor("v"))
    assert decoded(backup, {"none": var, "v": var}, data).tolist() == [1, 2, 3, 4]


def test_raw_and_repeated_pictures():
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    data = serialized(**{"image/encoded": [pixels.tobytes()], "image/format": [b"RAW"]})
    features = {k: FEATURES[k] for k in ("image/encoded", "image/format")}
    np.testing.assert_array_equal(decoded(decoder.Image(shape=[2, 3, 3]), features, data), pixels)
    two = serialized(**{"image/encoded": [pixels.tobytes()] * 2, "image/format": [b"raw"]})
    features = {**features, "image/encoded": VarLenFeature(slim.string)}
    repeated = decoded(decoder.Image(shape=[2, 3, 3], repeated=True), features, two)
    np.testing.assert_array_equal(repeated, [pixels, pixels])
    with pytest.raises(InvalidArgumentError, match="no picture"):
        decoded(decoder.Image(), FEATURES, serialized(**{"image/encoded": [b"no picture at all"]}))
    with np.load(Path(__file__).parent.parent / "golden" / "codecs.npz") as golden:  # what TensorFlow decodes
        photo = serialized(**{"image/encoded": [golden["file/jpeg_420_17x23"].tobytes()], "image/format": [b"jpeg"]})
        for method, key in (("", "fast"), ("INTEGER_ACCURATE", "accurate")):
            found = decoded(decoder.Image(dct_method=method), FEATURES, photo)
            np.testing.assert_array_equal(found, golden[f"options|jpeg_420_17x23|{key}"])


def sequence_example(**lists):
    made = {k: example.FeatureList([feature(v) for v in rows]) for k, rows in lists.items()}
    return np.array(example.SequenceExample(feature_lists=example.FeatureLists(made)).SerializeToString(), object)


def test_boxes_and_points_of_sequences():
    sides = {"ymin": [[0.1, 0.2], [0.3]], "xmin": [[0.5, 0.6], [0.7]], "ymax": [[0.2, 0.3], [0.4]],
             "xmax": [[0.8, 0.9], [1.0]]}  # fmt: skip
    lists = {f"box/{k}": VarLenFeature(slim.float32) for k in sides}
    handlers = {
        "boxes": decoder.BoundingBoxSequence(prefix="box/"),
        "count": decoder.NumBoxesSequence(keys=[f"box/{k}" for k in sides]),
        "points": decoder.KeypointsSequence(keys=["ymin", "xmin"], prefix="box/", default_value=0.0),
        "sparse": decoder.KeypointsSequence(keys=["ymin", "xmin"], prefix="box/", return_dense=False),
    }
    made = decoder.TFSequenceExampleDecoder({}, lists, handlers)
    data = slim.constant(sequence_example(**{f"box/{k}": v for k, v in sides.items()}))
    boxes, count, points, sparse = made.decode(data)
    boxes, count, points, dense = run([boxes, count, points, sparse_tensor_to_dense(sparse)])
    expected = [[[0.1, 0.5, 0.2, 0.8], [0.2, 0.6, 0.3, 0.9]], [[0.3, 0.7, 0.4, 1.0], [-1, -1, -1, -1]]]
    np.testing.assert_allclose(boxes, expected, rtol=1e-6)
    assert count.tolist() == [2, 1] and points.shape == (2, 2, 2)
    np.testing.assert_array_equal(points, dense)


@pytest.mark.parametrize(
    "bad",
    [
        lambda: decoder.BoundingBox(["a", "b"]),
        lambda: decoder.KeypointsSequence(["a"]),
        lambda: decoder.Tensor("a", shape_keys="b", shape=[2]),
        lambda: decoder.SparseTensor(shape_key="s", shape=[2]),
        lambda: decoder.BackupHandler(decoder.Tensor("a"), "b"),
        lambda: decoder.NumBoxesSequence([]),
        lambda: decoder.TFSequenceExampleDecoder({"a": 1}, {"a": 1}, {}),
        lambda: parallel_reader.get_data_files([]),
        lambda: parallel_reader.get_data_files("nowhere/*.txt"),
        lambda: readers.FixedLengthRecordReader(0),
    ],
)
def test_bad_calls_raise_value_errors(bad):
    with pytest.raises(ValueError):
        bad()


# ---- readers


def lines(folder, count=3):
    for i in range(count):
        (folder / f"{i}.txt").write_bytes(b"".join(b"%d-%d\n" % (i, j) for j in range(4)))
    return str(folder / "*.txt")


def drain(fetches):
    session = slim.Session()
    session.run(slim.local_variables_initializer())
    found = []
    with queues.QueueRunners(session), pytest.raises(OutOfRangeError):
        while True:
            found.append(session.run(fetches))
    return found


def test_lines_by_one_reader(tmp_path):
    key, value = parallel_reader.single_pass_read(lines(tmp_path), readers.TextLineReader)
    found = drain([key, value])
    assert [v for _, v in found] == [b"%d-%d" % (i, j) for i in range(3) for j in range(4)]
    assert found[1][0] == f"{tmp_path}/0.txt:2".encode()


def parallel_order(pattern, num_readers, threads):
    slim.reset_default_graph()
    slim.set_random_seed(3)
    _, value = parallel_reader.parallel_read(
        pattern, readers.TextLineReader, num_epochs=2, num_readers=num_readers, capacity=9, min_after_dequeue=4, seed=1
    )
    value.set_shape([])
    return np.concatenate(drain(queues.batch([value], 4, num_threads=threads))).tolist()


def test_parallel_reading_has_one_order(tmp_path):
    pattern = lines(tmp_path)
    first = parallel_order(pattern, 3, 1)
    assert sorted(first) == sorted([b"%d-%d" % (i, j) for i in range(3) for j in range(4)] * 2)
    for threads in (1, 2, 8):
        assert parallel_order(pattern, 3, threads) == first


def test_other_readers(tmp_path):
    (tmp_path / "f.bin").write_bytes(b"HHaabbccF")
    names = [str(tmp_path / "f.bin")]

    def read(reader):
        queue = queues.string_input_producer(names, num_epochs=1)
        return [v for _, v in drain(list(reader.read(queue)))]

    assert read(readers.FixedLengthRecordReader(2, header_bytes=2, footer_bytes=1)) == [b"aa", b"bb", b"cc"]
    slim.reset_default_graph()
    assert read(readers.WholeFileReader()) == [b"HHaabbccF"]
    slim.reset_default_graph()
    assert read(readers.IdentityReader()) == [names[0].encode()]
    slim.reset_default_graph()
    names = [DATA]
    assert len(read(readers.TFRecordReader())) == 6
    slim.reset_default_graph()
    reader = readers.TextLineReader(skip_header_lines=1)
    names = [str(tmp_path / "t")]
    (tmp_path / "t").write_text("head\na\r\nb")
    queue = queues.string_input_producer(names, num_epochs=1)
    found = drain(list(reader.read_up_to(queue, 5)) + [reader.num_records_produced()])
    assert found[0][1].tolist() == [b"a", b"b"]


def test_the_file_and_record_of_an_error(tmp_path):
    whole = Path(DATA).read_bytes()
    damaged = bytearray(whole)
    damaged[2000] ^= 1
    (tmp_path / "bad.tfrecord").write_bytes(damaged)
    _, value = parallel_reader.single_pass_read(str(tmp_path / "bad.tfrecord"), readers.TFRecordReader)
    value.set_shape([])
    out = queues.batch([value], 1)
    session = slim.Session()
    session.run(slim.local_variables_initializer())
    with (
        pytest.raises(slim.errors.DataLossError, match=r"bad.tfrecord, record 1 at byte"),
        queues.QueueRunners(session),
    ):
        for _ in range(3):
            session.run(out)


# ---- the whole way


def test_a_dataset_provider(tmp_path):
    data = dataset.Dataset(DATA, readers.TFRecordReader, image_decoder(), 6, {"image": "a picture"}, extra=1)
    assert data.extra == 1
    provider = dataset_data_provider.DatasetDataProvider(data, shuffle=False, num_epochs=1)
    assert provider.num_samples() == 6 and set(provider.list_items()) == {"image", "label", "object/bbox", "record_key"}
    label, key = provider.get(["label", "record_key"])
    found = drain([label, key])
    assert [int(v) for v, _ in found] == [0, 1, 2, 3, 0, 1] and found[2][1].endswith(
        b"data.tfrecord:2617"
    )  # the offset, as TensorFlow gives it
    with pytest.raises(ValueError, match="no item"):
        provider.get(["mask"])
    with pytest.raises(ValueError, match="already in use"):
        dataset_data_provider.DatasetDataProvider(data, record_key="label")


def test_batches_made_ahead_of_time():
    x = queues.range_input_producer(6, num_epochs=1, shuffle=False).dequeue()
    batch = queues.batch([x], 2)
    queue = prefetch_queue.prefetch_queue({"x": batch}, capacity=3)
    assert queue.name == "prefetch_queue/fifo_queue" and queue.names == ["x"]
    assert [found["x"].tolist() for found in drain(queue.dequeue())] == [[0, 1], [2, 3], [4, 5]]
