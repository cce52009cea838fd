"""Labelled pictures from the forms that they are handed out in: MNIST's idx files, CIFAR's binary files, folders, and
the digits that npslim carries. Each gives {split: Pictures}.
"""

import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from npslim.data import digits
from npslim.data.tfrecord import whole_file
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, OpError
from npslim.ops.image_codec import decode_bytes, format_of

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()
_CIFAR_SIDE = 32
_PIXELS = 3 * _CIFAR_SIDE**2


@dataclass
class Picture:
    """One picture: `pixels` uint8 `[h, w, c]`, or the bytes of its file, `encoded`; its label; the file's name."""

    label: int
    pixels: Any = None
    encoded: bytes | None = None
    name: str = ""


@dataclass
class Pictures:
    """`count` pictures that `each()` gives one after the other, in the same order every time."""

    count: int
    each: Callable[[], Iterator[Picture]]


def idx_array(path):
    """The array of an idx file (MNIST's format), plain or gzipped. Raises DataLossError unless it is whole."""
    data = whole_file(path, "GZIP" if _is_gzip(path) else None)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _IDX_TYPES:
        raise DataLossError(f"{path} is no idx file.", expected="two zeros and a type", got=repr(data[:4]))
    dtype, rank = np.dtype(_IDX_TYPES[data[2]]), data[3]
    shape = struct.unpack_from(f">{rank}I", data, 4) if len(data) >= 4 + 4 * rank else ()
    body = len(data) - 4 - 4 * rank
    count = 1
    for size in shape:
        count *= size
    if len(shape) != rank or body != count * dtype.itemsize:
        raise DataLossError(
            f"{path}: the file has another size than its header says.",
            expected=f"{count * dtype.itemsize} bytes for {list(shape)}", got=f"{body} bytes",
        )  # fmt: skip
    return np.frombuffer(data, dtype, offset=4 + 4 * rank).astype(dtype.newbyteorder("=")).reshape(shape)


def _is_gzip(path):
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"\x1f\x8b"
    except OSError:
        return False  # whoever opens it next says why


def of_arrays(images, labels):
    """Pictures of uint8 `[n, h, w, c]` and their labels `[n]`."""

    def each():
        return (Picture(label, pixels) for pixels, label in zip(images, labels.tolist(), strict=True))

    return Pictures(len(labels), each)


def mnist(folder):
    """({split: Pictures}, class names) of the four idx files of MNIST, or of a set like it. Raises NotFoundError."""
    splits = {}
    for split, name in (("train", "train"), ("test", "t10k")):
        images, labels = (idx_array(_find(folder, f"{name}-{what}")) for what in ("images.idx3", "labels.idx1"))
        if images.ndim != 3 or images.dtype != np.uint8 or labels.shape != images.shape[:1]:
            raise DataLossError(
                f"{folder}: {name}-images and {name}-labels do not belong together.", expected="[n, h, w] and [n]",
                got=f"{list(images.shape)} and {list(labels.shape)}",
            )  # fmt: skip
        splits[split] = of_arrays(images[..., None], labels.astype(np.int64))
    return splits, [str(i) for i in range(10)]


def _find(folder, name):
    """The file of that name, whatever its dots and dashes, and whether gzipped."""
    wanted = re.sub(r"[.-]", "", f"{name}-ubyte")
    for found in sorted(_listed(folder)):
        if re.sub(r"[.-]", "", found.removesuffix(".gz")) == wanted:
            return os.path.join(folder, found)
    raise NotFoundError(
        f"{folder} has no {name.replace('.', '-')}-ubyte.", expected="the files as they are handed out, gzipped or not",
        got=", ".join(sorted(_listed(folder))[:6]) or "an empty folder",
    )  # fmt: skip


def _listed(folder):
    try:
        return os.listdir(folder)
    except OSError as error:
        raise NotFoundError(f"{folder}: {error.strerror}.", expected="a folder", got=folder) from None


def cifar(folder):
    """({split: Pictures}, class names) of CIFAR-10's or CIFAR-100's binary files. Raises NotFoundError."""
    names = set(_listed(folder))
    if {"train.bin", "test.bin"} <= names:
        splits, before, classes = (
            {"train": ["train.bin"], "test": ["test.bin"]},
            1,
            _words(folder, "fine_label_names.txt"),
        )
    else:
        splits = {"train": [f"data_batch_{i}.bin" for i in range(1, 6)], "test": ["test_batch.bin"]}
        before, classes = 0, _words(folder, "batches.meta.txt") or _CIFAR10
    missing = [name for some in splits.values() for name in some if name not in names]
    if missing:
        raise NotFoundError(
            f"{folder} is no folder of CIFAR's binary files.", expected="data_batch_1.bin ... or train.bin, test.bin",
            got=f"no {', '.join(missing)}",
        )  # fmt: skip
    found = {}
    for split, files in splits.items():
        parts = [cifar_file(os.path.join(folder, name), before) for name in files]
        found[split] = of_arrays(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
    return found, classes or [str(i) for i in range(100)]


def cifar_file(path, labels_before=0):
    """(images `[n, 32, 32, 3]`, labels `[n]`) of one binary file. labels_before: bytes before the label."""
    data, size = whole_file(path), labels_before + 1 + _PIXELS
    if not data or len(data) % size:
        raise DataLossError(
            f"{path}: the records do not fill the file.", expected=f"a multiple of {size} bytes", got=len(data)
        )
    rows = np.frombuffer(data, np.uint8).reshape(-1, size)
    labels, most = rows[:, labels_before].astype(np.int64), 100 if labels_before else 10
    if labels.max() >= most:
        record = int(labels.argmax())
        raise DataLossError(
            f"{path}, record {record} at byte {record * size}: there is no such class.", expected=f"below {most}",
            got=int(labels.max()),
        )  # fmt: skip
    return rows[:, labels_before + 1 :].reshape(-1, 3, _CIFAR_SIDE, _CIFAR_SIDE).transpose(0, 2, 3, 1), labels


def _words(folder, name):
    path = os.path.join(folder, name)
    return whole_file(path).decode().split() if os.path.exists(path) else []


def bundled(test_share=0.2, seed=0):
    """({split: Pictures}, class names) of the digits that npslim carries."""
    train_x, train_y, test_x, test_y = digits.split(test_share, seed)
    found = {"train": (train_x, train_y), "test": (test_x, test_y)}
    return {k: of_arrays(np.round(x * 255).astype(np.uint8), y) for k, (x, y) in found.items()}, list("0123456789")


def folders(folder, test_share=0.1, seed=0):
    """({split: Pictures}, class names) of a folder whose folders are the classes. Mixed by `seed`, a part held out.

    The pictures are read one at a time; one that cannot be decoded raises an error that names it.
    """
    classes = [name for name in sorted(_listed(folder)) if os.path.isdir(os.path.join(folder, name))]
    found = [
        (label, os.path.join(folder, name, file))
        for label, name in enumerate(classes)
        for file in sorted(_listed(os.path.join(folder, name))) if not file.startswith(".")
    ]  # fmt: skip
    if not found:
        raise NotFoundError(
            f"{folder} has no pictures.", expected="a folder for each class, with files", got=f"{len(classes)} folders"
        )
    if not 0 <= test_share < 1:
        raise InvalidArgumentError("The share that is held out is a part.", expected="0 <= share < 1", got=test_share)
    order = np.argsort(np.random.Philox(seed).random_raw(len(found)), kind="stable").tolist()
    held_out = round(test_share * len(found))
    parts = {"train": order[held_out:], "test": order[:held_out]}
    return {k: _of_files([found[i] for i in part]) for k, part in parts.items() if part}, classes


def _of_files(files):
    return Pictures(len(files), lambda: (Picture(label, *_decoded(path), path) for label, path in files))


def _decoded(path):
    """(pixels, bytes) of a picture file."""
    data = whole_file(path)
    try:
        format_of(data)
        pixels = decode_bytes(data, 0, np.uint8)
    except OpError as error:
        raise InvalidArgumentError(f"{path}: {error.message}") from None
    return (pixels[0] if pixels.ndim == 4 else pixels), data
