"""PNG files to pixels, and back."""

import io
import struct
import zlib

import numpy as np

from npslim.ops.image_formats import check_size, damaged, pillow

_RED, _GREEN, _BLUE = 9797, 19234, 3737  # of 2**15: libpng's weights of grey as TensorFlow sets them


def decode_png(data, channels, wide):
    """`[h, w, channels]`, uint16 if `wide`, else uint8."""
    width, height, depth, color, interlaced, chunks = _png_parts(data)
    palette, transparent = chunks.get(b"PLTE"), chunks.get(b"tRNS")
    check_size("PNG", data, height, width, {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}[color], max(depth // 8, 1))
    if depth == 16:
        samples = _samples16(data, chunks, height, width, {0: 1, 2: 3, 4: 2, 6: 4}[color], interlaced)
    else:
        samples = _samples8(data)
    alpha = samples[..., -1:] if color in (4, 6) else None
    samples = samples[..., :-1] if color in (4, 6) else samples
    if color == 3:
        samples, alpha = _by_palette(samples[..., 0], palette, transparent)
    elif transparent is not None and channels == 4:
        alpha = _key_alpha(samples, transparent, depth)
    if channels == 0:
        channels = samples.shape[2] + (color in (4, 6) or (color == 3 and alpha is not None))
    samples = _grey_or_colour(samples, channels < 3)
    if channels in (2, 4):
        opaque = np.full_like(samples[..., :1], (1 << depth) - 1)  # of the file's depth, as TensorFlow has it
        samples = np.concatenate([samples, opaque if alpha is None else alpha], axis=2)
    if depth == 16:
        return samples if wide else (samples >> 8).astype(np.uint8)
    return samples.astype(np.uint16) * np.uint16(257) if wide else samples


def _png_parts(data):
    """(width, height, depth, color, interlaced, {kind of chunk: its data}), IDATs together. Checks every CRC."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise damaged("PNG", "the signature", repr(data[:8]))
    chunks, at = {}, 8
    while True:
        if at + 12 > len(data):
            raise damaged("PNG", "a chunk IEND", f"the end at byte {len(data)}")
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise damaged("PNG", f"a chunk of {length} bytes at byte {at}", f"{len(data) - at} bytes")
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        if checksum != zlib.crc32(data[at + 4 : at + 8 + length]):
            raise damaged("PNG", "chunks with right checksums", f"a wrong one of {kind!r} at byte {at}")
        chunks.setdefault(kind, []).append(data[at + 8 : at + 8 + length])
        at += 12 + length
        if kind == b"IEND":
            break
    chunks = {kind: b"".join(parts) for kind, parts in chunks.items()}
    header = chunks.get(b"IHDR", b"")
    if len(header) != 13:
        raise damaged("PNG", "a header of 13 bytes", f"{len(header)} bytes")
    width, height, depth, color, method, filters, interlaced = struct.unpack(">IIBBBBB", header)
    depths = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
    if depth not in depths.get(color, ()) or method or filters or interlaced > 1:
        raise damaged("PNG", "a colour type and depth of the format", f"type {color}, depth {depth}")
    if color == 3 and b"PLTE" not in chunks:
        raise damaged("PNG", "a palette", "none")
    return width, height, depth, color, bool(interlaced), chunks


def _samples8(data):
    """The samples of a file of up to 8 bits, grey ones stretched to 8: `[h, w, as in the file]`."""
    with pillow().open(io.BytesIO(data)) as image:
        if image.mode not in ("1", "L", "LA", "RGB", "RGBA", "P"):
            image = image.convert("RGBA" if "A" in image.mode else "RGB")
        array = np.asarray(image)
    if array.dtype == bool:
        array = array.astype(np.uint8) * np.uint8(255)
    return array if array.ndim == 3 else array[..., None]


def _by_palette(indices, palette, transparent):
    """(colours, alpha or None)."""
    table = np.zeros((256, 3), np.uint8)
    colors = np.frombuffer(palette[: len(palette) // 3 * 3], np.uint8).reshape(-1, 3)[:256]
    table[: len(colors)] = colors
    if transparent is None:
        return table[indices], None
    opaque = np.full(256, 255, np.uint8)
    opaque[: len(transparent[:256])] = np.frombuffer(transparent[:256], np.uint8)
    return table[indices], opaque[indices][..., None]


def _key_alpha(samples, transparent, depth):
    """0 where a pixel has the one transparent colour, else opaque."""
    key = np.frombuffer(transparent[: 2 * samples.shape[2]], ">u2").astype(np.int64)
    if len(key) != samples.shape[2]:
        raise damaged("PNG", "a transparent colour", f"{len(transparent)} bytes")
    key = key * (255 // ((1 << depth) - 1)) if depth < 8 else key
    most = np.array(65535 if depth == 16 else 255, samples.dtype)
    return np.where((samples == key).all(axis=2, keepdims=True), np.zeros_like(most), most)


def _grey_or_colour(samples, grey):
    if grey and samples.shape[2] == 3:
        wide = samples.astype(np.uint32)
        mixed = wide[..., :1] * _RED + wide[..., 1:2] * _GREEN + wide[..., 2:] * _BLUE
        return ((mixed + (16384 if samples.dtype == np.uint16 else 0)) >> 15).astype(samples.dtype)
    return samples if grey or samples.shape[2] == 3 else np.repeat(samples, 3, axis=2)


def _samples16(data, chunks, height, width, count, interlaced):
    """The samples of a file of 16 bits, which Pillow would cut to 8."""
    passes = [(0, 0, 1, 1)]
    if interlaced:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    sizes = [(max(-(-(height - y) // dy), 0), max(-(-(width - x) // dx), 0)) for y, x, dy, dx in passes]
    total = sum(h * (1 + 2 * w * count) for h, w in sizes if w)
    try:
        unpacked = zlib.decompressobj().decompress(chunks.get(b"IDAT", b""), total)
    except zlib.error as error:
        raise damaged("PNG", "deflated rows", str(error)) from None
    if len(unpacked) != total:
        raise damaged("PNG", f"{total} bytes of rows", f"{len(unpacked)} bytes")
    result, at = np.zeros((height, width, count), np.uint16), 0
    for (y, x, dy, dx), (h, w) in zip(passes, sizes, strict=True):
        if h and w:
            rows = np.frombuffer(unpacked, np.uint8, h * (1 + 2 * w * count), at).reshape(h, -1)
            at += rows.size
            result[y::dy, x::dx] = _unfiltered(rows, 2 * count).view(">u2").reshape(h, w, count)
    return result


def _unfiltered(rows, step):
    """The bytes of rows whose first byte says how each was predicted from its neighbours `step` bytes away."""
    above, found = [0] * (rows.shape[1] - 1), []
    for kind, *row in rows.tolist():
        if kind > 4:
            raise damaged("PNG", "filters 0 to 4", kind)
        for i, value in enumerate(row if kind else ()):
            left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
            guess = (0, left, above[i], (left + above[i]) >> 1, None)[kind]
            row[i] = (value + (_paeth(left, above[i], corner) if guess is None else guess)) & 255
        found.append(row)
        above = row
    return np.array(found, np.uint8)


def _paeth(a, b, c):
    guess = a + b - c
    near = abs(guess - a), abs(guess - b), abs(guess - c)
    return a if near[0] <= near[1] and near[0] <= near[2] else b if near[1] <= near[2] else c


def encode_png(image, compression=-1):
    """uint8 or uint16 `[h, w, c]`, c of 1 to 4, as the bytes of a PNG file."""
    if image.dtype == np.uint8:
        file = io.BytesIO()
        options = {} if compression < 0 else {"compress_level": compression}
        pillow().fromarray(image[:, :, 0] if image.shape[2] == 1 else np.ascontiguousarray(image)).save(
            file, "PNG", **options
        )
        return file.getvalue()
    h, w, c = image.shape
    rows = np.ascontiguousarray(image, ">u2").view(np.uint8).reshape(h, w, 2 * c)
    filtered = rows.copy()
    filtered[:, 1:] -= rows[:, :-1]  # each sample less the one at its left
    body = np.concatenate([np.ones((h, 1), np.uint8), filtered.reshape(h, -1)], axis=1)
    header = struct.pack(">IIBBBBB", w, h, 16, {1: 0, 2: 4, 3: 2, 4: 6}[c], 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(body.tobytes(), compression)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
