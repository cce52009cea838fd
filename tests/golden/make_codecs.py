"""Write codecs.npz beside this file: small picture files of all kinds, and the pixels that TensorFlow makes of them.

    python tests/golden/make_codecs.py --peer PYTHON --peer-path FOLDER

This Python needs Pillow and simplejpeg, which write the files; `--peer`, which decodes them, TensorFlow 2, with
`--peer-path` as its PYTHONPATH. Stored are `file/<name>` and `<name>|<function>|<channels>|<dtype>`: the pixels, or an
empty array where TensorFlow raises; `encode|<name>|<quality>|<option>`: what TensorFlow makes of `pixels|<name>`;
`options|<name>|<option>`: JPEGs decoded with arguments.
"""

import argparse
import importlib.util
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
RNG = np.random.default_rng(7)
JPEG_OPTIONS = {
    "half": {"ratio": 2}, "quarter": {"ratio": 4}, "eighth": {"ratio": 8}, "rough": {"fancy_upscaling": False},
    "accurate": {"dct_method": "INTEGER_ACCURATE"}, "fast": {"dct_method": "INTEGER_FAST"},
}  # fmt: skip


def smooth(h, w, c):
    """Waves of colour and a little noise."""
    y, x = np.mgrid[:h, :w]
    waves = np.stack([128 + 90 * np.sin((i + 1) * y / 5 + x / (4 + i)) for i in range(c)], axis=-1)
    return np.clip(waves + RNG.normal(0, 20, waves.shape), 0, 255).astype(np.uint8)


def jpegs():
    import simplejpeg
    from PIL import Image

    for sub in ("444", "422", "420", "440", "411"):
        for h, w in ((17, 23), (1, 1), (33, 7)):
            yield f"jpeg_{sub}_{h}x{w}", simplejpeg.encode_jpeg(smooth(h, w, 3), quality=80, colorsubsampling=sub)
    yield "jpeg_gray", simplejpeg.encode_jpeg(smooth(19, 13, 1), colorspace="GRAY", colorsubsampling="Gray")
    for name, options in (
        ("progressive", {"progressive": True, "quality": 70}), ("restart", {"restart_marker_blocks": 1}),
        ("low", {"quality": 3}), ("full", {"quality": 100, "subsampling": 0}), ("rgb", {"keep_rgb": True}),
    ):  # fmt: skip
        yield f"jpeg_{name}", saved(Image.fromarray(smooth(18, 14, 3)), "JPEG", **options)
    yield "jpeg_cmyk", saved(Image.fromarray(smooth(18, 14, 3)).convert("CMYK"), "JPEG")


def saved(image, form, **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(h, w, depth, color, count, extra=b"", interlace=0):
    """A PNG of random samples, its rows filtered in all five ways."""
    sizes = [(h, w)]
    if interlace:
        passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
        sizes = [(len(range(y, h, dy)), len(range(x, w, dx))) for y, x, dy, dx in passes]
    rows = [bytes([i % 5]) + RNG.bytes((w * count * depth + 7) // 8) for h, w in sizes if w for i in range(h)]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, depth, color, 0, 0, interlace))
    body = chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + header + extra + body + chunk(b"IEND", b"")


def pngs():
    for depth in (1, 2, 4, 8, 16):
        yield f"png_gray{depth}", png(6, 11, depth, 0, 1)
        if depth <= 8:
            palette = chunk(b"PLTE", RNG.bytes(3 << depth))
            yield f"png_palette{depth}", png(6, 11, depth, 3, 1, palette)
            yield (
                f"png_palette{depth}_key",
                png(6, 11, depth, 3, 1, palette + chunk(b"tRNS", RNG.bytes(min(1 << depth, 9)))),
            )
    for depth in (8, 16):
        for color, count in ((2, 3), (4, 2), (6, 4)):
            yield f"png_color{color}_{depth}", png(6, 11, depth, color, count)
            yield f"png_color{color}_{depth}_interlaced", png(11, 13, depth, color, count, interlace=1)
    yield "png_gray2_key", png(6, 11, 2, 0, 1, chunk(b"tRNS", struct.pack(">H", 2)))
    yield "png_gray16_interlaced", png(9, 5, 16, 0, 1, interlace=1)


def others():
    from PIL import Image

    yield "bmp_rgb", saved(Image.fromarray(smooth(7, 5, 3)), "BMP")
    yield "bmp_rgba", saved(Image.fromarray(smooth(7, 5, 4), "RGBA"), "BMP")
    yield "bmp_gray", saved(Image.fromarray(smooth(7, 5, 1)[:, :, 0]), "BMP")
    yield "bmp_palette", saved(Image.fromarray(smooth(7, 5, 3)).convert("P"), "BMP")
    upside = bytearray(saved(Image.fromarray(smooth(7, 5, 3)), "BMP"))
    struct.pack_into("<i", upside, 22, -7)
    yield "bmp_topdown", bytes(upside)
    frames = [Image.fromarray(smooth(10, 12, 3)) for _ in range(3)]
    yield "gif_one", saved(frames[0], "GIF")
    yield "gif_many", saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    for disposal in range(4):
        moving = []
        for i in range(4):
            canvas = Image.new("RGBA", (12, 10), (0, 0, 0, 0))
            canvas.paste(Image.fromarray(smooth(4 + i, 5, 3)).convert("RGBA"), (i, 2))
            moving.append(canvas)
        yield (
            f"gif_disposal{disposal}",
            saved(moving[0], "GIF", save_all=True, append_images=moving[1:], disposal=disposal),
        )
    first = Image.fromarray(smooth(10, 12, 3)).convert("P")
    second = first.copy()
    second.paste(3, (2, 3, 6, 8))
    yield "gif_part", saved(first, "GIF", save_all=True, append_images=[second])
    yield "gif_interlaced", saved(Image.fromarray(smooth(10, 12, 1)[:, :, 0]), "GIF", interlace=1)


def decode_all(path):
    """Under TensorFlow: add the pixels to the files in `path`."""
    if importlib.util.find_spec("tfshim"):  # what the peer's path may hold to let TensorFlow start
        importlib.import_module("tfshim")
    tf = importlib.import_module("tensorflow.compat.v1")
    with np.load(path) as stored:
        found = dict(stored)
    for key in [key for key in sorted(found) if key.startswith("file/")]:
        name, data = key.removeprefix("file/"), found[key].tobytes()
        kind = name.split("_")[0]
        cases = [("decode_image", c, "uint8") for c in (0, 1, 3, 4)] + [(f"decode_{kind}", 0, "uint8")]
        if kind == "png":
            cases += [("decode_png", c, "uint16") for c in (0, 1, 4)]
        if kind != "bmp":  # one of them with rows from the top crashes TensorFlow 2.15 for other dtypes
            cases += [("decode_image", 0, t) for t in ("uint16", "float32")]
        for function, channels, dtype in cases:
            options = {} if function == "decode_gif" else {"channels": channels}
            if function in ("decode_image", "decode_png"):
                options["dtype"] = getattr(tf, dtype)
            try:
                pixels = getattr(tf.io, function)(data, **options).numpy()
            except tf.errors.InvalidArgumentError:
                pixels = np.zeros(0, np.uint8)
            found[f"{name}|{function}|{channels}|{dtype}"] = pixels
    encode_all(tf, found)
    for name in ("420_17x23", "444_17x23", "422_33x7", "gray", "progressive"):
        for word, options in JPEG_OPTIONS.items():
            found[f"options|jpeg_{name}|{word}"] = tf.io.decode_jpeg(
                found[f"file/jpeg_{name}"].tobytes(), **options
            ).numpy()
    np.savez_compressed(path, **found)
    print(len(found), "arrays,", os.path.getsize(path), "bytes")


def encode_all(tf, found):
    """Add pictures, and the JPEG files that TensorFlow makes of them."""
    for name, shape in (("colour", (17, 23, 3)), ("grey", (20, 9, 1))):
        found[f"pixels|{name}"] = pixels = smooth(*shape)
        for quality in (30, 95):
            options = {"": {}, "opt": {"optimize_size": True}, "prog": {"progressive": True}}
            if name == "colour":
                options["444"] = {"chroma_downsampling": False}
            for option in options if quality == 95 else ["", "444"][: 2 if name == "colour" else 1]:
                data = tf.io.encode_jpeg(pixels, quality=quality, **options[option]).numpy()
                found[f"encode|{name}|{quality}|{option}"] = np.frombuffer(data, np.uint8)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer")
    parser.add_argument("--peer-path", default="")
    parser.add_argument("--decode")
    args = parser.parse_args()
    if args.decode:
        return decode_all(args.decode)
    path = HERE / "codecs.npz"
    files = {f"file/{name}": np.frombuffer(data, np.uint8) for make in (jpegs, pngs, others) for name, data in make()}
    np.savez(path, **files)
    environment = {**os.environ, "PYTHONPATH": args.peer_path}
    return subprocess.run([args.peer, __file__, "--decode", str(path)], env=environment, check=True).returncode


if __name__ == "__main__":
    sys.exit(main())
