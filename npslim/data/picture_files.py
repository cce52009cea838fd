"""Labelled pictures as files to train from: TFRecords with the features that TF-Slim's programs expect, or HDF5.

NAME_train_00000-of-00002.tfrecord ...   Examples: image/encoded, image/format, image/class/label, image/height,
                                         image/width; of a folder also image/class/text and image/filename
NAME_train.h5 ...                        datasets image (uint8) and label; encoded instead of image where the
                                         pictures differ in size
NAME.json                                classes, and the files and number of pictures of each split
labels.txt                               a line "number:class" for each class, as TF-Slim writes it
"""

import json
import os

import numpy as np

from npslim.data import dataset, readers, tfexample_decoder
from npslim.data.example import BytesList, Example, Feature, Features, Int64List
from npslim.data.hdf5_rows import Hdf5Writer
from npslim.data.tfrecord import TFRecordOptions, TFRecordWriter
from npslim.dtypes import int64, string
from npslim.errors import AlreadyExistsError, DataLossError, InvalidArgumentError, NotFoundError
from npslim.ops.image_codec import encode_bytes, format_of
from npslim.ops.parsing import FixedLenFeature

FORMATS = ("tfrecord", "h5")


def write_pictures(name, splits, classes, folder, form="tfrecord", shards=1, compression="", progress=None):
    """Write {split: Pictures} to `folder`; returns the paths of the files, the description last.

    form: "tfrecord" or "h5". shards: TFRecord files for each split. compression: "", "GZIP" or "ZLIB" for TFRecords,
    "gzip" or "lzf" for HDF5. progress: called with (split, how many are written, of how many).
    Raises AlreadyExistsError rather than overwriting; files that were begun are deleted if writing fails.
    """
    if form not in FORMATS or shards < 1:
        raise InvalidArgumentError("Unknown form, or no shards.", expected="tfrecord or h5", got=f"{form}, {shards}")
    os.makedirs(folder, exist_ok=True)
    files = {split: _names(name, split, form, shards) for split in splits}
    text = os.path.join(folder, f"{name}.json")
    wanted = [os.path.join(folder, file) for some in files.values() for file in some] + [text]
    there = [path for path in wanted if os.path.exists(path)]
    if there:
        raise AlreadyExistsError(f"{there[0]} exists already.", expected="a new name, or another folder", got=folder)
    try:
        for split, pictures in splits.items():
            paths = [os.path.join(folder, file) for file in files[split]]
            _write_split(paths, split, pictures, classes, form, compression, progress)
        _write_description(folder, name, splits, classes, files, compression if form == "tfrecord" else "")
    except BaseException:
        for path in wanted:
            if os.path.exists(path):
                os.unlink(path)
        raise
    return wanted


def _names(name, split, form, shards):
    if form == "h5":
        return [f"{name}_{split}.h5"]
    return [f"{name}_{split}_{i:05d}-of-{shards:05d}.tfrecord" for i in range(shards)]


def _write_split(paths, split, pictures, classes, form, compression, progress):
    each, done = pictures.each(), 0
    for i, path in enumerate(paths):
        count = pictures.count * (i + 1) // len(paths) - pictures.count * i // len(paths)
        with _writer(path, form, compression) as writer:
            alike = form == "h5" and _of_one_size(pictures)
            for _ in range(count):
                picture = next(each)
                if form == "h5":
                    data = {"image": picture.pixels} if alike else {"encoded": _encoded(picture)}
                    writer.write({**data, "label": np.int64(picture.label)})
                else:
                    writer.write(example_of_picture(picture, classes).SerializeToString())
                done += 1
                if progress is not None:
                    progress(split, done, pictures.count)


def _writer(path, form, compression):
    if form == "h5":
        return Hdf5Writer(path, compression or None)
    return TFRecordWriter(path, TFRecordOptions(compression))


def _of_one_size(pictures):
    return len({picture.pixels.shape for picture in pictures.each()}) == 1


def _encoded(picture):
    return encode_bytes(picture.pixels, "PNG") if picture.encoded is None else picture.encoded


def example_of_picture(picture, classes):
    """The Example of a picture. Its file is kept as it is; pixels become a PNG."""
    data = _encoded(picture)
    height, width = picture.pixels.shape[:2]
    feature = {
        "image/encoded": _bytes(data),
        "image/format": _bytes(format_of(data).encode()),
        "image/class/label": _int64(picture.label),
        "image/height": _int64(height),
        "image/width": _int64(width),
    }
    if picture.name:
        feature["image/filename"] = _bytes(os.path.basename(picture.name).encode())
        feature["image/class/text"] = _bytes(classes[picture.label].encode())
    return Example(features=Features(feature=feature))


def _bytes(value):
    return Feature(bytes_list=BytesList([value]))


def _int64(value):
    return Feature(int64_list=Int64List([value]))


def _write_description(folder, name, splits, classes, files, compression):
    described = {s: {"files": files[s], "pictures": splits[s].count} for s in splits}
    text = json.dumps({"classes": classes, "compression": compression, "splits": described}, indent=1, sort_keys=True)
    with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    with open(os.path.join(folder, "labels.txt"), "w", encoding="utf-8") as file:
        file.writelines(f"{i}:{word}\n" for i, word in enumerate(classes))


def read_description(folder, name):
    """What `NAME.json` says. Raises NotFoundError, and DataLossError if it is damaged."""
    path = os.path.join(folder, f"{name}.json")
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        classes = [str(word) for word in found["classes"]]
        splits = {
            s: ([os.path.basename(f) for f in d["files"]], int(d["pictures"])) for s, d in found["splits"].items()
        }
        return classes, splits, TFRecordOptions.get_compression_type_string(found["compression"])
    except FileNotFoundError:
        raise NotFoundError(
            f"{path}: there is no such file.", expected="what `python -m npslim data make` writes", got=path
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataLossError(f"{path} cannot be read.", expected="classes and splits", got=repr(error)[:100]) from None


def get_split(split_name, dataset_dir, name, channels=3):
    """The `slim.dataset.Dataset` of a split that `write_pictures` wrote as TFRecords: items image and label.

    Its `num_classes`, `labels_to_names` and `reader_kwargs` (for a DatasetDataProvider) are set. channels: 1 or 3.
    Raises NotFoundError for a folder or a split that is not there.
    """
    classes, splits, compression = read_description(dataset_dir, name)
    if split_name not in splits:
        raise NotFoundError(f"{name} has no split {split_name!r}.", expected=" or ".join(splits), got=split_name)
    files, count = splits[split_name]
    if any(file.endswith(".h5") for file in files):
        raise InvalidArgumentError(
            f"{name} is in HDF5.",
            expected="TFRecords",
            got=files[0],
            hint="data.hdf5_dataset.Hdf5DataProvider reads it",
        )
    decoder = tfexample_decoder.TFExampleDecoder(
        {
            "image/encoded": FixedLenFeature((), string, default_value=""),
            "image/format": FixedLenFeature((), string, default_value="png"),
            "image/class/label": FixedLenFeature([], int64),
        },
        {
            "image": tfexample_decoder.Image(channels=channels),
            "label": tfexample_decoder.Tensor("image/class/label", shape=[]),
        },
    )
    return dataset.Dataset(
        data_sources=[os.path.join(dataset_dir, file) for file in files], reader=readers.TFRecordReader,
        decoder=decoder, num_samples=count, items_to_descriptions={"image": "A picture.", "label": "Its class."},
        num_classes=len(classes), labels_to_names=dict(enumerate(classes)),
        reader_kwargs={"options": TFRecordOptions(compression)},
    )  # fmt: skip
