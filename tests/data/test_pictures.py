"""Pictures to files to train from, and back: idx, CIFAR, folders and digits; `python -m npslim data`."""

import gzip
import io
import struct

import numpy as np
import pytest

import npslim as slim
from npslim import queues
from npslim.cli import main
from npslim.data import dataset_data_provider, digits, example, hdf5_dataset, picture_files, pictures, tfrecord
from npslim.errors import DataLossError, NotFoundError, OutOfRangeError

image = pytest.importorskip("PIL.Image")


def write_idx(path, array, packed=False):
    """MNIST's format, as its page describes it."""
    code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[array.dtype.str[1:]]
    data = (
        struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
        + array.astype(">" + array.dtype.str[1:]).tobytes()
    )
    path.write_bytes(gzip.compress(data) if packed else data)


@pytest.fixture
def mnist(tmp_path):
    """A folder with a set of MNIST's form."""
    rng = np.random.default_rng(0)
    made = {}
    (tmp_path / "mnist").mkdir()
    for name, count in (("train", 11), ("t10k", 4)):
        made[name] = rng.integers(0, 256, (count, 6, 5)).astype("u1"), rng.integers(0, 10, count).astype("u1")
        write_idx(tmp_path / f"mnist/{name}-images-idx3-ubyte.gz", made[name][0], packed=True)
        write_idx(tmp_path / f"mnist/{name}-labels.idx1-ubyte", made[name][1])
    return tmp_path / "mnist", made


@pytest.fixture
def classes(tmp_path):
    """A folder with a folder for each class."""
    rng = np.random.default_rng(1)
    made = {}
    for name, form in (("ant", "PNG"), ("bee", "BMP"), ("cat", "JPEG")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(0, 256, (5 + i, 7, 3)).astype(np.uint8)
            made[f"{name}-{i}"] = pixels
            image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{name}-{i}", form)
    (tmp_path / "pictures" / "ant" / ".hidden").write_bytes(b"no picture")
    return tmp_path / "pictures", made


def all_of(split_name, folder, name, channels):
    """{(label, the picture's bytes)} that a provider of the split gives, sorted."""
    data = picture_files.get_split(split_name, str(folder), name, channels)
    provider = dataset_data_provider.DatasetDataProvider(
        data, shuffle=False, num_epochs=1, reader_kwargs=data.reader_kwargs
    )
    fetches, found = provider.get(["image", "label"]), []
    with slim.Session() as session:
        session.run(slim.local_variables_initializer())
        with queues.QueueRunners(session), pytest.raises(OutOfRangeError):
            while True:
                found.append(session.run(fetches))
    assert len(found) == data.num_samples
    return found, data


@pytest.mark.parametrize("options", [[], ["--shards", "3", "--compression", "GZIP"]])
def test_mnist_to_records_and_back(mnist, tmp_path, options, capsys):
    folder, made = mnist
    assert main(["data", "make", "mnist", str(tmp_path / "out"), "--source", str(folder), *options]) == 0
    assert "train: 11 pictures of 10 classes" in capsys.readouterr().out
    for split, name in (("train", "train"), ("test", "t10k")):
        slim.reset_default_graph()
        found, data = all_of(split, tmp_path / "out", "mnist", channels=1)
        np.testing.assert_array_equal(np.stack([x[..., 0] for x, _ in found]), made[name][0])
        assert [label for _, label in found] == made[name][1].tolist()
        assert data.num_classes == 10 and data.labels_to_names[3] == "3"


def test_mnist_to_hdf5(mnist, tmp_path):
    folder, made = mnist
    assert main(["data", "make", "mnist", str(tmp_path), "--source", str(folder), "--format", "h5"]) == 0
    with hdf5_dataset.Hdf5Rows(tmp_path / "mnist_train.h5") as rows:
        found = rows.read(range(11))
    np.testing.assert_array_equal(found["image"][..., 0], made["train"][0])
    np.testing.assert_array_equal(found["label"], made["train"][1])
    with pytest.raises(ValueError, match="Hdf5DataProvider"):
        picture_files.get_split("train", str(tmp_path), "mnist")


@pytest.mark.parametrize("hundred", [False, True])
def test_cifar(tmp_path, hundred):
    rng = np.random.default_rng(2)
    names = ["train.bin", "test.bin"] if hundred else [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    rows = {}
    for name in names:
        labels = rng.integers(0, 10, (3, 2 if hundred else 1)).astype(np.uint8)
        rows[name] = np.concatenate([labels, rng.integers(0, 256, (3, 3072)).astype(np.uint8)], axis=1)
        (tmp_path / name).write_bytes(rows[name].tobytes())
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"word{i}" for i in range(100)))
    splits, words = pictures.cifar(str(tmp_path))
    assert words[4] == ("word4" if hundred else "deer") and splits["train"].count == 3 * (len(names) - 1)
    for _ in range(2):  # a source can be read again
        found = list(splits["test"].each())
        for picture, row in zip(found, rows[names[-1]], strict=True):
            assert picture.label == row[-3073]
            assert picture.pixels[2, 5, 1] == row[-3072 + 1024 + 2 * 32 + 5]
    (tmp_path / names[0]).write_bytes(rows[names[0]].tobytes()[:-1])
    with pytest.raises(DataLossError, match=f"{names[0]}: the records do not fill"):
        pictures.cifar(str(tmp_path))
    rows[names[0]][1, -3073] = 200
    (tmp_path / names[0]).write_bytes(rows[names[0]].tobytes())
    with pytest.raises(DataLossError, match=rf"{names[0]}, record 1 at byte 307\d"):
        pictures.cifar(str(tmp_path))


def test_folders(classes, tmp_path):
    folder, made = classes
    out = tmp_path / "out"
    assert main(["data", "make", "pictures", str(out), "--source", str(folder), "--test-share", "0.25"]) == 0
    seen = []
    for split, count in (("train", 9), ("test", 3)):
        slim.reset_default_graph()
        found, data = all_of(split, out, "pictures", channels=3)
        assert len(found) == count and data.labels_to_names == {0: "ant", 1: "bee", 2: "cat"}
        seen += [(label, x) for x, label in found]
    exact = [x.tobytes() for label, x in seen if label < 2]
    assert sorted(exact) == sorted(made[name].tobytes() for name in made if not name.startswith("cat"))
    assert sum(label == 2 for label, _ in seen) == 4
    assert (out / "labels.txt").read_text() == "0:ant\n1:bee\n2:cat\n"
    # of different sizes: the files themselves go into HDF5
    main(["data", "make", "pictures", str(out), "--source", str(folder), "--name", "five", "--format", "h5"])
    with hdf5_dataset.Hdf5Rows(out / "five_train.h5") as rows:
        assert rows.items == ["encoded", "label"]
        assert image.open(io.BytesIO(rows.read([0])["encoded"][0])).size[0] == 7


def test_digits_are_those_that_npslim_carries(tmp_path):
    assert main(["data", "make", "digits", str(tmp_path), "--test-share", "0.1", "--seed", "3"]) == 0
    train, labels, _, _ = digits.split(0.1, 3)
    found, _ = all_of("train", tmp_path, "digits", channels=1)
    np.testing.assert_allclose(np.stack([x for x, _ in found]) / 255, train, atol=1 / 500)
    assert [label for _, label in found] == labels.tolist()


def test_inspect_and_verify(classes, mnist, tmp_path, capsys):
    folder, _ = classes
    out = tmp_path / "out"
    main(["data", "make", "pictures", str(out), "--source", str(folder), "--compression", "GZIP"])
    main(["data", "make", "digits", str(out), "--format", "h5"])
    capsys.readouterr()
    records = str(out / "pictures_train_00000-of-00001.tfrecord")
    assert main(["data", "inspect", records, "--compression", "GZIP"]) == 0
    text = capsys.readouterr().out
    assert "11 records" in text and "image/class/label  int64 x 1, 0 to 2" in text and "4 jpeg" in text
    others = [str(out / "digits_train.h5"), *map(str, mnist[0].iterdir()), str(folder / "bee" / "bee-2")]
    assert main(["data", "inspect", *others]) == 0
    text = capsys.readouterr().out
    assert "1438 rows" in text and "uint8 [11, 6, 5], 0 to 255" in text and "BMP 7 x 7 x 3" in text
    everything = [str(path) for path in out.iterdir() if path.suffix == ".tfrecord"]
    assert main(["data", "verify", "--compression", "GZIP", *everything]) == 0
    assert main(["data", "verify", *others, str(out / "labels.txt")]) == 0
    text = capsys.readouterr().out
    assert "11 records, 11 pictures decoded, all whole" in text and "1438 rows" in text


def test_verify_names_what_is_damaged(tmp_path, mnist, capsys):
    main(["data", "make", "digits", str(tmp_path), "--test-share", "0.01"])
    path = tmp_path / "digits_test_00000-of-00001.tfrecord"
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[400] ^= 4
    path.write_bytes(damaged)
    capsys.readouterr()
    assert main(["data", "verify", str(path)]) == 1
    text = capsys.readouterr().out
    assert f"{path}, record 1 at byte" in text and "1 records, 1 pictures decoded, 1 damaged" in text
    assert main(["data", "inspect", str(path)]) == 1
    capsys.readouterr()
    with tfrecord.TFRecordWriter(path) as writer:  # a checksum does not say that a picture can be decoded
        for data in (b"\x89PNG\r\n\x1a\nno more", b"\xff\xd8\xff\xe0 nothing"):
            feature = example.Feature(bytes_list=example.BytesList([data]))
            writer.write(example.Example(example.Features({"image/encoded": feature})).SerializeToString())
        writer.write(b"no Example")
    assert main(["data", "verify", str(path)]) == 1
    text = capsys.readouterr().out
    assert text.count(f"{path}, record ") == 3 and "PNG file cannot be decoded" in text and "3 damaged" in text
    assert main(["data", "verify", "--no-decode", str(path)]) == 1
    assert "1 damaged" in capsys.readouterr().out
    for cut in (3, 40, -1):
        idx = mnist[0] / "train-labels.idx1-ubyte"
        idx.write_bytes((mnist[0] / "t10k-labels.idx1-ubyte").read_bytes()[:cut])
        assert main(["data", "verify", str(idx)]) == (0 if cut == 40 else 1)


def test_what_is_missing_is_said(tmp_path, classes, capsys):
    cases = [
        (["mnist", "--source", str(tmp_path)], "train-images-idx3-ubyte"),
        (["cifar", "--source", str(tmp_path)], "data_batch_1.bin"),
        (["pictures", "--source", str(tmp_path / "none")], "No such file or directory"),
        (["mnist"], "--source FOLDER"),
    ]
    for arguments, message in cases:
        assert main(["data", "make", arguments[0], str(tmp_path / "out"), *arguments[1:]]) == 1
        assert message in capsys.readouterr().err
    assert main(["data", "inspect", str(tmp_path / "none")]) == 1
    with pytest.raises(NotFoundError, match="data make"):
        picture_files.get_split("train", str(tmp_path), "mnist")
    main(["data", "make", "digits", str(tmp_path)])
    assert main(["data", "make", "digits", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err
    with pytest.raises(NotFoundError, match="no split 'valid'"):
        picture_files.get_split("valid", str(tmp_path), "digits")
    (tmp_path / "digits.json").write_text("{")
    with pytest.raises(DataLossError, match="digits.json cannot be read"):
        picture_files.get_split("train", str(tmp_path), "digits")


def test_a_picture_that_cannot_be_decoded_is_named_and_nothing_stays(classes, tmp_path, capsys):
    folder, _ = classes
    (folder / "bee" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    assert main(["data", "make", "pictures", str(tmp_path / "out"), "--source", str(folder)]) == 1
    assert "broken.png" in capsys.readouterr().err and list((tmp_path / "out").iterdir()) == []
