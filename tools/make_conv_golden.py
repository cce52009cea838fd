"""Write tests/golden/conv.{json,npz}: convolutions, pooling and batch normalization as TensorFlow computes them.

    python tools/make_conv_golden.py [--count N] [--seed S] [--out tests/golden/conv]

Needs TensorFlow 2, and nothing of npslim. Each case has random sizes, windows, strides, dilations and padding, and is
stored with its inputs, so no random stream has to be matched. Inputs are small whole numbers: sums of them are exact in
any order, and they compress well. `args` are the attributes of npslim's op of the same name.
"""

import argparse
import json

import numpy as np
import tensorflow.compat.v1 as tf


def whole(rng, *shape):
    """Small whole numbers."""
    return rng.integers(-4, 5, shape).astype(np.float64)


def pick(rng, n, *choices):
    return tuple(int(i) for i in rng.choice(choices, n))


def settings(rng, n, explicit=False):
    """sizes, kernel, strides, dilations, padding; what TensorFlow computes on a CPU: no strides with dilations."""
    sizes, kernel = pick(rng, n, *range(1, 9)), pick(rng, n, 1, 2, 3, 4)
    strides, dilations = pick(rng, n, 1, 2, 3), (1,) * n
    if n == 3:
        # there TensorFlow's CPU kernels take the negative padding of a window much smaller than its stride for real
        strides = tuple(min(stride, k + 1) for stride, k in zip(strides, kernel, strict=True))
    if rng.random() < 0.3:
        strides, dilations = (1,) * n, pick(rng, n, 1, 2, 3)
    padding = str(rng.choice(["SAME", "VALID"]))
    if explicit and rng.random() < 0.2 and max(dilations) == 1:
        padding = ((0, 0), *(pick(rng, 2, 0, 1, 2) for _ in range(n)), (0, 0))
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    if padding != "SAME":
        sizes = tuple(max(size, span) for size, span in zip(sizes, spans, strict=True))
    return sizes, kernel, {"strides": strides, "padding": padding, "dilations": dilations}


def full(numbers):
    return [1, *numbers, 1]


def convolution(rng, n):
    sizes, kernel, args = settings(rng, n, explicit=n == 2)
    batch, c, o = pick(rng, 3, 1, 2, 3)
    arrays = {"x": whole(rng, batch, *sizes, c), "w": whole(rng, *kernel, c, o)}

    def build(x, w):
        if max(args["dilations"]) > 1:
            return tf.nn.convolution(x, w, args["padding"], dilation_rate=list(args["dilations"]))
        if n == 1:
            return tf.nn.conv1d(x, w, args["strides"][0], args["padding"])
        padding = args["padding"] if isinstance(args["padding"], str) else [list(pair) for pair in args["padding"]]
        return (tf.nn.conv2d if n == 2 else tf.nn.conv3d)(x, w, full(args["strides"]), padding)

    return arrays, args, build


def depthwise(rng):
    sizes, kernel, args = settings(rng, 2)
    args["strides"] = args["strides"][:1] * 2  # all that TensorFlow has
    batch, c, m = pick(rng, 3, 1, 2, 3)
    arrays = {"x": whole(rng, batch, *sizes, c), "w": whole(rng, *kernel, c, m)}

    def build(x, w):
        rate = list(args["dilations"])
        return tf.nn.depthwise_conv2d(x, w, full(args["strides"]), args["padding"], rate=rate)

    return arrays, args, build


def transposed(rng, n):
    sizes, kernel, args = settings(rng, n)
    args["dilations"] = (1,) * n
    batch, c, o = pick(rng, 3, 1, 2, 3)
    if args["padding"] == "VALID":
        below = [(s - k) // t + 1 for s, k, t in zip(sizes, kernel, args["strides"], strict=True)]
    else:
        below = [-(-s // t) for s, t in zip(sizes, args["strides"], strict=True)]
    arrays = {"x": whole(rng, batch, *below, c), "w": whole(rng, *kernel, o, c)}
    shape = (batch, *sizes, o)

    def build(x, w):
        function = tf.nn.conv2d_transpose if n == 2 else tf.nn.conv3d_transpose
        return function(x, w, shape, full(args["strides"]), args["padding"])

    return arrays, {**args, "output_shape": shape}, build


def pool(rng, n, kind):
    sizes, ksize, args = settings(rng, n)
    args = {"ksize": ksize, **args}
    if max(args["dilations"]) > 1:
        args["padding"] = "VALID"  # TensorFlow has no other
        spans = [(k - 1) * d + 1 for k, d in zip(ksize, args["dilations"], strict=True)]
        sizes = tuple(max(size, span) for size, span in zip(sizes, spans, strict=True))
    shape = (*pick(rng, 1, 1, 2), *sizes, *pick(rng, 1, 1, 2))
    # TensorFlow gives the gradient of a tie to the first of equal elements in two dimensions, to all of them in three
    x = rng.permutation(np.prod(shape)).reshape(shape) * 1.0 if (n, kind) == (3, "MAX") else whole(rng, *shape)

    def build(x):
        if max(args["dilations"]) > 1:
            return tf.nn.pool(x, ksize, kind, args["padding"], dilation_rate=list(args["dilations"]))
        function = {"MAX": (tf.nn.max_pool, tf.nn.max_pool3d), "AVG": (tf.nn.avg_pool, tf.nn.avg_pool3d)}[kind][n - 2]
        return function(x, full(ksize), full(args["strides"]), args["padding"])

    return {"x": x if n == 2 else x.astype(np.float32)}, args, build  # TensorFlow pools no float64 in three dimensions


def batch_norm(rng):
    shape = (*pick(rng, 3, 1, 2, 3, 4), 3)
    args = {"epsilon": 0.01, "is_training": bool(rng.random() < 0.6)}
    arrays = {"x": whole(rng, *shape), "scale": whole(rng, 3), "offset": whole(rng, 3)}
    if not args["is_training"]:
        arrays |= {"mean": whole(rng, 3), "variance": rng.integers(1, 9, 3)}
    arrays = {key: a.astype(np.float32) for key, a in arrays.items()}
    return arrays, args, lambda *inputs: tf.nn.fused_batch_norm(*inputs, **args)


def response(rng):
    args = {"depth_radius": int(rng.integers(1, 4)), "bias": 1.5, "alpha": 0.25, "beta": 0.75}
    arrays = {"x": whole(rng, 2, 2, 2, *pick(rng, 1, 2, 5, 7)).astype(np.float32)}
    return arrays, args, lambda x: tf.nn.local_response_normalization(x, **args)


KINDS = (
    ("conv2d", 8, lambda rng: convolution(rng, 2)),
    ("conv1d", 2, lambda rng: convolution(rng, 1)),
    ("conv3d", 3, lambda rng: convolution(rng, 3)),
    ("depthwise_conv2d_native", 4, depthwise),
    ("conv2d_transpose", 4, lambda rng: transposed(rng, 2)),
    ("conv3d_transpose", 1, lambda rng: transposed(rng, 3)),
    ("max_pool2d", 4, lambda rng: pool(rng, 2, "MAX")),
    ("avg_pool2d", 4, lambda rng: pool(rng, 2, "AVG")),
    ("max_pool3d", 2, lambda rng: pool(rng, 3, "MAX")),
    ("avg_pool3d", 2, lambda rng: pool(rng, 3, "AVG")),
    ("fused_batch_norm", 3, batch_norm),
    ("local_response_normalization", 1, response),
)


def computed(rng, arrays, build):
    """outputs, gradients by every input, and the cotangent that they are for."""
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = [tf.placeholder(a.dtype, a.shape) for a in arrays.values()]
        feeds = dict(zip(inputs, arrays.values(), strict=True))
        outputs = build(*inputs)
        outputs = list(outputs[:3]) if isinstance(outputs, tuple) else [outputs]
        values = session.run(outputs, feeds)
        cotangent = whole(rng, *values[0].shape).astype(values[0].dtype)
        differentiated = inputs[:3]  # TensorFlow has no gradient by the mean and variance that are given
        grads = session.run(tf.gradients(outputs[0], differentiated, cotangent), feeds)
    return values, dict(zip(arrays, grads, strict=False)), cotangent


def compact(a):
    """`a` as small whole numbers, if it holds such."""
    for dtype in (np.int8, np.int16, np.int32):
        with np.errstate(invalid="ignore"):
            if a.size and (a.astype(dtype) == a).all():
                return a.astype(dtype)
    return a


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=114)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default="tests/golden/conv")
    options = parser.parse_args()
    kinds = [(name, make) for name, share, make in KINDS for _ in range(share)]
    arrays, cases = {}, []
    for i in range(options.count):
        rng = np.random.default_rng([options.seed, i])
        name, make = kinds[i % len(kinds)]
        inputs, args, build = make(rng)
        values, grads, cotangent = computed(rng, inputs, build)
        case = {"id": f"{name}-{i}", "op": name, "args": args}
        parts = {
            "inputs": {**inputs, "cotangent": cotangent},
            "outputs": dict(zip(("y", "mean", "variance"), values, strict=False)),
            "grads": grads,
        }
        for kind, members in parts.items():
            case[kind] = {}
            for key, a in members.items():
                arrays[f"{i}/{kind}/{key}"] = compact(a)
                case[kind][key] = {"key": f"{i}/{kind}/{key}", "shape": a.shape, "dtype": str(a.dtype)}
        cases.append(case)
    np.savez_compressed(options.out + ".npz", **arrays)
    with open(options.out + ".json", "w", encoding="utf-8") as file:
        json.dump({"about": __doc__.split("\n")[0], "tensorflow": tf.__version__, "cases": cases}, file)
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
