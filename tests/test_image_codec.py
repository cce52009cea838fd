"""Picture files of all kinds: the pixels that TensorFlow decodes, bit for bit; the way back; files that lie."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

import npslim.tf as tf
from npslim.errors import InvalidArgumentError
from npslim.ops import image_codec, image_png

image = pytest.importorskip("PIL.Image")
simplejpeg = pytest.importorskip("simplejpeg")


@pytest.fixture(scope="module")
def golden():
    with np.load(Path(__file__).parent / "golden" / "codecs.npz") as stored:
        return dict(stored)


with np.load(Path(__file__).parent / "golden" / "codecs.npz") as _stored:
    NAMES = sorted(key.removeprefix("file/") for key in _stored.files if key.startswith("file/"))


@pytest.mark.parametrize("name", NAMES)
def test_pixels_are_those_of_tensorflow(golden, name):
    data, session = golden[f"file/{name}"].tobytes(), tf.Session()
    cases = [key for key in golden if key.startswith(f"{name}|")]
    assert len(cases) >= 5
    for key in cases:
        _, function, channels, dtype = key.split("|")
        options = {} if function == "decode_gif" else {"channels": int(channels)}
        if function in ("decode_image", "decode_png"):
            options["dtype"] = getattr(tf, dtype)
        pixels = getattr(tf.image, function)(data, **options)
        if not golden[key].size:
            with pytest.raises(InvalidArgumentError):
                session.run(pixels)
            continue
        found = session.run(pixels)
        assert found.dtype == golden[key].dtype and found.shape == golden[key].shape, key
        np.testing.assert_array_equal(found, golden[key], err_msg=key)


OPTIONS = {
    "half": {"ratio": 2}, "quarter": {"ratio": 4}, "eighth": {"ratio": 8}, "rough": {"fancy_upscaling": False},
    "accurate": {"dct_method": "INTEGER_ACCURATE"}, "fast": {"dct_method": "INTEGER_FAST"},
}  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
def test_jpeg_arguments_do_what_they_do_in_tensorflow(golden, option):
    session, cases = tf.Session(), [key for key in golden if key.startswith("options|") and key.endswith("|" + option)]
    assert len(cases) == 5
    for key in cases:
        data = golden["file/" + key.split("|")[1]].tobytes()
        np.testing.assert_array_equal(session.run(tf.image.decode_jpeg(data, **OPTIONS[option])), golden[key])


def test_a_jpeg_that_is_cut_gives_its_beginning_if_that_is_asked_for(golden):
    data, session = golden["file/jpeg_444_17x23"].tobytes(), tf.Session()
    whole = session.run(tf.image.decode_jpeg(data))
    cut = data[: len(data) - 20]
    with pytest.raises(InvalidArgumentError, match="JPEG file cannot be decoded"):
        session.run(tf.image.decode_jpeg(cut))
    found = session.run(tf.image.decode_jpeg(cut, try_recover_truncated=True))
    assert found.shape == whole.shape and (found[:8] == whole[:8]).all() and (found != whole).any()
    for bad in ({"ratio": 3}, {"dct_method": "FLOAT"}):
        with pytest.raises(ValueError, match="makes no sense"):
            tf.image.decode_jpeg(data, **bad)


# ---- the way back


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_goes_both_ways(channels, dtype):
    pixels = np.random.default_rng(channels).integers(0, np.iinfo(dtype).max + 1, (9, 14, channels)).astype(dtype)
    session, kind = tf.Session(), tf.uint8 if dtype == np.uint8 else tf.uint16
    data = session.run(tf.image.encode_png(pixels, compression=9))
    np.testing.assert_array_equal(session.run(tf.image.decode_png(data, 0, kind)), pixels)
    assert image.open(io.BytesIO(data)).size == (14, 9)


def test_jpeg_files_are_those_of_tensorflow(golden):
    session, cases = tf.Session(), [key for key in golden if key.startswith("encode|")]
    assert len(cases) == 10
    for key in cases:
        _, name, quality, option = key.split("|")
        options = {"444": {"chroma_downsampling": False}, "opt": {"optimize_size": True}, "prog": {"progressive": True}}
        found = session.run(
            tf.image.encode_jpeg(golden[f"pixels|{name}"], quality=int(quality), **options.get(option, {}))
        )
        expected = golden[key].tobytes()
        assert found[:20] == expected[:20] and len(found) == len(expected)
        for space in ("RGB", "GRAY"):
            a, b = (simplejpeg.decode_jpeg(data, space) for data in (found, expected))
            np.testing.assert_array_equal(a, b)


def test_what_cannot_be_encoded_is_said():
    session = tf.Session()
    for encode, pixels in (
        (tf.image.encode_png, np.zeros((2, 2, 5), np.uint8)), (tf.image.encode_png, np.zeros((2, 2), np.uint8)),
        (tf.image.encode_png, np.zeros((2, 2, 3), np.float32)), (tf.image.encode_jpeg, np.zeros((2, 2, 4), np.uint8)),
        (tf.image.encode_jpeg, np.zeros((0, 2, 3), np.uint8)),
    ):  # fmt: skip
        with pytest.raises(InvalidArgumentError, match="no picture to encode"):
            session.run(encode(pixels))
    with pytest.raises(ValueError, match="quality 0 to 100"):
        tf.image.encode_jpeg(np.zeros((2, 2, 3), np.uint8), quality=101)


# ---- files that lie


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth=8, color=2, rows=b"", method=0):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, method, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def jpeg(height, width):
    """A JPEG file whose header says another size than it has."""
    data = bytearray(simplejpeg.encode_jpeg(np.zeros((16, 16, 3), np.uint8)))
    at = data.index(b"\xff\xc0") + 5
    struct.pack_into(">HH", data, at, height, width)
    return bytes(data)


def gif(width, height, frames=1, index=0):
    file = io.BytesIO()
    image.fromarray(np.full((4, 4), index, np.uint8), "L").save(file, "GIF")
    data = bytearray(file.getvalue())
    struct.pack_into("<HH", data, 6, width, height)
    at = data.index(b"\x2c")
    return bytes(data[:at] + data[at:-1] * frames + data[-1:])


CRAFTED = {
    "png larger than any": png(1 << 30, 1 << 30),
    "png bomb of one colour": png(60000, 60000, rows=bytes(1 << 16)),
    "png bomb of 16 bits": png(50000, 50000, 16, rows=bytes(1 << 16)),
    "png without pixels": png(0, 5),
    "png with too few rows": png(9, 9, 16, rows=bytes(9)),
    "png of an unknown depth": png(9, 9, 7),
    "png of an unknown colour": png(9, 9, 8, 5),
    "png of an unknown method": png(9, 9, method=1),
    "png without its palette": png(9, 9, 8, 3, bytes(90)),
    "png without a header": b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""),
    "png with a wrong filter": png(3, 1, 16, 0, b"\x07" + bytes(6)),
    "jpeg larger than its file": jpeg(65000, 65000),
    "jpeg without pixels": jpeg(0, 16),
    "gif larger than its file": gif(65535, 65535),
    "gif of many large frames": gif(8000, 8000, frames=50),
    "gif without a palette": b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0, 0, 0) + b"\x2c" + bytes(12),
    "bmp larger than its file": b"BM" + bytes(8) + struct.pack("<IIiiHH", 54, 40, 60000, 60000, 1, 24) + bytes(24),
    "bmp of negative width": b"BM" + bytes(8) + struct.pack("<IIiiHH", 54, 40, -6, 6, 1, 24) + bytes(200),
    "bmp of the least height": b"BM" + bytes(8) + struct.pack("<IIiiHH", 54, 40, 6, -(1 << 31), 1, 24) + bytes(200),
    "bmp of one bit": b"BM" + bytes(8) + struct.pack("<IIiiHH", 54, 40, 6, 6, 1, 1) + bytes(200),
    "nothing": b"",
    "text": b"this is no picture",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_picture_is_refused(name):
    resource = pytest.importorskip("resource")
    image_codec.decode_bytes(png(1, 1, rows=bytes(4)), 0, np.dtype(np.uint8))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidArgumentError):
        image_codec.decode_bytes(CRAFTED[name], 0, np.dtype(np.uint8))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_a_large_picture_of_one_colour_is_no_bomb():
    pixels = np.zeros((6000, 6000), np.uint8)
    file = io.BytesIO()
    image.fromarray(pixels).save(file, "PNG")
    assert image_codec.decode_bytes(file.getvalue(), 0, np.dtype(np.uint8)).shape == (6000, 6000, 1)


WHOLE = ["png_gray8", "png_color2_16", "png_palette4_key", "gif_part", "bmp_rgb", "jpeg_gray"]


@pytest.mark.parametrize("name", WHOLE)
def test_every_cut_is_refused(golden, name):
    """JPEG is refused as far as its library sees it: a cut in the entropy-coded data need not be one of those."""
    data = golden[f"file/{name}"].tobytes()
    last = data.index(b"\xff\xda") if name.startswith("jpeg") else len(data) - name.startswith("bmp")  # a filler byte
    for length in range(last):
        with pytest.raises(InvalidArgumentError):
            image_codec.decode_bytes(data[:length], 0, np.dtype(np.uint8))


def mutations(name, data, count):
    """(how many were refused, how many gave pixels) of damaged files: bytes changed, checksums of PNG right again."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    refused = 0
    for _ in range(count):
        damaged = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(len(damaged))] = rng.integers(256)
        if name.startswith("png") and rng.integers(2):
            damaged = bytearray(repaired(damaged))
        try:
            image_codec.decode_bytes(bytes(damaged), 0, np.dtype(np.uint8))
        except InvalidArgumentError:
            refused += 1
    return refused, count - refused


def repaired(data):
    """The chunks of a PNG with right checksums."""
    found, at = bytes(data[:8]), 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = bytes(data[at + 8 : at + 8 + length])
        found += chunk(bytes(data[at + 4 : at + 8]), body)
        at += 12 + length
    return found


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.long)], ids=["short", "long"])
def test_no_mutation_crashes(golden, name, count):
    refused, decoded = mutations(name, golden[f"file/{name}"].tobytes(), count)
    print(f"{name}: {refused} refused, {decoded} decoded")
    assert refused > 0


def test_png_checksums_are_checked(golden):
    data = golden["file/png_gray8"].tobytes()
    for bit in range(8 * 8, 8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidArgumentError, match="PNG"):
            image_codec.decode_bytes(bytes(flipped), 0, np.dtype(np.uint8))
    assert image_png.decode_png(data, 0, False).shape == (6, 11, 1)
