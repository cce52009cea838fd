"""Summaries: what a run shows of itself, as the bytes of a `Summary` protocol buffer that TensorBoard reads.

The messages are tensorboardX's. A summary's tag is the name of its node.
"""

import functools
import importlib
import io
import wave

import numpy as np

from npslim.errors import DTypeError, InvalidArgumentError, missing_extra
from npslim.op import op
from npslim.spec import Spec

_TEXT = np.dtype(object)
_LARGEST = np.finfo(np.float64).max


@functools.cache
def messages(name="summary_pb2"):
    """The module of tensorboardX's messages. Raises MissingExtraError where that is not installed."""
    try:
        return importlib.import_module(f"tensorboardX.proto.{name}")
    except ImportError:
        raise missing_extra("tensorboardX", "tensorboard", "A summary") from None


def _serialized(*values):
    """The Summary of `values`, as a scalar of bytes."""
    result = np.empty((), object)
    result[()] = messages().Summary(value=values).SerializeToString()
    return result


def _value(**fields):
    return messages().Summary.Value(**fields)


def _numbers(x, what):
    if x.dtype.kind not in "iufb":
        raise DTypeError(f"A {what} summary takes numbers.", expected="int or float", got=x.dtype)


# ---- scalars


@op(type="ScalarSummary", alike=(), host=("values",), differentiable=False)
def scalar_summary(values, *, tag):
    """`values`, one number, under the name `tag`."""
    if np.size(values) != 1 or np.ndim(values):
        raise InvalidArgumentError("A scalar summary takes one number.", expected="shape []", got=np.shape(values))
    return _serialized(_value(tag=tag, simple_value=float(values)))


@scalar_summary.shape
def _(values):
    _numbers(values, "scalar")
    return Spec((), _TEXT)


# ---- histograms


@functools.cache
def bucket_limits():
    """The upper ends of TensorFlow's buckets: 1e-12 and on by tenths up to 1e20, the same below zero, and zero."""
    positive = [1e-12]
    while positive[-1] * 1.1 < 1e20:
        positive.append(positive[-1] * 1.1)
    positive.append(_LARGEST)
    return np.array([-x for x in reversed(positive)] + [0.0] + positive)


@op(type="HistogramSummary", alike=(), host=("values",), differentiable=False)
def histogram_summary(values, *, tag):
    """The distribution of the elements of `values`. Raises InvalidArgumentError for NaN or infinity among them."""
    x = np.asarray(values, np.float64).ravel()
    if not np.isfinite(x).all():
        at = int(np.flatnonzero(~np.isfinite(x))[0])
        raise InvalidArgumentError(f"NaN or infinity in the histogram {tag}.", expected="numbers", got=f"{x[at]}")
    limits, counts = _without_runs_of_empty_buckets(
        np.bincount(np.searchsorted(bucket_limits(), x, side="right"), minlength=len(bucket_limits()))
    )
    histogram = messages().HistogramProto(
        min=x.min(initial=_LARGEST), max=x.max(initial=-_LARGEST), num=x.size, sum=x.sum(), sum_squares=(x * x).sum(),
        bucket_limit=limits, bucket=counts,
    )  # fmt: skip
    return _serialized(_value(tag=tag, histo=histogram))


def _without_runs_of_empty_buckets(counts):
    """(limits, counts) with each run of empty buckets as one."""
    last_of_run = np.ones(len(counts), bool)
    last_of_run[:-1] = (counts[:-1] > 0) | (counts[1:] > 0)
    return bucket_limits()[last_of_run], counts[last_of_run].astype(np.float64)


@histogram_summary.shape
def _(values):
    _numbers(values, "histogram")
    return Spec((), _TEXT)


# ---- images and sounds


@op(type="ImageSummary", alike=(), host=("tensor",), differentiable=False)
def image_summary(tensor, *, tag, max_images):
    """The first `max_images` of `[n, h, w, c]` as PNG files, c of 1, 3 or 4.

    uint8 as it is; floating images are scaled each to its own range: [0, max] to [0, 255], or with negative values
    [-m, m] to [1, 255]. Pixels that are no numbers become red. As in TensorFlow.
    """
    if tensor.ndim != 4 or tensor.shape[3] not in (1, 3, 4):
        raise InvalidArgumentError("An image summary takes [n, h, w, c].", expected="c of 1, 3 or 4", got=tensor.shape)
    shown = tensor[:max_images]
    names = [f"{tag}/image"] if max_images == 1 else [f"{tag}/image/{i}" for i in range(len(shown))]
    return _serialized(*(_value(tag=name, image=_png(image)) for name, image in zip(names, shown, strict=True)))


def _png(image):
    """The image message of `[h, w, c]`."""
    try:
        pillow = importlib.import_module("PIL.Image")
    except ImportError:
        raise missing_extra("pillow", "image", "An image summary") from None
    height, width, channels = image.shape
    pixels = image if image.dtype == np.uint8 else to_bytes(np.asarray(image, np.float32))
    file = io.BytesIO()
    pillow.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(file, "PNG")
    return messages().Summary.Image(
        height=height, width=width, colorspace=channels, encoded_image_string=file.getvalue()
    )


def to_bytes(image):
    """A floating `[h, w, c]` as uint8, scaled by its range."""
    good = np.isfinite(image).all(axis=2)
    low, high = (image[good].min(), image[good].max()) if good.any() else (0.0, 0.0)
    if low < 0:
        largest = max(-low, high)
        scale, offset = 127.0 / largest if largest >= 1e-7 else 0.0, 128.0
    else:
        scale, offset = 255.0 / high if high >= 1e-7 else 0.0, 0.0
    pixels = (np.where(good[:, :, None], image, 0) * np.float32(scale) + np.float32(offset)).astype(np.uint8)
    pixels[~good] = [255, 0, 0, 255][: image.shape[2]]
    return pixels


@image_summary.shape
def _(tensor):
    _numbers(tensor, "image")
    return Spec((), _TEXT)


@op(type="AudioSummaryV2", alike=(), host=("tensor", "sample_rate"), differentiable=False)
def audio_summary(tensor, sample_rate, *, tag, max_outputs):
    """The first `max_outputs` sounds of `[n, frames, channels]` or `[n, frames]`, in [-1, 1], as WAV files."""
    sounds = tensor[:max_outputs] if tensor.ndim == 3 else tensor[:max_outputs, :, None]
    names = [f"{tag}/audio"] if max_outputs == 1 else [f"{tag}/audio/{i}" for i in range(len(sounds))]
    rate = float(sample_rate)
    return _serialized(*(_value(tag=n, audio=_wav(sound, rate)) for n, sound in zip(names, sounds, strict=True)))


def _wav(sound, rate):
    frames, channels = sound.shape
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(int(rate))
        writer.writeframes((np.clip(sound, -1, 1) * 32767).round().astype("<i2").tobytes())
    return messages().Summary.Audio(
        sample_rate=rate, num_channels=channels, length_frames=frames, encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    )  # fmt: skip


@audio_summary.shape
def _(tensor, sample_rate):
    _numbers(tensor, "audio")
    return Spec((), _TEXT)


# ---- text, and summaries together


@op(type="TensorSummaryV2", alike=(), host=("tensor",), differentiable=False)
def text_summary(tensor, *, tag):
    """The strings of `tensor` (any shape) for TensorBoard's text page."""
    message = messages("tensor_pb2").TensorProto(
        dtype=7, string_val=[bytes(s) for s in np.ravel(tensor)],
        tensor_shape=messages("tensor_shape_pb2").TensorShapeProto(
            dim=[messages("tensor_shape_pb2").TensorShapeProto.Dim(size=n) for n in np.shape(tensor)]
        ),
    )  # fmt: skip
    plugin = messages().SummaryMetadata.PluginData(plugin_name="text")
    return _serialized(_value(tag=tag, tensor=message, metadata=messages().SummaryMetadata(plugin_data=plugin)))


@text_summary.shape
def _(tensor):
    if tensor.dtype != _TEXT:
        raise DTypeError("A text summary takes strings.", expected="string", got=tensor.dtype)
    return Spec((), _TEXT)


@op(type="MergeSummary", alike=(), differentiable=False)
def merge_summary(*inputs):
    """The summaries `inputs` as one. Raises InvalidArgumentError if two of them have the same tag."""
    merged = messages().Summary()
    for serialized in inputs:
        for one in np.ravel(serialized):
            merged.MergeFromString(one)
    tags = [value.tag for value in merged.value]
    twice = next((tag for i, tag in enumerate(tags) if tag in tags[:i]), None)
    if twice is not None:
        raise InvalidArgumentError("Two summaries have one tag.", expected="distinct tags", got=twice)
    return _serialized(*merged.value)


@merge_summary.shape
def _(*inputs):
    if not inputs:
        raise InvalidArgumentError("There are no summaries to merge.", expected="at least one", got="none")
    if any(x.dtype != _TEXT for x in inputs):
        raise DTypeError("Only summaries can be merged.", expected="string", got=[str(x.dtype) for x in inputs])
    return Spec((), _TEXT)


# ---- cases

scalar_summary.cases(lambda rng: (np.array(2.5),), lambda rng: (np.array(3, np.int32),), tag="loss")
scalar_summary.rejects("takes numbers", lambda rng: (np.array(b"x", object),), tag="t")
histogram_summary.cases(
    lambda rng: (rng.normal(size=(4, 5)),), lambda rng: (np.zeros(0),), lambda rng: (np.array([-3, 0, 0, 9]),), tag="h"
)
histogram_summary.rejects("takes numbers", lambda rng: (np.array([b"x"], object),), tag="t")
image_summary.cases(
    lambda rng: (rng.integers(0, 256, (2, 3, 4, 3)).astype(np.uint8),), lambda rng: (rng.uniform(size=(3, 2, 2, 1)),),
    lambda rng: (rng.normal(size=(1, 2, 2, 4)),), tag="i", max_images=2,
)  # fmt: skip
audio_summary.cases(lambda rng: (rng.uniform(-1, 1, (2, 10, 2)), np.array(100.0)), tag="a", max_outputs=3)
text_summary.cases(
    lambda rng: (np.array(b"one", object),), lambda rng: (np.array([[b"a", b"b"]], object),), tag="words"
)
text_summary.rejects("takes strings", lambda rng: (np.zeros(2),), tag="t")
merge_summary.cases(lambda rng: (np.array(b"", object), np.array([b"", b""], object)))
merge_summary.rejects("Only summaries", lambda rng: (np.zeros(2),))
