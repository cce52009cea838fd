"""Pictures as files: JPEG, PNG, GIF and BMP to arrays, and JPEG and PNG back.

JPEG is read by simplejpeg with the same choices as TensorFlow's default (the fast inverse transform, smooth
upsampling), the others in a file each, see `image_formats.py`: the pixels are the same bit for bit.
"""

import importlib
import io
import struct

import numpy as np

from npslim.dtypes import numpy_dtype
from npslim.errors import InvalidArgumentError, OpError, missing_extra
from npslim.op import op
from npslim.ops.image_bmp import decode_bmp as decode_bmp_bytes
from npslim.ops.image_formats import check_size, damaged, pillow
from npslim.ops.image_gif import decode_gif as decode_gif_bytes
from npslim.ops.image_png import decode_png as decode_png_bytes
from npslim.ops.image_png import encode_png as encode_png_bytes
from npslim.spec import Spec

_UINT8, _TEXT = np.dtype(np.uint8), np.dtype(object)
_SIGNATURES = {b"\xff\xd8\xff": "jpeg", b"\x89PNG": "png", b"GIF8": "gif", b"BM": "bmp"}


def _library(name, package):
    try:
        return importlib.import_module(name)
    except ImportError:
        raise missing_extra(package, "image", "Reading and writing pictures") from None


def format_of(contents):
    """'jpeg', 'png', 'gif' or 'bmp'. Raises InvalidArgumentError for anything else."""
    for signature, name in _SIGNATURES.items():
        if contents.startswith(signature):
            return name
    raise InvalidArgumentError(
        "These bytes are no picture that can be read.", expected="JPEG, PNG, GIF or BMP", got=repr(contents[:16])
    )


def decode_jpeg_bytes(contents, channels, ratio=1, **how):
    """`[h, w, channels]` uint8 of a JPEG file, of `1 / ratio` of its size. how: what simplejpeg takes beside that."""
    how = {"fastdct": True, "fastupsample": False, **how}
    simplejpeg = _library("simplejpeg", "simplejpeg")
    height, width, space, _ = simplejpeg.decode_jpeg_header(contents)
    check_size("JPEG", contents, height, width, 3)
    if ratio > 1:
        how |= {"min_height": -(-height // ratio), "min_width": -(-width // ratio)}
    if space in ("CMYK", "YCCK") and channels in (0, 3):
        inks = simplejpeg.decode_jpeg(contents, "CMYK", **how).astype(np.uint16)
        return (inks[..., :3] * inks[..., 3:] // 255).astype(np.uint8)
    channels = channels or (1 if space == "Gray" else 3)
    if channels not in (1, 3) or (channels == 1 and space in ("CMYK", "YCCK")):
        raise InvalidArgumentError(
            "A JPEG file has 1 or 3 channels.", expected="channels 0, 1 or 3", got=f"{channels}, of {space}"
        )
    wanted = {1: "GRAY", 3: "RGB"}[channels]
    return simplejpeg.decode_jpeg(contents, wanted, **how)


def decode_bytes(contents, channels, dtype, jpeg=()):
    """A picture file as an array: `[h, w, c]`, or `[frames, h, w, 3]` for a GIF.

    uint8; uint16 of a PNG unless `dtype` is uint8. jpeg: pairs, arguments of `decode_jpeg_bytes`.

    Raises InvalidArgumentError for anything that is no whole picture.
    """
    found = format_of(contents)
    try:
        if found == "jpeg":
            return decode_jpeg_bytes(contents, channels, **dict(jpeg))
        if found == "png":
            return decode_png_bytes(contents, channels, dtype != np.uint8)
        if channels == 1 or (channels == 4 and found == "gif"):
            raise InvalidArgumentError(
                f"A {found.upper()} file has no such channels.", expected="channels 0 or 3, of BMP 4", got=channels
            )
        return decode_gif_bytes(contents) if found == "gif" else decode_bmp_bytes(contents, channels)
    except (ValueError, OSError, SyntaxError, EOFError, IndexError, struct.error) as error:
        if isinstance(error, OpError | ImportError):
            raise
        raise damaged(found.upper(), "a whole file", str(error).split(" <")[0][:100]) from None


def _of_dtype(pixels, dtype):
    """Pixels in another dtype, as TensorFlow scales them: floats are in [0, 1]."""
    if pixels.dtype == dtype:
        return pixels
    if dtype == np.uint16:
        return pixels.astype(np.uint16) * np.uint16(256)
    if dtype.kind == "f":
        return pixels.astype(dtype) * dtype.type(1 / np.iinfo(pixels.dtype).max)
    return (pixels // 257).astype(dtype) if pixels.dtype == np.uint16 else pixels.astype(dtype)


@op(type="DecodeImage", node_name="decode_image", stateful=True, differentiable=False, host=("contents",))
def decode_picture(contents, *, channels, dtype, only, jpeg=()):
    """The pixels of a picture file; `only`: the formats that are allowed."""
    data = bytes(contents[()])
    found = format_of(data)
    if found not in only:
        raise InvalidArgumentError("The picture has another format.", expected=" or ".join(only), got=found)
    pixels = _of_dtype(decode_bytes(data, channels, dtype, jpeg), dtype)
    return pixels if "still" not in only or pixels.ndim == 3 else pixels[0]


@decode_picture.shape
def _(contents, *, channels, dtype, only, jpeg):
    if only == ("gif",):
        return Spec((None, None, None, 3), dtype)
    if "gif" in only and "still" not in only:
        return Spec(None, dtype)
    return Spec((None, None, channels or None), dtype)


def _decoded(contents, channels, dtype, only, name, jpeg=()):
    if channels not in (0, 1, 3, 4):
        raise InvalidArgumentError("channels must be 0, 1, 3 or 4.", expected="0, 1, 3 or 4", got=channels)
    return decode_picture(contents, channels=channels, dtype=numpy_dtype(dtype), only=only, jpeg=jpeg, name=name)


def decode_jpeg(
    contents, channels=0, ratio=1, fancy_upscaling=True, try_recover_truncated=False, acceptable_fraction=1.0,
    dct_method="", name=None,
):  # fmt: skip
    """A JPEG (or PNG) file, a string, as uint8 `[h, w, channels]`.

    channels: 0 as in the file, 1 or 3. ratio: 1, 2, 4 or 8: so much smaller. fancy_upscaling: smooth colours where the
    file has fewer of them. dct_method: "INTEGER_FAST", the default, or "INTEGER_ACCURATE". try_recover_truncated: a
    file that is cut gives what there is. acceptable_fraction changes nothing.
    """
    if ratio not in (1, 2, 4, 8) or dct_method not in ("", "INTEGER_FAST", "INTEGER_ACCURATE"):
        raise InvalidArgumentError(
            "decode_jpeg: an argument makes no sense.", expected="ratio 1, 2, 4 or 8; dct_method INTEGER_FAST or "
            "INTEGER_ACCURATE", got=f"{ratio}, {dct_method!r}",
        )  # fmt: skip
    how = {"ratio": ratio, "fastdct": dct_method != "INTEGER_ACCURATE", "fastupsample": not fancy_upscaling}
    how["strict"] = not try_recover_truncated
    return _decoded(contents, channels, _UINT8, ("jpeg", "png"), name or "DecodeJpeg", tuple(how.items()))


def decode_png(contents, channels=0, dtype=_UINT8, name=None):
    """A PNG (or JPEG) file, a string, as `[h, w, channels]` of uint8 or uint16."""
    return _decoded(contents, channels, dtype, ("png", "jpeg"), name or "DecodePng")


def decode_bmp(contents, channels=0, name=None):
    """A BMP file, a string, as uint8 `[h, w, channels]`."""
    return _decoded(contents, channels, _UINT8, ("bmp",), name or "DecodeBmp")


def decode_gif(contents, name=None):
    """A GIF file, a string, as uint8 `[frames, h, w, 3]`."""
    return _decoded(contents, 3, _UINT8, ("gif",), name or "DecodeGif")


def decode_image(contents, channels=None, dtype=_UINT8, name=None, expand_animations=True):
    """A file of any of the formats: `[h, w, channels]`, or `[frames, h, w, 3]` for a GIF if `expand_animations`."""
    formats = ("jpeg", "png", "gif", "bmp") if expand_animations else ("jpeg", "png", "gif", "bmp", "still")
    return _decoded(contents, channels or 0, dtype, formats, name or "decode_image")


@op(stateful=True, alike=(), differentiable=False, host=("contents", "kind"))
def read_pictures(contents, kind, *, shape, channels, dtype, jpeg=()):
    """The pixels of picture files, or where `kind` says "raw" of bytes in the given shape: one, or `[n, ...]` of many.

    Raises InvalidArgumentError for bytes that are no picture, or pictures of different sizes.
    """
    raw = bytes(kind[0]).lower() == b"raw"
    found = []
    for one in np.ravel(contents):
        if raw:
            pixels = np.frombuffer(bytes(one), dtype)
            if None in shape or pixels.size != np.prod(shape):
                raise InvalidArgumentError("Raw pixels need the picture's shape.", expected=shape, got=pixels.size)
            found.append(pixels.reshape(shape))
            continue
        pixels = _of_dtype(decode_bytes(bytes(one), channels, dtype, jpeg), dtype)
        pixels = pixels[0] if pixels.ndim == 4 else pixels
        found.append(pixels if None in shape else pixels.reshape(shape))
    if len({pixels.shape for pixels in found}) > 1:
        raise InvalidArgumentError("The pictures have different sizes.", got=[pixels.shape for pixels in found])
    return found[0] if np.ndim(contents) == 0 else np.stack(found) if found else np.zeros((0, *shape), dtype)


@read_pictures.shape
def _(contents, kind, *, shape, channels, dtype, jpeg):
    return Spec(None if contents.shape is None else (*contents.shape, *shape), dtype)


@op(type="EncodePng", stateful=True, differentiable=False, host=("image",))
def encode_picture(image, *, compression):
    """`[h, w, c]` uint8 or uint16 as a PNG file."""
    _check_encodable(image, (1, 2, 3, 4), (np.uint8, np.uint16))
    return _scalar(encode_png_bytes(image, compression))


@encode_picture.shape
def _(image, *, compression):
    return Spec((), _TEXT)


@op(type="EncodeJpeg", stateful=True, differentiable=False, host=("image",))
def encode_photo(image, *, format, options):
    """`[h, w, c]` uint8 as a JPEG file."""
    _check_encodable(image, {"grayscale": (1,), "rgb": (3,)}.get(format, (1, 3)), (np.uint8,))
    return _scalar(_encoded_jpeg(image, **dict(options)))


@encode_photo.shape
def _(image, *, format, options):
    return Spec((), _TEXT)


def _check_encodable(image, channels, dtypes):
    if image.ndim != 3 or image.shape[2] not in channels or image.dtype not in dtypes or not image.size:
        raise InvalidArgumentError(
            "This is no picture to encode.", expected=f"{' or '.join(d.__name__ for d in dtypes)} [h, w, c], c of "
            f"{', '.join(map(str, channels))}", got=f"{image.dtype} {list(image.shape)}",
        )  # fmt: skip


def _scalar(data):
    result = np.empty((), object)
    result[()] = data
    return result


def encode_bytes(image, format, quality=95):
    """uint8 `[h, w, c]` as the bytes of a file. format: "PNG" or "JPEG"."""
    return encode_png_bytes(image) if format == "PNG" else _encoded_jpeg(image, quality)


def _encoded_jpeg(image, quality=95, progressive=False, optimize=False, downsampled=True, density=(300, 300)):
    """The bytes of a JPEG file, those that TensorFlow's encoder gives."""
    file = io.BytesIO()
    pillow().fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(
        file, "JPEG", quality=quality, progressive=progressive, optimize=optimize, subsampling=2 if downsampled else 0,
        dpi=density,
    )  # fmt: skip
    return file.getvalue()


def encode_png(image, compression=-1, name=None):
    """uint8 or uint16 `[h, w, c]` as the bytes of a PNG file. compression: of zlib, 0 to 9; -1 for its default."""
    return encode_picture(image, compression=int(compression), name=name or "EncodePng")


def encode_jpeg(
    image, format="", quality=95, progressive=False, optimize_size=False, chroma_downsampling=True, density_unit="in",
    x_density=300, y_density=300, xmp_metadata="", name=None,
):  # fmt: skip
    """uint8 `[h, w, c]`, c of 1 or 3, as the bytes of a JPEG file of that quality, 0 to 100.

    format: "grayscale" or "rgb", as the picture must be then. density_unit: "in" or "cm". xmp_metadata is not written.
    """
    if format not in ("", "grayscale", "rgb") or not 0 <= quality <= 100 or density_unit not in ("in", "cm"):
        raise InvalidArgumentError(
            "encode_jpeg: an argument makes no sense.",
            expected="format grayscale or rgb, quality 0 to 100, unit in or cm",
            got=f"{format!r}, {quality}, {density_unit!r}",
        )  # fmt: skip
    scale = 1.0 if density_unit == "in" else 2.54
    options = {
        "quality": int(quality), "progressive": bool(progressive), "optimize": bool(optimize_size),
        "downsampled": bool(chroma_downsampling), "density": (round(x_density * scale), round(y_density * scale)),
    }  # fmt: skip
    return encode_photo(image, format=format, options=tuple(options.items()), name=name or "EncodeJpeg")
