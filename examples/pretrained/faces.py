"""Faces in a photo: slim's MobileNet v1 with boxes at six scales (Liu et al., "SSD", 2015). The weights are
TensorFlow.js's, from npm's package @vladmandic/face-api, under slim's own names; where.py says how to get it.

python faces.py [PHOTO] [--output faces.png]
"""

import argparse

import matplotlib
import matplotlib.patches
import matplotlib.pyplot as plt
import numpy as np
import where
from PIL import Image

import npslim as slim
from npslim import image
from npslim.array_files import open_arrays
from npslim.nets import mobilenet_v1

NORM = {"is_training": False, "epsilon": 1e-3, "scale": True}


def detector(images):
    """(encoded boxes `[1, boxes, 4]`, logits `[1, boxes, 3]`) for an image `[1, h, w, 3]` in [-1, 1]."""
    with slim.arg_scope([slim.conv2d, slim.separable_conv2d], activation_fn=slim.relu6):
        with slim.arg_scope([slim.separable_conv2d], normalizer_fn=slim.batch_norm, normalizer_params=NORM):
            net, end_points = mobilenet_v1.mobilenet_v1_base(images)
        maps = [end_points["Conv2d_11_pointwise"], net]
        with slim.variable_scope("Prediction"):
            for i, depth in enumerate((256, 512, 128, 256, 128, 256, 64, 128)):
                size, stride = ([3, 3], 2) if i % 2 else ([1, 1], 1)
                net = slim.conv2d(net, depth, size, stride, scope=f"Conv2d_{i}_pointwise")
                if i % 2:
                    maps.append(net)
            found = [predicted(net, i, 3 if i == 0 else 6) for i, net in enumerate(maps)]
    return tuple(slim.concat(part, 1) for part in zip(*found, strict=True))


def predicted(net, i, count):
    """Boxes and logits of `count` boxes at each place of a map."""
    with slim.variable_scope(f"BoxPredictor_{i}"), slim.arg_scope([slim.conv2d], activation_fn=None):
        boxes = slim.conv2d(net, 4 * count, [1, 1], scope="BoxEncodingPredictor")
        logits = slim.conv2d(net, 3 * count, [1, 1], scope="ClassPredictor")
    return slim.reshape(boxes, [1, -1, 4]), slim.reshape(logits, [1, -1, 3])


def name_in_file(name):
    """The file's name of a variable: there the biases are what was left of a normalization."""
    if "BoxPredictor" not in name:
        name = name.replace("/biases", "/convolution_bn_offset").replace("Conv2d_0/", "Conv2d_0_pointwise/")
    return name


def decoded(codes, anchors):
    """Boxes `[boxes, 4]` (top, left, bottom, right) of what the net says about the `anchors`."""
    low, high = anchors[:, :2], anchors[:, 2:]
    centers = codes[:, :2] / 10 * (high - low) + (low + high) / 2
    halves = slim.exp(codes[:, 2:] / 5) * (high - low) / 2
    return slim.concat([centers - halves, centers + halves], 1)


def square(photo, size=512):
    """(the photo in the upper left of a black square, `[1, size, size, 3]` in [-1, 1]; the photo; its scale)."""
    picture = Image.open(photo).convert("RGB")
    scale = size / max(picture.size)
    small = picture.resize([max(1, round(n * scale)) for n in picture.size], Image.Resampling.BILINEAR)
    found = Image.new("RGB", (size, size))
    found.paste(small)
    return np.asarray(found, np.float32)[None] / 127.5 - 1, picture, scale


def find_faces(pixels, path, size=512):
    """(boxes in pixels, scores) of the faces in a square of pixels."""
    images = slim.placeholder(slim.float32, [1, size, size, 3])
    codes, logits = detector(images)
    variables = {name_in_file(v.op.name): v for v in slim.get_model_variables()}
    with open_arrays(path) as reader:
        anchors = reader.read("Output/extra_dim")[0]
    boxes, scores = decoded(codes[0], anchors), slim.sigmoid(logits[0, :, 1])
    kept = image.non_max_suppression(boxes, scores, 100, iou_threshold=0.5, score_threshold=0.5)
    with slim.Session() as session:
        slim.assign_from_checkpoint_fn(str(path), variables)(session)
        boxes, scores = session.run([slim.gather(boxes, kept), slim.gather(scores, kept)], {images: pixels})
    return boxes * size, scores


def main():
    """Read a photo, find its faces, draw them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photo", nargs="?")
    parser.add_argument("--output", default="faces.png")
    args = parser.parse_args()
    path = where.find_or_exit(*where.FACES)
    matplotlib.use("Agg")
    pixels, picture, scale = square(args.photo or path.parents[1] / "demo" / "sample1.jpg")
    boxes, scores = find_faces(pixels, path)
    figure, axis = plt.subplots(figsize=(10, 10 * picture.height / picture.width), layout="constrained")
    axis.imshow(picture)
    axis.axis("off")
    for (top, left, bottom, right), score in zip(boxes / scale, scores, strict=True):
        axis.add_patch(
            matplotlib.patches.Rectangle((left, top), right - left, bottom - top, fill=False, color="lime", linewidth=2)
        )
        axis.text(left, top - 4, f"{score:.2f}", color="lime")
    figure.savefig(args.output, dpi=80)
    print(f"{args.output}: {len(boxes)} faces, scores {', '.join(f'{s:.2f}' for s in scores)}")


if __name__ == "__main__":
    main()
