"""Bad input on its way through `learning.train`: the first error, with file and record, is what the program gets."""

import threading

import numpy as np
import pytest

import npslim as slim
from npslim import queues
from npslim.data import parallel_reader, readers, tfrecord
from npslim.data.example import BytesList, Example, Feature, Features, FloatList
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError
from npslim.ops.image_codec import decode_image, encode_bytes
from npslim.ops.parsing import FixedLenFeature, VarLenFeature, parse_single_example


def example(i, size=4, picture=None):
    """An Example with a picture and a vector."""
    pixels = np.full((4, 4, 3), i, np.uint8)
    return Example(
        Features(
            {
                "image": Feature(bytes_list=BytesList([encode_bytes(pixels, "PNG") if picture is None else picture])),
                "x": Feature(float_list=FloatList(np.arange(size))),
            }
        )
    ).SerializeToString()


def write(path, records):
    with tfrecord.TFRecordWriter(path) as writer:
        for record in records:
            writer.write(record)
    return path.read_bytes()


@pytest.fixture
def good(tmp_path):
    """A folder with a good file of twelve records."""
    write(tmp_path / "a-good.tfrecord", [example(i) for i in range(12)])
    return tmp_path


def train(folder, steps=100, epochs=None, ragged=False, threads=3):
    """Train on all files of a folder, in order; returns the number of steps made."""
    made = []
    with slim.Graph().as_default():
        slim.set_random_seed(1)
        _, record = parallel_reader.parallel_read(
            str(folder / "*.tfrecord"), readers.TFRecordReader, num_epochs=epochs, num_readers=1, shuffle=False
        )
        kind = VarLenFeature(slim.float32) if ragged else FixedLenFeature([4], slim.float32)
        found = parse_single_example(record, {"image": FixedLenFeature([], slim.string), "x": kind})
        image = slim.cast(decode_image(found["image"], 3), slim.float32)
        x = found["x"].values if ragged else found["x"]
        if not ragged:
            image.set_shape([4, 4, 3])
        batch = queues.batch(
            [slim.reduce_mean(image), x], 4, threads, shapes=[[], [4]] if ragged else None,
            allow_smaller_final_batch=True,
        )  # fmt: skip
        w = slim.model_variable("w", [], initializer=slim.ones_initializer())
        loss = slim.reduce_mean(batch[0]) * w * 1e-6 + slim.reduce_sum(batch[1]) * 0.0
        train_op = slim.learning.create_train_op(loss, slim.GradientDescentOptimizer(0.01))

        def step(*args):
            result = slim.learning.train_step(*args)
            made.append(result)
            return result

        slim.learning.train(train_op, None, train_step_fn=step, number_of_steps=steps, log_every_n_steps=0)
    return len(made)


def text_of(error):
    return "\n".join([str(error), *getattr(error, "__notes__", ())])


def cut(data):
    return data[:-3]


def flipped(data):
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 8]) + data[at + 1 :]


DAMAGED = {
    "cut": (cut, DataLossError, "is cut inside a record"),
    "flipped": (flipped, DataLossError, "checksum is wrong"),
    "no records at all": (lambda data: b"GIF89a, perhaps", DataLossError, "record 0 at byte 0: The length's checksum"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files(good, name):
    change, kind, message = DAMAGED[name]
    path = good / "b-bad.tfrecord"
    path.write_bytes(change(write(path, [example(i) for i in range(5)])))
    before = threading.active_count()
    with pytest.raises(kind, match=message) as caught:
        train(good)
    assert f"{path}, record " in text_of(caught.value) and "at byte" in text_of(caught.value)
    assert threading.active_count() == before
    path.unlink()
    assert train(good, epochs=1) == 3  # what is whole is trained on, from the beginning


CONTENTS = {
    "a picture that cannot be decoded": (example(0, picture=b"\xff\xd8\xff\xe0 none"), "JPEG file cannot be decoded"),
    "another kind of file": (example(0, picture=b"%PDF-1.4"), "no picture that can be read"),
    "no Example": (b"\x07\x07\x07", "Could not parse"),
    "a missing feature": (Example(Features({})).SerializeToString(), "is required but could not be found"),
    "too many values": (example(0, size=5), "number of values does not match"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTENTS)
@pytest.mark.parametrize("threads", [1, 4])
def test_records_that_cannot_be_used(good, name, threads):
    record, message = CONTENTS[name]
    path = good / "b-bad.tfrecord"
    write(path, [example(1), example(2), record, example(3)])
    before = threading.active_count()
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        train(good, threads=threads)
    at = len(example(1)) + len(example(2)) + 2 * 16
    assert f"record   {path}, record 2 at byte {at}" in text_of(caught.value)
    assert threading.active_count() == before


def test_examples_of_another_size_than_the_batch(good):
    path = good / "b-bad.tfrecord"
    write(path, [example(1), example(2, size=3)])
    with pytest.raises(InvalidArgumentError, match="Shape mismatch in component 1") as caught:
        train(good, ragged=True)
    assert f"record   {path}, record 1 at byte" in text_of(caught.value)


def test_files_that_are_not_there(good):
    for pattern in ("*.record", "none/*.tfrecord", "none.tfrecord"):
        with pytest.raises(NotFoundError, match="No data files found") as caught:
            parallel_reader.parallel_read(str(good / pattern), readers.TFRecordReader)
        assert str(good / pattern) in str(caught.value) and "made at" in str(caught.value)
    # one that goes away while training
    names = queues.string_input_producer([str(good / "a-good.tfrecord"), str(good / "gone")], shuffle=False)
    out = queues.batch([readers.TFRecordReader().read(names)[1]], 4)
    with slim.Session() as session, pytest.raises(NotFoundError, match="gone: there is no such file"):
        with queues.QueueRunners(session):
            for _ in range(5):
                session.run(out)


def test_empty_files_and_the_end_of_the_data(good):
    (good / "b-empty.tfrecord").write_bytes(b"")
    assert train(good, epochs=2) == 6  # an empty file has no records, and the end of the data is no error
    (good / "a-good.tfrecord").write_bytes(b"")
    assert train(good, epochs=2) == 0
