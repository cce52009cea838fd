"""GIF files to pixels: all frames, each as it looks over those before."""

import io
import struct

import numpy as np

from npslim.ops.image_formats import check_size, damaged, pillow


def decode_gif(data):
    """`[frames, h, w, 3]`: each frame over the one before, whatever the file says of disposing it, as in TensorFlow."""
    try:
        height, width, frames = _gif_frames(data)
    except (IndexError, struct.error):
        raise damaged("GIF", "blocks and a trailer", f"the end at byte {len(data)}") from None
    if not frames:
        raise damaged("GIF", "a frame", "none")
    check_size("GIF", data, len(frames), height, width, 3)
    result = np.zeros((len(frames), height, width, 3), np.uint8)
    for i, (left, top, size, interlaced, colors, transparent, packed) in enumerate(frames):
        check_size("GIF", data, *size, 3)
        indices = _gif_indices(size, interlaced, packed)
        if i:
            result[i] = result[i - 1]
        shown = indices[: max(height - top, 0), : max(width - left, 0)]
        drawn = shown != transparent
        if drawn.any() and int(shown[drawn].max()) >= len(colors):
            raise damaged("GIF", f"a palette of {int(shown[drawn].max()) + 1} colours", f"{len(colors)} colours")
        result[i, top : top + shown.shape[0], left : left + shown.shape[1]][drawn] = colors[shown[drawn]]
    return result


def _gif_frames(data):
    """(height, width, [(left, top, (h, w), interlaced, palette, transparent index, compressed data)])."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    common, at = _gif_palette(data, 13, flags)
    transparent, frames = -1, []
    while data[at] != 0x3B:
        if data[at] == 0x21:
            if data[at + 1] == 0xF9:
                transparent = data[at + 6] if data[at + 3] & 1 else -1
            _, at = _gif_blocks(data, at + 2)
        elif data[at] == 0x2C:
            left, top, w, h, flags = struct.unpack_from("<HHHHB", data, at + 1)
            own, at = _gif_palette(data, at + 10, flags)
            start = at
            _, at = _gif_blocks(data, at + 1)
            colors = common if own is None else own
            if colors is None:
                raise damaged("GIF", "a palette", "none")
            frames.append((left, top, (h, w), bool(flags & 64), colors, transparent, data[start:at]))
            transparent = -1
        else:
            raise damaged("GIF", "an image, an extension or the trailer", f"{data[at]:#x} at byte {at}")
    return height, width, frames


def _gif_palette(data, at, flags):
    """(colours `[n, 3]` or None, place after them)."""
    if not flags & 128:
        return None, at
    count = 2 << (flags & 7)
    return np.frombuffer(data, np.uint8, 3 * count, at).reshape(-1, 3), at + 3 * count


def _gif_blocks(data, at):
    start = at
    while data[at]:
        at += 1 + data[at]
    return data[start:at], at + 1


def _gif_indices(size, interlaced, packed):
    """The indices of one frame: Pillow reads a file that has nothing else."""
    h, w = size
    colors = b"".join(bytes((i, 255 - i, i // 2)) for i in range(256))
    image = struct.pack("<BHHHHB", 0x2C, 0, 0, w, h, 64 if interlaced else 0)
    file = b"GIF89a" + struct.pack("<HHBBB", w, h, 0xF7, 0, 0) + colors + image + packed + b"\x3b"
    with pillow().open(io.BytesIO(file)) as found:
        found.load()
        return np.asarray(found)
