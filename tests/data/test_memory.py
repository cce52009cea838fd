"""Memory, objects, files and threads stay as they are over many batches, and are given back at the end."""

import gc
import os
import threading
import weakref

import numpy as np
import pytest

import npslim as slim
from npslim import queues
from npslim.data import hdf5_dataset, hdf5_rows, parallel_reader, readers, tfrecord
from npslim.data.example import Example, Feature, Features, FloatList, Int64List
from npslim.data.files import TFRecordDataset
from npslim.ops.parsing import FixedLenFeature, parse_single_example

FEATURES = {"x": FixedLenFeature([4], slim.float32), "y": FixedLenFeature([], slim.int64)}


def write(folder):
    """The same 60 rows as TFRecords and as HDF5."""
    with tfrecord.TFRecordWriter(folder / "a.tfrecord") as records, hdf5_rows.Hdf5Writer(folder / "a.h5") as rows:
        for i in range(60):
            x = np.arange(4, dtype=np.float32) + i
            features = {"x": Feature(float_list=FloatList(x)), "y": Feature(int64_list=Int64List([i]))}
            records.write(Example(Features(features)).SerializeToString())
            rows.write({"x": x, "y": np.int64(i)})


def by_queues(folder):
    _, record = parallel_reader.parallel_read(
        str(folder / "a.tfrecord"), readers.TFRecordReader, num_readers=2, capacity=20, min_after_dequeue=8, seed=1
    )
    found = parse_single_example(record, FEATURES)
    return queues.shuffle_batch([found["x"], found["y"]], 4, capacity=20, min_after_dequeue=8, num_threads=2, seed=2)


def by_hdf5(folder):
    provider = hdf5_dataset.Hdf5DataProvider(folder / "a.h5", read_rows=16, common_queue_capacity=32, seed=1)
    return queues.batch(provider.get(["x", "y"]), 4, capacity=16)


def by_dataset(folder):
    data = TFRecordDataset(str(folder / "a.tfrecord")).repeat().shuffle(30, seed=1)
    data = (
        data.map(lambda record: tuple(parse_single_example(record, FEATURES)[k] for k in "xy"), 2).batch(4).prefetch(2)
    )
    return data.make_one_shot_iterator().get_next()


def resident():
    """Bytes in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def held():
    """(objects, files, threads)."""
    gc.collect()
    return len(gc.get_objects()), len(os.listdir("/proc/self/fd")), threading.active_count()


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc")
@pytest.mark.parametrize("make", [by_queues, by_hdf5, by_dataset])
@pytest.mark.parametrize(
    "warm, batches", [(150, 450), pytest.param(1_000, 100_000, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_memory_is_flat(tmp_path, make, warm, batches):
    write(tmp_path)
    slim.set_random_seed(1)
    fetches = make(tmp_path)
    before = held()[1:]
    with slim.Session() as session:
        session.run(slim.local_variables_initializer())
        with queues.QueueRunners(session):
            total = 0
            for _ in range(warm):
                total += int(session.run(fetches)[1].sum())
            first, memory = held(), resident()
            for _ in range(batches):
                total += int(session.run(fetches)[1].sum())
            last, grown = held(), resident() - memory
        assert total > 0
    print(f"{make.__name__}, {batches} batches: {grown / 1e6:.2f} MB more, objects {last[0] - first[0]:+d}")
    assert last[1:] == first[1:]
    assert abs(last[0] - first[0]) < 2_000  # what the queues and threads hold at the moment
    assert grown < 2 << 20
    gone = weakref.ref(session)
    del session
    assert held()[1:] == before and gone() is None
