"""HDF5 files as training data: rows by number, order and shuffling, memory, and files that are not to be trusted."""

import os

import h5py
import numpy as np
import pytest

import npslim as slim
from npslim import queues
from npslim.data import hdf5_dataset, hdf5_rows
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, OutOfRangeError

COUNT = 57


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    words = np.array([rng.bytes(rng.integers(0, 30)) for _ in range(COUNT)], object)
    return {
        "image": rng.integers(0, 256, (COUNT, 5, 4)).astype(np.uint8),
        "label": np.arange(COUNT),
        "file": words,
        "x": rng.normal(size=COUNT).astype(">f4"),
    }


@pytest.fixture
def path(arrays, tmp_path):
    """A file of which each dataset lies otherwise: compressed chunks, contiguous, bytes of any length, big-endian."""
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file.create_dataset("image", data=arrays["image"], chunks=(10, 5, 2), compression="gzip", shuffle=True)
        file.create_dataset("label", data=arrays["label"])
        file.create_dataset("deep/file", (COUNT,), h5py.vlen_dtype(np.uint8))
        for i, word in enumerate(arrays["file"]):
            file["deep/file"][i] = np.frombuffer(word, np.uint8)
        file.create_dataset("x", data=arrays["x"], chunks=(7,), fletcher32=True)
    return str(tmp_path / "data.h5")


def drain(fetches):
    found = []
    with slim.Session() as session:
        session.run(slim.local_variables_initializer())
        with queues.QueueRunners(session), pytest.raises(OutOfRangeError):
            while True:
                found.append(session.run(fetches))
    return found


@pytest.mark.parametrize("rows", [[], [3], [56, 0, 3, 3, 12], list(range(COUNT)), list(range(30, 8, -1))])
def test_rows_of_any_numbers(path, arrays, rows):
    with hdf5_rows.Hdf5Rows(path) as source:
        assert source.count == COUNT and sorted(source.items) == ["deep/file", "image", "label", "x"]
        assert source.chunk_rows() == 10
        found = source.read(rows)
        for item, values in found.items():
            expected = arrays[item.split("/")[-1]][rows]
            assert values.tolist() == expected.tolist() and values.dtype == source.dtypes[item]
    with pytest.raises(RuntimeError, match="closed"):
        source.read([1])


def provided(path, **options):
    slim.reset_default_graph()
    slim.set_random_seed(4)
    provider = hdf5_dataset.Hdf5DataProvider(
        path, {"image": "image", "label": "label"}, num_epochs=2, read_rows=8, seed=1, **options
    )
    assert provider.num_samples() == COUNT and provider.list_items() == ["image", "label", "record_key"]
    image, label, key = provider.get(["image", "label", "record_key"])
    assert image.shape.as_list() == [5, 4] and label.shape.as_list() == []
    return drain([image, label, key])


def test_a_provider_gives_all_rows_in_order(path, arrays):
    found = provided(path, shuffle=False)
    assert [int(label) for _, label, _ in found] == list(range(COUNT)) * 2
    assert all((image == arrays["image"][label]).all() for image, label, _ in found)
    assert found[5][2] == f"{path}:5".encode()


@pytest.mark.parametrize("block_rows", [1, 10])
def test_a_shuffled_provider(path, arrays, block_rows):
    orders = []
    for readers in (1, 2, 8):
        found = provided(path, shuffle=True, block_rows=block_rows, num_readers=readers, common_queue_min=20)
        assert all((image == arrays["image"][label]).all() for image, label, _ in found)
        orders.append([int(label) for _, label, _ in found])
    assert orders[0] == orders[1] == orders[2] != list(range(COUNT)) * 2
    assert sorted(orders[0]) == sorted(list(range(COUNT)) * 2)
    if block_rows == 1:
        assert sorted(orders[0][:COUNT]) == list(range(COUNT)) and orders[0][:COUNT] != orders[0][COUNT:]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_dataset_of_rows(path, arrays, shuffle):
    data = hdf5_dataset.Hdf5Dataset(path, shuffle=shuffle, seed=3, read_rows=9).repeat(2).batch(19)
    batch = data.make_one_shot_iterator().get_next()
    assert batch["image"].shape.as_list() == [None, 5, 4]
    found = drain(batch)
    labels = np.concatenate([b["label"] for b in found])
    assert sorted(labels[:COUNT]) == list(range(COUNT)) == sorted(labels[COUNT:])
    assert (labels[:COUNT] == np.arange(COUNT)).all() != shuffle
    assert (labels[:COUNT] == labels[COUNT:]).all() != shuffle
    for item, name in (("image", "image"), ("x", "x"), ("deep/file", "file")):
        together = np.concatenate([b[item] for b in found])
        assert together.tolist() == arrays[name][labels].tolist()


def test_an_error_names_file_and_row(path):
    label = hdf5_dataset.Hdf5DataProvider(path, ["label"], shuffle=False).get(["label"])[0]

    def check(n):
        if n == 11:
            raise ValueError("a label that is none")
        return n

    label = slim.py_func(check, [label], slim.int64)
    label.set_shape([])
    out = queues.batch([label], 4)
    with slim.Session() as session, pytest.raises(ValueError, match="is none") as caught, queues.QueueRunners(session):
        for _ in range(9):
            session.run(out)
    assert f"record   {path}, row 11" in "\n".join(caught.value.__notes__)


def test_what_is_written_is_read(tmp_path, arrays):
    out = str(tmp_path / "out.h5")
    with hdf5_rows.Hdf5Writer(out, compression="gzip") as writer:
        for i in range(COUNT):
            writer.write({item: values[i] for item, values in arrays.items()})
            if i == 20:
                writer._flush()
    with hdf5_rows.Hdf5Rows(out) as source:
        for item, values in source.read(range(COUNT)).items():
            assert values.tolist() == arrays[item].tolist()
    with pytest.raises(InvalidArgumentError, match="differ"), hdf5_rows.Hdf5Writer(out) as writer:
        writer.write({"x": np.zeros(3)})
        writer.write({"x": np.zeros(4)})


def test_memory_is_bounded_by_what_is_asked_for(tmp_path):
    resource = pytest.importorskip("resource")
    with h5py.File(tmp_path / "big.h5", "w") as file:
        big = file.create_dataset("x", (4096, 64 * 1024), np.uint8, chunks=(16, 64 * 1024), compression="lzf")
        big[::512] = 7
    with hdf5_rows.Hdf5Rows(tmp_path / "big.h5") as source:
        source.read([0])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for row in range(0, 4096, 64):  # 256 MiB of rows in all
            found = source.read([row, row + 17])["x"]
            assert (found == [[7 if n % 512 == 0 else 0] for n in (row, row + 17)]).all()
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


# ---- files that are not to be trusted


def external_link(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.arange(3)
    file["x"] = h5py.ExternalLink("other.h5", "/x")


def soft_link(file, folder):
    file["real"] = np.arange(3)
    file["x"] = h5py.SoftLink("/real")


def external_storage(file, folder):
    (folder / "secret").write_bytes(bytes(24))
    file.create_dataset("x", (3,), np.int64, external=[(str(folder / "secret"), 0, 24)])


def virtual(file, folder):
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.arange(3)
    layout = h5py.VirtualLayout((3,), np.int64)
    layout[:] = h5py.VirtualSource("other.h5", "x", (3,))
    file.create_virtual_dataset("x", layout)


def references(file, folder):
    file["y"] = np.arange(3)
    file.create_dataset("x", data=[file["y"].ref], dtype=h5py.ref_dtype)


def compound(file, folder):
    file["x"] = np.zeros(3, [("a", "i4"), ("b", "f4")])


def unknown_filter(file, folder):
    file.create_dataset("x", data=np.arange(30), chunks=(30,), scaleoffset=0)


def scalar(file, folder):
    file["x"] = 3


def huge_chunk(file, folder):
    file.create_dataset("x", (1 << 40,), np.uint8, chunks=(1 << 29,))


def a_group(file, folder):
    file.create_group("x")


REFUSED = [
    external_link, soft_link, external_storage, virtual, references, compound, unknown_filter, scalar, huge_chunk,
    a_group,
]  # fmt: skip


@pytest.mark.parametrize("make", REFUSED)
def test_a_crafted_dataset_is_refused_before_it_is_read(make, tmp_path):
    with h5py.File(tmp_path / "crafted.h5", "w") as file:
        make(file, tmp_path)
    kind = NotFoundError if make is a_group else InvalidArgumentError
    with pytest.raises(kind, match=r"crafted.h5.*'x'"):
        hdf5_rows.Hdf5Rows(tmp_path / "crafted.h5", ["x"])


def test_links_are_not_followed_when_all_datasets_are_asked_for(tmp_path):
    with h5py.File(tmp_path / "mixed.h5", "w") as file:
        external_link(file, tmp_path)
        file["y"] = np.arange(3)
        file["group/loop"] = file["/"]
    with hdf5_rows.Hdf5Rows(tmp_path / "mixed.h5") as source:
        assert source.items == ["y"]


def test_other_files(tmp_path, path):
    with pytest.raises(NotFoundError, match="no file .*none"):
        hdf5_dataset.Hdf5DataProvider(str(tmp_path / "none"))
    with pytest.raises(NotFoundError, match=r"no dataset 'mask'(.|\n)*image"):
        hdf5_dataset.Hdf5Dataset(path, ["mask"])
    for content in (b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + bytes(600)):
        (tmp_path / "bad").write_bytes(content)
        with pytest.raises(DataLossError, match="no whole HDF5 file"):
            hdf5_rows.Hdf5Rows(tmp_path / "bad")
    with h5py.File(tmp_path / "empty.h5", "w") as file:
        file.create_dataset("x", (0, 3), np.float32, maxshape=(None, 3))
    with pytest.raises(ValueError, match="there must be rows"):
        hdf5_dataset.Hdf5DataProvider(str(tmp_path / "empty.h5"))
    with h5py.File(tmp_path / "uneven.h5", "w") as file:
        file["x"], file["y"] = np.arange(3), np.arange(4)
    with pytest.raises(ValueError, match="different numbers of rows"):
        hdf5_rows.Hdf5Rows(tmp_path / "uneven.h5")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidArgumentError, match="no ordinary file"):
        hdf5_rows.Hdf5Rows(tmp_path / "pipe")
    with pytest.raises(InvalidArgumentError, match="no such row"), hdf5_rows.Hdf5Rows(path) as source:
        source.read([COUNT])
    with pytest.raises(ValueError, match="already in use"):
        hdf5_dataset.Hdf5DataProvider(path, {"record_key": "label"})


def test_damaged_chunks_are_named(path):
    with h5py.File(path) as file:
        place = file["x"].id.get_chunk_info(2)
    data = bytearray(_bytes(path))
    data[place.byte_offset] ^= 1
    _bytes(path, data)
    with hdf5_rows.Hdf5Rows(path, ["x"]) as source:
        source.read(range(14))
        with pytest.raises(DataLossError, match="rows 14 to 20 of /x cannot be read"):
            source.read(range(10, 30))


def _bytes(path, data=None):
    with open(path, "rb" if data is None else "wb") as file:
        return file.read() if data is None else file.write(data)
