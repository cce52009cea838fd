"""TensorFlow 2: values, and gradients by its GradientTape; npslim's ops carry its names.

Layers, losses and optimizers are `on_tf_slim`'s.
"""

import functools
from typing import Any

import numpy as np

from npslim.testing.adapters import on_tf_slim
from npslim.testing.adapters.common import Unmapped, answers_of, axes_of, found, imported


def setup():
    """Import TensorFlow. Raises MissingExtraError."""
    return imported("tensorflow")


def answer(case):
    """The case in TensorFlow."""
    tf = setup()
    if case.kind != "op":
        return on_tf_slim.answer(case)
    function = found(case, _table())
    with tf.GradientTape() as tape:
        inputs = {n: tf.constant(a) for n, a in case.inputs.items()}
        xs = [inputs[n] for n in case.gradients]
        for x in xs:
            tape.watch(x)
        try:
            ys = function(*inputs.values())
        except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError) as error:
            raise Unmapped(_short(error)) from None
        ys = list(ys) if isinstance(ys, tuple | list) else [ys]
    weights = [tf.constant(w) for w in case.cotangents.values()]
    try:
        gs = tape.gradient(ys[: len(weights)], xs, weights, unconnected_gradients="zero") if xs else []
    except (LookupError, tf.errors.UnimplementedError, tf.errors.InvalidArgumentError) as error:
        raise Unmapped(f"no gradient: {_short(error)}") from None
    return answers_of(case, [y.numpy() for y in ys], [tf.convert_to_tensor(g).numpy() for g in gs])


def _short(error):
    """TensorFlow's sentence without node names and numbers of threads."""
    return str(error).replace("{{function_node", "").split("[Op")[0].split("} ")[-1].split("\n")[0][:100].strip()


@functools.cache
def _table():
    tf = setup()
    nn, math = tf.nn, tf.math

    def plain(function):
        return lambda a, *xs: function(*xs)

    same_names = """abs negative exp expm1 log log1p sqrt rsqrt reciprocal square sign floor ceil rint sigmoid tanh
        softplus softsign erf erfc lgamma digamma sin cos tan asin acos atan sinh cosh asinh acosh atanh atan2 add
        subtract multiply pow maximum minimum squared_difference equal not_equal less less_equal greater
        greater_equal logical_and logical_or logical_not is_nan is_inf is_finite multiply_no_nan divide_no_nan
        polygamma invert_permutation cumulative_logsumexp"""
    table: dict[str, Any] = {name: plain(getattr(math, name)) for name in same_names.split() if hasattr(math, name)}
    table.update({name: plain(getattr(nn, name)) for name in ("relu", "relu6", "elu", "selu", "l2_loss")})
    table.update({
        name: plain(function)
        for name, function in {
            "realdiv": math.divide, "mod": math.floormod, "floordiv": math.floordiv, "where_v2": tf.where,
            "identity": tf.identity, "add_n": lambda *xs: tf.add_n(list(xs)),
            "sigmoid_cross_entropy_with_logits": lambda z, x: nn.sigmoid_cross_entropy_with_logits(z, x),
            "sparse_softmax_cross_entropy_with_logits": nn.sparse_softmax_cross_entropy_with_logits,
            "reshape": tf.reshape, "gather_nd": tf.gather_nd, "rgb_to_hsv": tf.image.rgb_to_hsv,
            "hsv_to_rgb": tf.image.hsv_to_rgb, "tile": tf.tile, "slice": tf.slice, "fill": tf.fill,
            "unsorted_segment_sum": math.unsorted_segment_sum, "unsorted_segment_max": math.unsorted_segment_max,
            "unsorted_segment_min": math.unsorted_segment_min, "scatter_nd": tf.scatter_nd,
        }.items()
    })  # fmt: skip

    def reduced(function):
        return lambda a, x: function(x, axes_of(a, x.shape.rank), a["keepdims"])

    def window(a, rank=4):
        """Strides, padding, layout and dilations as TensorFlow's functions take them."""
        first = str(a["data_format"] or "").startswith("NC")

        def four(value):
            value = (value, value) if isinstance(value, int) else tuple(value)
            if len(value) == 4:
                return list(value)
            value = value * 2 if len(value) == 1 else value
            return [1, 1, *value] if first else [1, *value, 1]

        padding = a["padding"] if isinstance(a["padding"], str) else [list(p) for p in a["padding"]]
        return four, padding, "NCHW" if first else "NHWC", first

    def conv2d(a, x, w):
        four, padding, layout, _ = window(a)
        return nn.conv2d(x, w, four(a["strides"]), padding, layout, four(a["dilations"]))

    def depthwise(a, x, w):
        four, padding, layout, first = window(a)
        inner = four(a["dilations"])[2:] if first else four(a["dilations"])[1:3]
        return nn.depthwise_conv2d(x, w, four(a["strides"]), padding, layout, inner)

    def pool(kind):
        def pooled(a, x):
            four, padding, layout, _ = window(a)
            if four(a["dilations"]) != [1, 1, 1, 1]:
                raise Unmapped("no dilated pools")
            function = nn.max_pool2d if kind == "MAX" else nn.avg_pool2d
            return function(x, four(a["ksize"]), four(a["strides"]), padding, layout)

        return pooled

    def batch_norm(a, x, scale, offset, *moments):
        if x.shape.rank != 4:
            raise Unmapped("only images")
        mean, variance = moments or (tf.zeros([0], x.dtype), tf.zeros([0], x.dtype))
        layout = "NCHW" if str(a["data_format"] or "").startswith("NC") else "NHWC"
        return tf.raw_ops.FusedBatchNormV3(
            x=x, scale=scale, offset=offset, mean=mean, variance=variance, epsilon=a["epsilon"],
            data_format=layout, is_training=a["is_training"],
        )[:3]  # fmt: skip

    def resize(method):
        def resized(a, images, size):
            options = {"align_corners": a["align_corners"], "half_pixel_centers": a["half_pixel_centers"]}
            return getattr(tf.raw_ops, method)(images=images, size=size, **options)

        return resized

    layout_of = lambda a: "NCHW" if str(a["data_format"] or "").startswith("NC") else "NHWC"  # noqa: E731
    table.update(
        conv2d=conv2d, depthwise_conv2d_native=depthwise, max_pool2d=pool("MAX"), avg_pool2d=pool("AVG"),
        fused_batch_norm=batch_norm, bias_add=lambda a, x, b: nn.bias_add(x, b, layout_of(a)),
        matmul=lambda a, x, y: tf.matmul(x, y, a["transpose_a"], a["transpose_b"]),
        einsum=lambda a, *xs: tf.einsum(a["equation"], *xs),
        tensordot=lambda a, x, y: tf.tensordot(x, y, [list(a["axes_a"]), list(a["axes_b"])]),
        softmax=lambda a, x: nn.softmax(x, a["axis"]), log_softmax=lambda a, x: nn.log_softmax(x, a["axis"]),
        softmax_cross_entropy_with_logits=lambda a, z, x: nn.softmax_cross_entropy_with_logits(z, x, a["axis"]),
        leaky_relu=lambda a, x: nn.leaky_relu(x, a["alpha"]),
        cumsum=lambda a, x: math.cumsum(x, a["axis"], a["exclusive"], a["reverse"]),
        cumprod=lambda a, x: math.cumprod(x, a["axis"], a["exclusive"], a["reverse"]),
        gather=lambda a, x, i: tf.gather(x, i, axis=a["axis"]),
        transpose=lambda a, x: tf.transpose(x, a["perm"], a["conjugate"]),
        concat=lambda a, *xs: tf.concat(xs, a["axis"]), stack=lambda a, *xs: tf.stack(xs, a["axis"]),
        expand_dims=lambda a, x: tf.expand_dims(x, a["axis"]),
        reverse=lambda a, x: tf.reverse(x, list(np.ravel(a["axis"]))),
        argmax=lambda a, x: math.argmax(x, a["axis"] or 0, a["output_type"]),
        argmin=lambda a, x: math.argmin(x, a["axis"] or 0, a["output_type"]),
        reduce_logsumexp=reduced(math.reduce_logsumexp),
        local_response_normalization=lambda a, x: nn.local_response_normalization(
            x, a["depth_radius"], a["bias"], a["alpha"], a["beta"]
        ),
        resize_bilinear=resize("ResizeBilinear"), resize_bicubic=resize("ResizeBicubic"),
        resize_nearest_neighbor=resize("ResizeNearestNeighbor"),
        in_top_k=lambda a, p, t: math.in_top_k(t, p, a["k"]),
        matrix_diag=lambda a, x: tf.linalg.diag(x), matrix_diag_part=lambda a, x: tf.linalg.diag_part(x),
        **{f"reduce_{n}": reduced(getattr(math, f"reduce_{n}")) for n in "sum mean max min prod any all".split()},
    )  # fmt: skip
    return table
