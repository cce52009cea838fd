"""What files of data hold, and whether all of it can be read: TFRecords, HDF5, idx and CIFAR's files, pictures."""

import collections
import os

import numpy as np

from npslim.data.example import Example
from npslim.data.hdf5_rows import Hdf5Rows
from npslim.data.pictures import cifar_file, idx_array
from npslim.data.tfrecord import records_with_places, whole_file
from npslim.errors import InvalidArgumentError, NotFoundError, OpError
from npslim.ops.image_codec import decode_bytes, format_of


def kind_of(path):
    """'pictures' for a picture file, 'hdf5', 'idx', 'cifar', or 'tfrecord' for anything else, by name and beginning."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError as error:
        raise NotFoundError(f"{path}: {error.strerror}.", expected="a file", got=path) from None
    name = os.path.basename(path).removesuffix(".gz")
    if start.startswith(b"\x89HDF"):
        return "hdf5"
    if name.endswith(("-ubyte", ".idx")) or start[:3] == b"\0\0\x08":
        return "idx"
    if name.endswith(".bin"):
        return "cifar"
    try:
        format_of(start)
    except InvalidArgumentError:
        return "tfrecord"
    return "picture"


def describe(path, compression=None):
    """Lines about a file. Raises what reading it raises: DataLossError for a damaged one."""
    return _LOOK[kind_of(path)][0](path, compression)


def problems(path, compression=None, decode=True):
    """(what was read, the errors): every record, every picture. decode: decode the pictures in Examples too."""
    try:
        found = _LOOK[kind_of(path)][1](path, compression, decode)
        return found if isinstance(found, tuple) else (found, [])
    except OpError as error:
        return "nothing more", [error.message]


# ---- TFRecords


def _describe_records(path, compression):
    sizes, features = [], {}
    odd = 0
    for _, record in records_with_places(path, compression):
        sizes.append(len(record))
        try:
            for name, feature in Example.FromString(record).features.feature.items():
                features.setdefault(name, _Feature()).add(feature)
        except OpError:
            odd += 1
    if not sizes:
        return ["an empty TFRecord file"]
    lines = [f"{len(sizes)} records, {min(sizes)} to {max(sizes)} bytes, {sum(sizes):,} in all"]
    if odd:
        lines.append(f"{odd} of them are no Examples")
    width = max(map(len, features), default=0)
    return lines + [f"  {name:{width}}  {features[name].line(len(sizes))}" for name in sorted(features)]


class _Feature:
    """What was seen of one feature."""

    def __init__(self):
        self.seen, self.kinds, self.counts = 0, set(), set()
        self.least = self.most = None
        self.formats = collections.Counter()
        self.words = {}

    def add(self, feature):
        """Look at it in one Example."""
        kind = feature.WhichOneof("kind")
        values = getattr(feature, kind).value if kind else []
        self.seen += 1
        self.kinds.add({"bytes_list": "string", "float_list": "float32", "int64_list": "int64"}.get(kind, "empty"))
        self.counts.add(len(values))
        measures = [len(v) for v in values] if kind == "bytes_list" else values
        if measures:
            self.least = min(measures) if self.least is None else min(self.least, *measures)
            self.most = max(measures) if self.most is None else max(self.most, *measures)
        if kind == "bytes_list":
            for value in values:
                self._look_at(value)

    def _look_at(self, value):
        try:
            self.formats[format_of(value)] += 1
        except InvalidArgumentError:
            if len(self.words) < 4 and len(value) < 40:
                self.words[value] = None

    def line(self, records):
        """In words."""
        counts = f"{min(self.counts)}" if len(self.counts) == 1 else f"{min(self.counts)} to {max(self.counts)}"
        parts = [f"{' or '.join(sorted(self.kinds))} x {counts}"]
        if self.least is not None:
            unit = " bytes" if "string" in self.kinds else ""
            parts.append(
                f"{self.least:g}{unit}" if self.least == self.most else f"{self.least:g} to {self.most:g}{unit}"
            )
        parts += [f"{n} {form}" for form, n in self.formats.most_common()]
        if self.words and not self.formats:
            parts.append("e.g. " + ", ".join(repr(word.decode(errors="replace")) for word in self.words))
        if self.seen < records:
            parts.append(f"in {self.seen} of {records}")
        return ", ".join(parts)


def _check_records(path, compression, decode):
    errors, count, pictures = [], 0, 0
    try:
        for at, record in records_with_places(path, compression):
            try:
                pictures += _check_example(record, decode)
            except OpError as error:
                errors.append(f"{path}, record {count} at byte {at}: {error.message}")
            count += 1
    except OpError as error:
        errors.append(error.message)
    return f"{count} records" + (f", {pictures} pictures decoded" if decode else ""), errors


def _check_example(record, decode):
    """How many pictures the Example has; each is decoded."""
    found = 0
    for name, feature in Example.FromString(record).features.feature.items():
        for value in feature.bytes_list.value if decode else ():
            if name.endswith("encoded") or _is_picture(value):
                decode_bytes(value, 0, np.uint8)
                found += 1
    return found


def _is_picture(value):
    try:
        format_of(value)
    except InvalidArgumentError:
        return False
    return not value.startswith(b"BM")  # two letters say too little


# ---- the others


def _describe_hdf5(path, _):
    with Hdf5Rows(path) as rows:
        lines = [f"{rows.count} rows"]
        for item in rows.items:
            dtype = "string" if rows.dtypes[item].kind == "O" else rows.dtypes[item].name
            lines.append(f"  {item}  {dtype} {list(rows.shapes[item])}")
        return lines


def _check_hdf5(path, _, decode):
    pictures = 0
    with Hdf5Rows(path) as rows:
        step = max(rows.chunk_rows(), 64)
        for at in range(0, rows.count, step):
            for item, values in rows.read(range(at, min(at + step, rows.count))).items():
                for value in values if decode and item.endswith("encoded") else ():
                    decode_bytes(value, 0, np.uint8)
                    pictures += 1
        return f"{rows.count} rows" + (f", {pictures} pictures decoded" if decode else "")


def _idx(path, *_):
    array = idx_array(path)
    return f"{array.dtype.name} {list(array.shape)}, {array.min()} to {array.max()}" if array.size else "no values"


def _labels_before(path):
    return 1 if os.path.getsize(path) % 3073 else 0


def _cifar(path, *_):
    _, labels = cifar_file(path, _labels_before(path))
    return f"{len(labels)} pictures of 32 x 32, labels {labels.min()} to {labels.max()}"


def _picture(path, *_):
    data = whole_file(path)
    pixels = decode_bytes(data, 0, np.uint8)
    return f"{format_of(data).upper()} {' x '.join(map(str, pixels.shape))}"


_LOOK = {
    "tfrecord": (_describe_records, _check_records),
    "hdf5": (_describe_hdf5, _check_hdf5),
    "idx": (lambda *a: [_idx(*a)], _idx),
    "cifar": (lambda *a: [_cifar(*a)], _cifar),
    "picture": (lambda *a: [_picture(*a)], _picture),
}
