"""What summary ops must give, read back with the protocol buffers of tensorboardX and the standard library."""

import io
import wave

import numpy as np
from PIL import Image
from tensorboardX.proto.summary_pb2 import Summary

from npslim.ops import summary


def parsed(result):
    return Summary.FromString(result[()]).value


@summary.scalar_summary.properties
def _(result, values, *, tag):
    (value,) = parsed(result)
    assert value.tag == tag and value.simple_value == np.float32(values)


@summary.histogram_summary.properties
def _(result, values, *, tag):
    (value,) = parsed(result)
    limits, counts = np.array(value.histo.bucket_limit), np.array(value.histo.bucket)
    assert value.histo.num == counts.sum() == values.size and (np.diff(limits) > 0).all()
    for i, (low, high) in enumerate(zip([-np.inf, *limits[:-1]], limits, strict=True)):
        assert counts[i] == sum(low <= x < high for x in values.ravel())
    if values.size:
        assert (value.histo.min, value.histo.max) == (values.min(), values.max())
        np.testing.assert_allclose([value.histo.sum, value.histo.sum_squares], [values.sum(), (values**2).sum()])


@summary.image_summary.properties
def _(result, tensor, *, tag, max_images):
    values = parsed(result)
    count = min(max_images, len(tensor))
    assert [v.tag for v in values] == [f"{tag}/image/{i}" for i in range(count)]
    for value, image in zip(values, tensor, strict=False):
        pixels = np.array(Image.open(io.BytesIO(value.image.encoded_image_string))).reshape(image.shape)
        if image.dtype == np.uint8:
            np.testing.assert_array_equal(pixels, image)
            continue
        low, high = image.min(), image.max()
        scaled = image * 255 / high if low >= 0 else image * 127 / max(-low, high) + 128
        assert np.abs(pixels - scaled).max() <= 1.001


@summary.audio_summary.properties
def _(result, tensor, sample_rate, *, tag, max_outputs):
    for value, sound in zip(parsed(result), tensor, strict=True):
        with wave.open(io.BytesIO(value.audio.encoded_audio_string)) as reader:
            assert reader.getparams()[:4] == (tensor.shape[2], 2, int(sample_rate), tensor.shape[1])
            found = np.frombuffer(reader.readframes(tensor.shape[1]), "<i2").reshape(sound.shape)
        assert np.abs(found / 32767 - sound).max() < 1e-4


@summary.text_summary.properties
def _(result, tensor, *, tag):
    (value,) = parsed(result)
    assert list(value.tensor.string_val) == tensor.ravel().tolist() and value.metadata.plugin_data.plugin_name == "text"


@summary.merge_summary.properties
def _(result, *inputs):
    assert len(parsed(result)) == 0
