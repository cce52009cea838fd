"""ONNX's operators in npslim's terms: each entry takes the node's attributes and the inputs as arrays (None: absent).

Graphs are run node by node. What has no entry raises `Unmapped` with the reason, and so does an attribute that npslim
has no counterpart for.
"""

import math

import numpy as np
from onnx import helper, numpy_helper

import npslim.tf as tf
from npslim.graph import Graph
from npslim.registry import REGISTRY
from npslim.session import Session

OPS = {}


class Unmapped(Exception):
    """npslim has nothing for this node."""


def entry(*types):
    def register(function):
        OPS.update(dict.fromkeys(types, function))
        return function

    return register


def plain(**functions):
    for type, function in functions.items():
        OPS[type] = lambda a, *xs, function=function: function(*xs)


def run_model(model, inputs):
    """The outputs of a model. Raises Unmapped."""
    opset = max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)
    values = dict(zip([i.name for i in model.graph.input], inputs, strict=False))
    values.update({t.name: numpy_helper.to_array(t) for t in model.graph.initializer})
    for node in model.graph.node:
        outputs = run_node(node, [values.get(name) if name else None for name in node.input], opset)
        values.update(zip(node.output, outputs, strict=False))
    return [values[o.name] for o in model.graph.output]


def run_node(node, inputs, opset):
    """The outputs of one node, as arrays."""
    if node.domain not in ("", "ai.onnx"):
        raise Unmapped(f"domain {node.domain}")
    if node.op_type not in OPS:
        raise Unmapped(f"no counterpart of {node.op_type}")
    for x in inputs:
        if x is not None and not (isinstance(x, np.ndarray) and x.dtype.type.__module__ == "numpy"):
            raise Unmapped("a dtype that NumPy has not, or a sequence")
    attrs = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    attrs = {k: v.decode() if isinstance(v, bytes) else v for k, v in attrs.items()}
    attrs["opset"], attrs["outputs"] = opset, len(node.output)
    with Graph().as_default() as graph:
        found = OPS[node.op_type](attrs, *inputs)
        found = list(found) if isinstance(found, tuple | list) else [found]
        return [np.asarray(v) for v in Session(graph=graph, kernels="plain").run(found)]


def only(attrs, **allowed):
    """Refuse attributes with other values than these."""
    for name, values in allowed.items():
        if attrs.get(name, values[0]) not in values:
            raise Unmapped(f"{name}={attrs[name]}")


def ints(x):
    return np.ravel(x).astype(np.int64).tolist()


plain(
    Abs=tf.abs, Neg=tf.negative, Exp=tf.exp, Log=tf.log, Sqrt=tf.sqrt, Floor=tf.floor, Ceil=tf.ceil, Sign=tf.sign,
    Reciprocal=tf.reciprocal, Sin=tf.sin, Cos=tf.cos, Tan=tf.tan, Asin=tf.asin, Acos=tf.acos, Atan=tf.atan,
    Sinh=tf.sinh, Cosh=tf.cosh, Tanh=tf.tanh, Asinh=tf.asinh, Acosh=tf.acosh, Atanh=tf.atanh, Erf=tf.erf,
    Sigmoid=tf.sigmoid, Relu=tf.nn.relu, Softplus=tf.nn.softplus, Softsign=tf.nn.softsign, Not=tf.logical_not,
    Add=tf.add, Sub=tf.subtract, Mul=tf.multiply, And=tf.logical_and, Or=tf.logical_or, Xor=tf.logical_xor,
    Equal=tf.equal, Less=tf.less, LessOrEqual=tf.less_equal, Greater=tf.greater, GreaterOrEqual=tf.greater_equal,
    MatMul=tf.matmul, Identity=tf.identity, IsNaN=tf.is_nan, Where=REGISTRY["where_v2"],
    Round=lambda x: REGISTRY["rint"](x), Tile=tf.tile, BitwiseAnd=REGISTRY["bitwise_and"],
    BitwiseOr=REGISTRY["bitwise_or"], BitwiseXor=REGISTRY["bitwise_xor"], BitwiseNot=REGISTRY["invert"],
    HardSwish=lambda x: x * tf.nn.relu6(x + np.float32(3)) / np.float32(6),
    Mish=lambda x: x * tf.tanh(tf.nn.softplus(x)), Size=lambda x: tf.size(x, out_type=np.int64),
)  # fmt: skip


def folded(function):
    def over(a, *xs):
        found = tf.convert_to_tensor(xs[0])
        for x in xs[1:]:
            found = function(found, tf.convert_to_tensor(x))
        return found

    return over


OPS.update(Max=folded(tf.maximum), Min=folded(tf.minimum), Sum=folded(tf.add))


@entry("Mean")
def mean(a, *xs):
    return OPS["Sum"](a, *xs) / np.asarray(len(xs), xs[0].dtype)


@entry("Div")
def div(a, x, y):
    return tf.truncatediv(x, y) if x.dtype.kind in "iu" else tf.realdiv(x, y)


@entry("Mod")
def mod(a, x, y):
    return tf.truncatemod(x, y) if a.get("fmod", 0) else tf.mod(x, y)


@entry("Pow")
def power(a, x, y):
    return tf.cast(tf.pow(x.astype(np.result_type(x, y)), y.astype(np.result_type(x, y))), x.dtype)


@entry("IsInf")
def is_inf(a, x):
    found = tf.is_inf(x)
    if not a.get("detect_negative", 1):
        found = tf.logical_and(found, tf.greater(x, np.asarray(0, x.dtype)))
    if not a.get("detect_positive", 1):
        found = tf.logical_and(found, tf.less(x, np.asarray(0, x.dtype)))
    return found


def number(value, x):
    return np.asarray(value, x.dtype)


@entry("Elu")
def elu(a, x):
    return tf.where(tf.greater(x, number(0, x)), x, number(a.get("alpha", 1.0), x) * tf.expm1(x))


@entry("Celu")
def celu(a, x):
    alpha = number(a.get("alpha", 1.0), x)
    return tf.maximum(x, number(0, x)) + tf.minimum(number(0, x), alpha * tf.expm1(x / alpha))


@entry("Selu")
def selu(a, x):
    alpha, gamma = a.get("alpha", 1.67326319217681884765625), a.get("gamma", 1.05070102214813232421875)
    below = number(alpha, x) * tf.expm1(x)
    return number(gamma, x) * tf.where(tf.greater(x, number(0, x)), tf.convert_to_tensor(x), below)


@entry("LeakyRelu")
def leaky_relu(a, x):
    return tf.nn.leaky_relu(x, a.get("alpha", 0.01))


@entry("PRelu")
def prelu(a, x, slope):
    return tf.maximum(x, number(0, x)) + slope * tf.minimum(x, number(0, x))


@entry("ThresholdedRelu")
def thresholded(a, x):
    return tf.where(tf.greater(x, number(a.get("alpha", 1.0), x)), x, np.zeros_like(x))


@entry("HardSigmoid")
def hard_sigmoid(a, x):
    y = number(a.get("alpha", 0.2), x) * x + number(a.get("beta", 0.5), x)
    return tf.clip_by_value(y, number(0, x), number(1, x))


@entry("Shrink")
def shrink(a, x):
    bias, edge = number(a.get("bias", 0.0), x), number(a.get("lambd", 0.5), x)
    y = tf.where(tf.less(x, -edge), x + bias, np.zeros_like(x))
    return tf.where(tf.greater(x, edge), x - bias, y)


@entry("Swish")
def swish(a, x):
    return x * tf.sigmoid(number(a.get("alpha", 1.0), x) * x)


@entry("Gelu")
def gelu(a, x):
    if a.get("approximate", "none") == "tanh":
        inner = number(math.sqrt(2 / math.pi), x) * (x + number(0.044715, x) * x**3)
        return number(0.5, x) * x * (number(1, x) + tf.tanh(inner))
    return number(0.5, x) * x * (number(1, x) + tf.erf(x / number(math.sqrt(2), x)))


@entry("Clip")
def clip(a, x, low=None, high=None):
    low, high = a.get("min", low), a.get("max", high)
    y = tf.convert_to_tensor(x)
    y = y if low is None else tf.maximum(y, np.asarray(low, x.dtype))
    return y if high is None else tf.minimum(y, np.asarray(high, x.dtype))


@entry("Cast")
def cast(a, x):
    only(a, saturate=(1,))
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(a["to"]))
    except (KeyError, TypeError):
        raise Unmapped("a dtype that NumPy has not") from None
    if dtype.kind not in "biufc" or dtype.type.__module__ != "numpy" or x.dtype.kind == "O":
        raise Unmapped("a dtype that NumPy has not")
    return tf.cast(x, dtype)


@entry("CastLike")
def cast_like(a, x, like):
    if like.dtype.kind not in "biufc" or like.dtype.type.__module__ != "numpy" or x.dtype.kind == "O":
        raise Unmapped("a dtype that NumPy has not")
    return tf.cast(x, like.dtype)


# ---- reductions


def reduction(function, identity=False):
    def over(a, x, axes=None):
        axes = a.get("axes") if axes is None else ints(axes)
        if not axes and a.get("noop_with_empty_axes", 0):
            return function(x, []) if identity else tf.identity(x)
        keep = bool(a.get("keepdims", 1))
        return function(x, list(axes) if axes else list(range(x.ndim)), keep)

    return over


def of_booleans(numbers, booleans):
    return lambda x, axes, keep: (booleans if x.dtype == bool else numbers)(x, axes, keep)


def named(transform_in, reduce, transform_out=None):
    def function(x, axes, keep=True):
        y = transform_in(x)
        y = reduce(y, axes, keep) if axes else y
        return transform_out(y) if transform_out else y

    return function


OPS.update(
    ReduceSum=reduction(tf.reduce_sum), ReduceMean=reduction(tf.reduce_mean),
    ReduceMax=reduction(of_booleans(tf.reduce_max, tf.reduce_any)),
    ReduceMin=reduction(of_booleans(tf.reduce_min, tf.reduce_all)), ReduceProd=reduction(tf.reduce_prod),
    ReduceLogSumExp=reduction(tf.reduce_logsumexp),
    ReduceL1=reduction(named(tf.abs, tf.reduce_sum), identity=True),
    ReduceL2=reduction(named(tf.square, tf.reduce_sum, tf.sqrt), identity=True),
    ReduceSumSquare=reduction(named(tf.square, tf.reduce_sum), identity=True),
    ReduceLogSum=reduction(named(tf.convert_to_tensor, tf.reduce_sum, tf.log), identity=True),
)  # fmt: skip


def argument(function):
    def found(a, x):
        axis = a.get("axis", 0) % max(x.ndim, 1)
        if a.get("select_last_index", 0):
            y = x.shape[axis] - 1 - function(tf.reverse(x, [axis]), axis, output_type=np.int64)
        else:
            y = function(x, axis, output_type=np.int64)
        return tf.expand_dims(y, axis) if a.get("keepdims", 1) else y

    return found


OPS.update(ArgMax=argument(tf.argmax), ArgMin=argument(tf.argmin))


@entry("CumSum", "CumProd")
def cumulated(a, x, axis):
    function = a.get("function", tf.cumsum)
    return function(x, int(axis), bool(a.get("exclusive", 0)), bool(a.get("reverse", 0)))


OPS["CumProd"] = lambda a, x, axis: cumulated({**a, "function": tf.cumprod}, x, axis)


def over_one_axis(function):
    def normalized(a, x):
        if a["opset"] < 13:  # over all dimensions from the axis on
            axis = a.get("axis", 1) % x.ndim
            return tf.reshape(function(tf.reshape(x, (int(np.prod(x.shape[:axis])), -1)), -1), x.shape)
        return function(x, a.get("axis", -1))

    return normalized


OPS.update(Softmax=over_one_axis(tf.nn.softmax), LogSoftmax=over_one_axis(tf.nn.log_softmax))


@entry("Hardmax")
def hardmax(a, x):
    axis = a.get("axis", -1) % x.ndim
    return tf.one_hot(tf.argmax(x, axis), x.shape[axis], axis=axis, dtype=x.dtype)


@entry("LpNormalization")
def lp_normalization(a, x):
    axis = a.get("axis", -1)
    if a.get("p", 2) == 1:
        return REGISTRY["divide_no_nan"](x, tf.reduce_sum(tf.abs(x), axis, keepdims=True))
    return REGISTRY["divide_no_nan"](x, tf.sqrt(tf.reduce_sum(tf.square(x), axis, keepdims=True)))


# ---- shapes


@entry("Reshape")
def reshape(a, x, shape):
    sizes = [s if s or a.get("allowzero", 0) else x.shape[i] for i, s in enumerate(ints(shape))]
    return tf.reshape(x, sizes)


@entry("Flatten")
def flatten(a, x):
    axis = a.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return tf.reshape(x, (int(np.prod(x.shape[:axis])), -1))


@entry("Transpose")
def transpose(a, x):
    return tf.transpose(x, a.get("perm"))


@entry("Squeeze")
def squeeze(a, x, axes=None):
    axes = a.get("axes") if axes is None else ints(axes)
    return tf.squeeze(x, axes)


@entry("Unsqueeze")
def unsqueeze(a, x, axes=None):
    axes = a.get("axes") if axes is None else ints(axes)
    rank = x.ndim + len(axes)
    for axis in sorted(i % rank for i in axes):
        x = tf.expand_dims(x, axis)
    return x


@entry("Concat")
def concat(a, *xs):
    return tf.concat(xs, a["axis"])


@entry("Split")
def split(a, x, sizes=None):
    sizes = a.get("split") if sizes is None else ints(sizes)
    axis, n = a.get("axis", 0), x.shape[a.get("axis", 0)]
    if sizes is None:
        each = -(-n // a.get("num_outputs", a["outputs"]))
        sizes = [min(each, n - i) for i in range(0, n, each)]
    return tf.split(x, list(sizes), axis)


@entry("Shape")
def shape(a, x):
    return tf.convert_to_tensor(tf.shape(x, out_type=np.int64))[a.get("start", 0) : a.get("end")]


@entry("Expand")
def expand(a, x, shape):
    sizes = np.broadcast_shapes(x.shape, tuple(ints(shape)))
    return REGISTRY["broadcast_like"](x, np.zeros(sizes, x.dtype))


@entry("Slice")
def slice_(a, x, starts=None, ends=None, axes=None, steps=None):
    starts = a.get("starts") if starts is None else ints(starts)
    ends = a.get("ends") if ends is None else ints(ends)
    axes = a.get("axes", range(len(starts))) if axes is None else ints(axes)
    steps = [1] * len(starts) if steps is None else ints(steps)
    cut = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = x.shape[axis]
        if step < 0:
            start, end = min(start, n - 1) if start >= 0 else start, end if end >= -n else None
        else:
            start, end = max(start, -n), min(end, n)
        cut[axis] = slice(start, end, step)
    return tf.convert_to_tensor(x)[tuple(cut)]


@entry("Pad")
def pad(a, x, pads=None, value=None, axes=None):
    pads = a.get("pads") if pads is None else ints(pads)
    mode = a.get("mode", "constant")
    only(a, mode=("constant", "reflect"))
    axes = range(x.ndim) if axes is None else [i % x.ndim for i in ints(axes)]
    widths = [[0, 0] for _ in range(x.ndim)]
    for k, axis in enumerate(axes):
        widths[axis] = [pads[k], pads[k + len(pads) // 2]]
    if min(map(min, widths)) < 0:
        raise Unmapped("negative padding")
    value = a.get("value", 0.0) if value is None else value.item()
    return tf.pad(x, widths, mode.upper(), constant_values=value)


@entry("Gather")
def gather(a, x, indices):
    axis = a.get("axis", 0)
    return tf.gather(x, np.where(indices < 0, indices + x.shape[axis], indices), axis=axis)


@entry("GatherND")
def gather_nd(a, x, indices):
    only(a, batch_dims=(0,))
    return tf.gather_nd(x, indices)


@entry("OneHot")
def one_hot(a, indices, depth, values):
    n = int(np.ravel(depth)[0])
    indices = np.where(indices < 0, indices + n, indices).astype(np.int64)
    off, on = values[0].item(), values[1].item()
    return tf.one_hot(indices, n, on_value=on, off_value=off, axis=a.get("axis", -1), dtype=values.dtype)


@entry("Range")
def range_(a, start, limit, delta):
    return tf.range(start[()], limit[()], delta[()])


@entry("ReverseSequence")
def reverse_sequence(a, x, lengths):
    axes = {"seq_axis": a.get("time_axis", 0), "batch_axis": a.get("batch_axis", 1)}
    return REGISTRY["reverse_by_lengths"](x, lengths, **axes)


@entry("NonZero")
def non_zero(a, x):
    return tf.transpose(REGISTRY["where_true"](x.astype(bool)))


@entry("EyeLike")
def eye_like(a, x):
    k = a.get("k", 0)
    if k:
        raise Unmapped("a diagonal beside the main one")
    dtype = helper.tensor_dtype_to_np_dtype(a["dtype"]) if "dtype" in a else x.dtype
    return tf.eye(*x.shape, dtype=dtype)


@entry("Constant")
def constant(a):
    if "value" not in a:
        raise Unmapped("a constant that is no tensor")
    return tf.convert_to_tensor(numpy_helper.to_array(a["value"]))


@entry("ConstantOfShape")
def constant_of_shape(a, shape):
    value = numpy_helper.to_array(a["value"])[0] if "value" in a else np.float32(0)
    return tf.fill(ints(shape), value)


@entry("DepthToSpace")
def depth_to_space(a, x):
    only(a, mode=("DCR",))
    y = tf.depth_to_space(tf.transpose(x, [0, 2, 3, 1]), a["blocksize"])
    return tf.transpose(y, [0, 3, 1, 2])


@entry("SpaceToDepth")
def space_to_depth(a, x):
    only(a, mode=("DCR",))
    return tf.transpose(tf.space_to_depth(tf.transpose(x, [0, 2, 3, 1]), a["blocksize"]), [0, 3, 1, 2])


@entry("TopK")
def top_k(a, x, k):
    axis = a.get("axis", -1) % x.ndim
    if axis != x.ndim - 1 or not a.get("largest", 1):
        raise Unmapped("only the largest, along the last dimension")
    values, indices = tf.nn.top_k(x, int(k[0]))
    return values, tf.cast(indices, np.int64)


@entry("ScatterND")
def scatter_nd(a, x, indices, updates):
    only(a, reduction=("none", "add"))
    if a.get("reduction", "none") == "none":
        mask = tf.scatter_nd(indices, np.ones_like(updates), x.shape)
        return x * (number(1, x) - mask) + tf.scatter_nd(indices, updates, x.shape)
    return x + tf.scatter_nd(indices, updates, x.shape)


@entry("Trilu")
def trilu(a, x, k=None):
    k = 0 if k is None else int(k)
    rows, columns = np.arange(x.shape[-2])[:, None], np.arange(x.shape[-1])[None]
    keep = columns - rows >= k if a.get("upper", 1) else columns - rows <= k
    return tf.where(np.broadcast_to(keep, x.shape), x, np.zeros_like(x))


@entry("Einsum")
def einsum(a, *xs):
    if "." in a["equation"]:
        raise Unmapped("an ellipsis in an equation")
    return tf.einsum(a["equation"].replace(" ", ""), *xs)


@entry("MatMul")
def matmul(a, x, y):
    """A vector stands for a matrix of one row or column, which is dropped from the result."""
    product = tf.matmul(x[None] if x.ndim == 1 else x, y[:, None] if y.ndim == 1 else y)
    product = tf.squeeze(product, -2) if x.ndim == 1 else product
    return tf.squeeze(product, -1) if y.ndim == 1 else product


@entry("Gemm")
def gemm(a, x, y, c=None):
    found = number(a.get("alpha", 1.0), x) * tf.matmul(x, y, bool(a.get("transA", 0)), bool(a.get("transB", 0)))
    return found if c is None else found + number(a.get("beta", 1.0), x) * c


# ---- windows: ONNX has channels first


def windows(a, x, size):
    """(strides, dilations, explicit pads) of a two-dimensional window."""
    if x.ndim != 4:
        raise Unmapped("other than two spatial dimensions")
    strides, rates = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    mode = a.get("auto_pad", "NOTSET")
    pads = a.get("pads", [0, 0, 0, 0])
    pads = [[pads[0], pads[2]], [pads[1], pads[3]]]
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        pads = []
        for n, k, s, d in zip(x.shape[2:], size, strides, rates, strict=True):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            pads.append([total // 2, total - total // 2][:: 1 if mode == "SAME_UPPER" else -1])
    if a.get("ceil_mode", 0):
        raise Unmapped("sizes rounded up")
    return strides, rates, [[0, 0], [0, 0], *pads]


@entry("Conv")
def conv(a, x, w, b=None):
    only(a, group=(1,))
    strides, rates, pads = windows(a, x, w.shape[2:])
    y = tf.nn.conv2d(x, w.transpose(2, 3, 1, 0), [1, 1, *strides], pads, data_format="NCHW", dilations=[1, 1, *rates])
    return y if b is None else tf.nn.bias_add(y, b, data_format="NCHW")


@entry("MaxPool")
def max_pool(a, x):
    if a["outputs"] > 1 or x.dtype.kind != "f":
        raise Unmapped("indices of maxima, or integers")
    strides, rates, pads = windows(a, x, a["kernel_shape"])
    return REGISTRY["max_pool2d"](
        x, ksize=tuple(a["kernel_shape"]), strides=tuple(strides), padding=pads, data_format="NCHW",
        dilations=tuple(rates),
    )  # fmt: skip


@entry("AveragePool")
def average_pool(a, x):
    strides, rates, pads = windows(a, x, a["kernel_shape"])

    def average(values):
        return REGISTRY["avg_pool2d"](
            np.pad(values, pads), ksize=tuple(a["kernel_shape"]), strides=tuple(strides), padding="VALID",
            data_format="NCHW", dilations=tuple(rates),
        )  # fmt: skip

    return average(x) if a.get("count_include_pad", 0) else average(x) / average(np.ones_like(x))


@entry("GlobalAveragePool")
def global_average(a, x):
    return tf.reduce_mean(x, list(range(2, x.ndim)), keepdims=True)


@entry("GlobalMaxPool")
def global_maximum(a, x):
    return tf.reduce_max(x, list(range(2, x.ndim)), keepdims=True)


@entry("LRN")
def lrn(a, x):
    size = a["size"]
    if size % 2 == 0:
        raise Unmapped("a window of even size")
    options = {"bias": a.get("bias", 1.0), "alpha": a.get("alpha", 1e-4) / size, "beta": a.get("beta", 0.75)}
    y = tf.nn.local_response_normalization(np.moveaxis(x, 1, -1), size // 2, **options)
    return tf.transpose(y, [0, 3, 1, 2])


# ---- normalization


@entry("BatchNormalization")
def batch_normalization(a, x, scale, offset, mean, variance):
    if a.get("training_mode", 0):
        axes = [i for i in range(x.ndim) if i != 1]
        momentum = number(a.get("momentum", 0.9), x)
        batch_mean, batch_variance = tf.nn.moments(x, axes)
        found = normalized(x, batch_mean, batch_variance, scale, offset, a.get("epsilon", 1e-5))
        rest = number(1, x) - momentum
        return found, mean * momentum + batch_mean * rest, variance * momentum + batch_variance * rest
    return normalized(x, mean, variance, scale, offset, a.get("epsilon", 1e-5))


def normalized(x, mean, variance, scale, offset, epsilon):
    def along(v):
        return tf.reshape(v, [1, -1, *[1] * (x.ndim - 2)])

    return tf.nn.batch_normalization(x, along(mean), along(variance), along(offset), along(scale), epsilon)


@entry("InstanceNormalization")
def instance_normalization(a, x, scale, offset):
    mean, variance = tf.nn.moments(x, list(range(2, x.ndim)), keep_dims=True)
    shape = [1, -1, *[1] * (x.ndim - 2)]
    return tf.nn.batch_normalization(
        x, mean, variance, offset.reshape(shape), scale.reshape(shape), a.get("epsilon", 1e-5)
    )


@entry("LayerNormalization")
def layer_normalization(a, x, scale, offset=None):
    axes = list(range(a.get("axis", -1) % x.ndim, x.ndim))
    mean, variance = tf.nn.moments(x, axes, keep_dims=True)
    inverse = tf.rsqrt(variance + number(a.get("epsilon", 1e-5), x))
    y = (x - mean) * inverse * scale
    return (y if offset is None else y + offset, mean, inverse)[: a["outputs"]]


@entry("RMSNormalization")
def rms_normalization(a, x, scale):
    axes = list(range(a.get("axis", -1) % x.ndim, x.ndim))
    return x * tf.rsqrt(tf.reduce_mean(tf.square(x), axes, keepdims=True) + number(a.get("epsilon", 1e-5), x)) * scale


@entry("MeanVarianceNormalization")
def mean_variance(a, x):
    mean, variance = tf.nn.moments(x, a.get("axes", [0, 2, 3]), keep_dims=True)
    return (x - mean) / (tf.sqrt(variance) + number(1e-9, x))


# ---- losses and optimizers


@entry("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
def negative_log_likelihood(a, x, target, weight=None, log=None):
    classes = x.shape[1]
    ignored = a.get("ignore_index")
    here = np.ones(target.shape, x.dtype) if ignored is None else (target != ignored).astype(x.dtype)
    labels = tf.one_hot(np.where(here > 0, target, 0), classes, axis=1, dtype=x.dtype)
    each = np.ones(classes, x.dtype) if weight is None else weight
    weights = tf.gather(each, np.where(here > 0, target, 0)) * here
    loss = -tf.reduce_sum(labels * x, 1) * weights
    how = a.get("reduction", "mean")
    if how == "sum":
        return tf.reduce_sum(loss)
    return loss if how == "none" else tf.reduce_sum(loss) / tf.reduce_sum(weights)


def softmax_cross_entropy(a, x, target, weight=None):
    log = tf.nn.log_softmax(x, 1)
    with Session() as session:
        values = session.run(log)
    found = negative_log_likelihood(a, values, target, weight)
    return (found, log) if a["outputs"] > 1 else found


OPS["SoftmaxCrossEntropyLoss"] = softmax_cross_entropy


@entry("Dropout")
def dropout(a, x, ratio=None, training=None, seed=None):
    if training is not None and bool(training) and (ratio is None or float(ratio) > 0):
        raise Unmapped("random numbers")
    y = tf.identity(x)
    return (y, tf.convert_to_tensor(np.ones(x.shape, bool)))[: a["outputs"]]
