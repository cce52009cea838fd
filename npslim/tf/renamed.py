"""Functions whose parameters TensorFlow names or orders otherwise. Each is a renaming; what they do is in npslim's own.

Where TensorFlow took an argument under two names in turn (`axis` and `dim`), either is taken.
"""

import importlib
from typing import Any

import npslim as slim
from npslim.dtypes import complex128 as as_complex128
from npslim.errors import InvalidArgumentError
from npslim.metrics import confusion_matrix as _confusion_matrix
from npslim.ops import algebra, blocks, counting, linear, normalize, pool, rearrange, sparse, state, strings
from npslim.ops import conv as _conv
from npslim.ops.activation import swish as _swish
from npslim.ops.join import stack as _stack
from npslim.ops.logic import where_v2 as _where_v2
from npslim.ops.scan import cumprod as _cumprod
from npslim.ops.shape import matrix_transpose
from npslim.ops.softmax import log_softmax as _log_softmax
from npslim.ops.softmax import softmax as _softmax
from npslim.ops.softmax import softmax_cross_entropy_with_logits_v2 as _cross_entropy_v2
from npslim.ops.state import count_up_to as _count_up_to


def either(value, other, default=None) -> Any:
    """The argument that is given, under its name or its old one; `default` for neither. Raises ValueError for both."""
    if value is not None and other is not None:
        raise InvalidArgumentError("An argument is given twice, under its new name and its old one.", got=other)
    return default if value is None and other is None else other if value is None else value


# ---- tensors


def argmax(input, axis=None, name=None, dimension=None, output_type=slim.int64):
    """See `npslim.argmax`."""
    return slim.argmax(input, axis=either(axis, dimension, 0), output_type=output_type, name=name)


def argmin(input, axis=None, name=None, dimension=None, output_type=slim.int64):
    """See `npslim.argmin`."""
    return slim.argmin(input, axis=either(axis, dimension, 0), output_type=output_type, name=name)


def arg_max(input, dimension, output_type=slim.int64, name=None):
    """See `npslim.argmax`."""
    return slim.argmax(input, axis=dimension, output_type=output_type, name=name)


def arg_min(input, dimension, output_type=slim.int64, name=None):
    """See `npslim.argmin`."""
    return slim.argmin(input, axis=dimension, output_type=output_type, name=name)


def as_dtype(type_value):
    """See `npslim.as_dtype`."""
    return slim.as_dtype(type_value)


def assign(ref, value, validate_shape=None, use_locking=None, name=None):
    """See `npslim.assign`."""
    return slim.assign(ref, value, validate_shape=validate_shape is not False, name=name)


def assign_add(ref, value, use_locking=None, name=None):
    """See `npslim.assign_add`."""
    return slim.assign_add(ref, value, name=name)


def assign_sub(ref, value, use_locking=None, name=None):
    """See `npslim.assign_sub`."""
    return slim.assign_sub(ref, value, name=name)


def count_up_to(ref, limit, name=None):
    """See `npslim.ops.state.count_up_to`."""
    return _count_up_to(ref, limit=limit, name=name)


def batch_to_space_nd(input, block_shape, crops, name=None):
    """See `npslim.ops.blocks.batch_to_space_nd`."""
    return blocks.batch_to_space_nd(input, block_shape, crops, name=name)


def space_to_batch_nd(input, block_shape, paddings, name=None):
    """See `npslim.ops.blocks.space_to_batch_nd`."""
    return blocks.space_to_batch_nd(input, block_shape, paddings, name=name)


def depth_to_space(input, block_size, name=None, data_format="NHWC"):
    """See `npslim.ops.blocks.depth_to_space`."""
    return blocks.depth_to_space(input, block_size=block_size, data_format=data_format, name=name)


def space_to_depth(input, block_size, name=None, data_format="NHWC"):
    """See `npslim.ops.blocks.space_to_depth`."""
    return blocks.space_to_depth(input, block_size=block_size, data_format=data_format, name=name)


def check_numerics(tensor, message, name=None):
    """See `npslim.check_numerics`."""
    return slim.check_numerics(tensor, message=message, name=name)


def concat(values, axis, name="concat"):
    """See `npslim.concat`. The order of TensorFlow before 1.0, `concat(axis, values)`, is understood."""
    if isinstance(values, int) and not isinstance(axis, int):
        values, axis = axis, values
    return slim.concat(values, axis=axis, name=name)


def convert_to_tensor(value, dtype=None, name=None, preferred_dtype=None, dtype_hint=None):
    """See `npslim.convert_to_tensor`."""
    return slim.convert_to_tensor(value, dtype, name, either(preferred_dtype, dtype_hint))


def count_nonzero(
    input_tensor=None, axis=None, keepdims=None, dtype: Any = slim.int64, name=None, reduction_indices=None,
    keep_dims=None, input=None,
):  # fmt: skip
    """See `npslim.count_nonzero`."""
    x, axis = either(input_tensor, input), either(axis, reduction_indices)
    return slim.count_nonzero(x, axis, either(keepdims, keep_dims, False), dtype, name)


def cumprod(x, axis=0, exclusive=False, reverse=False, name=None):
    """See `npslim.ops.scan.cumprod`."""
    return _cumprod(x, axis=axis, exclusive=exclusive, reverse=reverse, name=name)


def expand_dims(input, axis=None, name=None, dim=None):
    """See `npslim.expand_dims`."""
    axis = either(axis, dim)
    return slim.expand_dims(
        input, axis=axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis, name=name
    )


def diag_part(input, name=None):
    """See `npslim.ops.linear.diag_part`."""
    return linear.diag_part(input, name=name)


def fill(dims, value, name=None, layout=None):
    """See `npslim.fill`."""
    return slim.fill(dims, value, name=name)


def gather(params, indices, validate_indices=None, name=None, axis=None, batch_dims=0):
    """See `npslim.gather`, and `npslim.ops.rearrange.batch_gather` for batch_dims."""
    if batch_dims:
        rank = slim.convert_to_tensor(indices).shape.ndims
        if rank is None or batch_dims not in (rank - 1, -1) or axis not in (None, rank - 1):
            raise InvalidArgumentError(
                "gather: batch_dims is one less than the indices' rank, and the axis.", expected=rank and rank - 1,
                got=(batch_dims, axis),
            )  # fmt: skip
        return rearrange.batch_gather(params, indices, name=name)
    return slim.gather(params, indices, axis=axis or 0, name=name)


def gather_nd(params, indices, name=None, batch_dims=0):
    """See `npslim.gather_nd`."""
    if batch_dims:
        return rearrange.batch_gather_nd(params, indices, batch_dims, name=name)
    return slim.gather_nd(params, indices, name=name)


def get_static_value(tensor, partial=False):
    """See `npslim.constant_value`."""
    return slim.constant_value(tensor)


def linspace(start, stop, num, name=None, axis=0):
    """See `npslim.linspace`. Raises ValueError for another axis."""
    if axis != 0:
        raise InvalidArgumentError("linspace: the numbers are scalars.", expected="axis 0", got=axis)
    return slim.linspace(start, stop, num, name)


def gradients(
    ys, xs, grad_ys=None, name="gradients", gate_gradients=False, aggregation_method=None, stop_gradients=None,
    unconnected_gradients="none", colocate_gradients_with_ops=False,
):  # fmt: skip
    """See `npslim.gradients`."""
    return slim.gradients(
        ys, xs, grad_ys, name=name, stop_gradients=stop_gradients,
        unconnected_gradients=getattr(unconnected_gradients, "value", unconnected_gradients),
    )  # fmt: skip


def identity(input, name=None):
    """See `npslim.identity`."""
    return slim.identity(input, name=name)


def matmul(
    a, b, transpose_a=False, transpose_b=False, adjoint_a=False, adjoint_b=False, a_is_sparse=False, b_is_sparse=False,
    output_type=None, name=None,
):  # fmt: skip
    """See `npslim.matmul`."""
    a = matrix_transpose(a, conjugate=True) if adjoint_a else a
    b = matrix_transpose(b, conjugate=True) if adjoint_b else b
    return slim.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b, name=name)


def meshgrid(*args, **kwargs):
    """Coordinate arrays of a grid from vectors, as `numpy.meshgrid`: `indexing` "xy" or "ij", `name`."""
    indexing, name = kwargs.pop("indexing", "xy"), kwargs.pop("name", "meshgrid")
    if kwargs or indexing not in ("xy", "ij"):
        raise InvalidArgumentError("meshgrid: unknown argument.", expected="indexing, name", got=kwargs or indexing)
    with slim.name_scope(name, "meshgrid", args):
        vectors = [slim.reshape(x, [-1]) for x in args]
        order = [1, 0, *range(2, len(vectors))] if indexing == "xy" and len(vectors) > 1 else range(len(vectors))
        vectors = [vectors[i] for i in order]
        shape = _stack([slim.size(v) for v in vectors])
        grids = []
        for i, v in enumerate(vectors):
            column = slim.reshape(v, [-1 if j == i else 1 for j in range(len(vectors))])
            grids.append(column + slim.zeros(shape, column.dtype))
        return [grids[i] for i in order]


def norm(tensor, ord="euclidean", axis=None, keepdims=None, name=None, keep_dims=None):
    """See `npslim.ops.linear.norm`."""
    return linear.norm(tensor, ord, axis, either(keepdims, keep_dims, False), name)


def ones(shape, dtype: Any = slim.float32, name=None, layout=None):
    """See `npslim.ones`."""
    return slim.ones(shape, dtype, name)


def ones_like(tensor, dtype=None, name=None, optimize=True):
    """See `npslim.ones_like`."""
    return slim.ones_like(tensor, dtype=dtype, name=name)


def random_shuffle(value, seed=None, name=None):
    """See `npslim.random_shuffle`."""
    return slim.random_shuffle(value, seed=seed, name=name)


def rank(input, name=None):
    """See `npslim.rank`."""
    return slim.rank(input, name=name)


def reshape(tensor, shape, name=None):
    """See `npslim.reshape`."""
    return slim.reshape(tensor, shape, name=name)


def reverse(tensor, axis, name=None):
    """See `npslim.reverse`. A vector of booleans, as before TensorFlow 1.0, says of each dimension whether."""
    if isinstance(axis, list | tuple) and axis and all(isinstance(a, bool) for a in axis):
        axis = [i for i, a in enumerate(axis) if a]
    return slim.reverse(tensor, axis=axis, name=name)


def scalar_mul(scalar, x, name=None):
    """`scalar * x`. See `npslim.multiply`."""
    return slim.multiply(scalar, x, name=name)


def scatter_update(ref, indices, updates, use_locking=True, name=None):
    """See `npslim.scatter_update`."""
    return slim.scatter_update(ref, indices, updates, name=name)


def scatter_add(ref, indices, updates, use_locking=False, name=None):
    """See `npslim.scatter_add`."""
    return slim.scatter_add(ref, indices, updates, name=name)


def cast(x, dtype, name=None):
    """See `npslim.cast`; of a sparse tensor, its values."""
    if isinstance(x, sparse.SparseTensor):
        return sparse.SparseTensor(x.indices, slim.cast(x.values, dtype, name=name), x.dense_shape)
    return slim.cast(x, dtype, name=name)


def scatter_mul(ref, indices, updates, use_locking=False, name=None):
    """See `npslim.ops.state.scatter_mul`."""
    return state.scatter_mul(ref, indices, updates, name=name)


def scatter_div(ref, indices, updates, use_locking=False, name=None):
    """See `npslim.ops.state.scatter_div`."""
    return state.scatter_div(ref, indices, updates, name=name)


def scatter_max(ref, indices, updates, use_locking=False, name=None):
    """See `npslim.ops.state.scatter_max`."""
    return state.scatter_max(ref, indices, updates, name=name)


def scatter_min(ref, indices, updates, use_locking=False, name=None):
    """See `npslim.ops.state.scatter_min`."""
    return state.scatter_min(ref, indices, updates, name=name)


def is_variable_initialized(variable, name=None):
    """See `npslim.ops.state.is_variable_initialized`."""
    return state.is_variable_initialized(variable, name=name)


def matrix_diag_part(input, name=None):
    """See `npslim.ops.linear.matrix_diag_part`."""
    return linear.matrix_diag_part(input, name=name)


def scatter_sub(ref, indices, updates, use_locking=False, name=None):
    """See `npslim.scatter_sub`."""
    return slim.scatter_sub(ref, indices, updates, name=name)


def shape(input, name=None, out_type=None):
    """See `npslim.shape`."""
    return slim.shape(input, out_type=out_type or slim.int32, name=name)


def size(input, name=None, out_type=None):
    """See `npslim.size`."""
    return slim.size(input, out_type=out_type or slim.int32, name=name)


def slice(input_, begin, size, name=None):
    """See `npslim.slice`."""
    return slim.slice(input_, begin, size, name=name)


def squeeze(input, axis=None, name=None, squeeze_dims=None):
    """See `npslim.squeeze`."""
    return slim.squeeze(input, axis=either(axis, squeeze_dims), name=name)


def split(value, num_or_size_splits, axis=0, num=None, name="split"):
    """See `npslim.split`. The order of TensorFlow before 1.0, `split(axis, number, value)`, is understood."""
    if isinstance(value, int) and not isinstance(axis, int):
        value, axis = axis, value
    return slim.split(value, num_or_size_splits, axis, num, name)


def stack(values, axis=0, name="stack"):
    """See `npslim.ops.join.stack`."""
    return _stack(values, axis=axis, name=name)


def strided_slice(
    input_, begin, end, strides=None, begin_mask=0, end_mask=0, ellipsis_mask=0, new_axis_mask=0, shrink_axis_mask=0,
    var=None, name=None,
):  # fmt: skip
    """See `npslim.strided_slice`."""
    return slim.strided_slice(
        input_, begin, end, strides, begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask, name=name
    )


def stop_gradient(input, name=None):
    """See `npslim.stop_gradient`."""
    return slim.stop_gradient(input, name=name)


def tile(input, multiples, name=None):
    """See `npslim.tile`."""
    return slim.tile(input, multiples, name=name)


def transpose(a, perm=None, name="transpose", conjugate=False):
    """See `npslim.transpose`."""
    return slim.transpose(a, perm=perm, conjugate=conjugate, name=name)


def unique(x, out_idx=slim.int32, name=None):
    """See `npslim.unique`."""
    values, places = slim.unique(x, name=name)
    return values, slim.cast(places, out_idx) if out_idx != slim.int32 else places


def zeros(shape, dtype: Any = slim.float32, name=None, layout=None):
    """See `npslim.zeros`."""
    return slim.zeros(shape, dtype, name)


def zeros_like(tensor, dtype=None, name=None, optimize=True):
    """See `npslim.zeros_like`."""
    return slim.zeros_like(tensor, dtype=dtype, name=name)


def batch_to_space(input, crops, block_size, name=None, block_shape=None):
    """See `npslim.ops.blocks.batch_to_space_nd`: square blocks of two dimensions."""
    block = either(block_size, block_shape)
    return blocks.batch_to_space_nd(input, [block, block] if isinstance(block, int) else block, crops, name=name)


def space_to_batch(input, paddings, block_size=None, name=None, block_shape=None):
    """See `npslim.ops.blocks.space_to_batch_nd`: square blocks of two dimensions."""
    block = either(block_size, block_shape)
    return blocks.space_to_batch_nd(input, [block, block] if isinstance(block, int) else block, paddings, name=name)


def bincount(arr, weights=None, minlength=None, maxlength=None, dtype: Any = slim.int32):
    """See `npslim.ops.counting.bincount`."""
    return counting.bincount(arr, minlength, maxlength, weights, dtype)


def unique_with_counts(x, out_idx: Any = slim.int32, name=None):
    """See `npslim.ops.counting.unique_with_counts`."""
    values, places, counts = counting.unique_with_counts(x, name)
    return values, slim.cast(places, out_idx), slim.cast(counts, out_idx)


def dynamic_stitch(indices, data, name=None):
    """See `npslim.ops.rearrange.stitch_rows`."""
    return rearrange.stitch_rows(indices, data, name)


def matrix_inverse(input, adjoint=False, name=None):
    """See `npslim.ops.algebra.matrix_inverse`."""
    return algebra.matrix_inverse(matrix_transpose(input, conjugate=True) if adjoint else input, name=name)


def matrix_determinant(input, name=None):
    """See `npslim.ops.algebra.matrix_determinant`."""
    return algebra.matrix_determinant(input, name=name)


def where_v2(condition, x=None, y=None, name=None):
    """See `npslim.where`; x and y broadcast."""
    return slim.where(condition, name=name) if x is None and y is None else _where_v2(condition, x, y, name=name)


def get_local_variable(
    name, shape=None, dtype=None, initializer=None, regularizer=None, trainable=False, collections=None,
    caching_device=None, partitioner=None, validate_shape=True, use_resource=None, synchronization=None,
    aggregation=None, custom_getter=None, constraint=None,
):  # fmt: skip
    """A variable of LOCAL_VARIABLES; see `npslim.get_variable`."""
    return slim.get_variable(
        name, shape, dtype, initializer, regularizer, False, [*(collections or ()), slim.GraphKeys.LOCAL_VARIABLES],
        caching_device, partitioner, validate_shape, use_resource, custom_getter, constraint,
    )  # fmt: skip


def get_seed(op_seed):
    """(the graph's seed, the op's), with TensorFlow's defaults where one of them is missing."""
    graph_seed = slim.get_default_graph().seed
    if graph_seed is None and op_seed is None:
        return None, None
    return (87654321 if graph_seed is None else graph_seed), (0 if op_seed is None else op_seed)


def add_check_numerics_ops():
    """A node that checks every floating tensor of the graph so far; see `npslim.check_numerics`."""
    floating = [t for node in slim.get_default_graph().get_operations() for t in node.outputs if t.dtype.is_floating]
    return slim.group(*(slim.check_numerics(t, message=t.name) for t in floating))


def verify_tensor_all_finite(t=None, msg=None, name=None, x=None, message=None):
    """See `npslim.check_numerics`."""
    return slim.check_numerics(either(t, x), message=either(msg, message, ""), name=name)


# ---- strings


def as_string(input, precision=-1, scientific=False, shortest=False, width=-1, fill="", name=None):
    """See `npslim.ops.strings.as_string`."""
    return strings.as_string(input, precision, scientific, shortest, width, fill, name)


def is_jpeg(contents, name=None):
    """Whether the string begins as a JPEG file does."""
    return slim.equal(strings.substr(contents, 0, 3), b"\xff\xd8\xff", name=name)


def decode_base64(input, name=None):
    """See `npslim.ops.strings.decode_base64`."""
    return strings.decode_base64(input, name=name)


def encode_base64(input, pad=False, name=None):
    """See `npslim.ops.strings.encode_base64`."""
    return strings.encode_base64(input, pad=pad, name=name)


def reduce_join(inputs, axis=None, keep_dims=None, separator="", name=None, reduction_indices=None, keepdims=None):
    """See `npslim.ops.strings.reduce_join`."""
    return strings.reduce_join(
        inputs, either(axis, reduction_indices), either(keepdims, keep_dims, False), separator, name
    )


def string_split(source, sep=None, skip_empty=True, delimiter=None, result_type="SparseTensor", name=None):
    """See `npslim.ops.strings.string_split`. Raises ValueError for another result_type."""
    if result_type != "SparseTensor":
        raise InvalidArgumentError("string_split gives a SparseTensor.", expected="SparseTensor", got=result_type)
    return strings.string_split(source, sep, skip_empty, delimiter, name)


def make_tensor_proto(values, dtype=None, shape=None, verify_shape=False, allow_broadcast=False):
    """See `npslim.graph_def.tensors.make_tensor_proto`."""
    tensors = importlib.import_module("npslim.graph_def.tensors")  # which importing npslim.tf does not need
    return tensors.make_tensor_proto(values, dtype, shape)


def string_length(input, name=None, unit="BYTE"):
    """See `npslim.ops.strings.string_length`."""
    return strings.string_length(input, unit=unit, name=name)


def string_lower(input, encoding="", name=None):
    """See `npslim.ops.strings.string_lower`."""
    return strings.string_lower(input, name=name)


def string_upper(input, encoding="", name=None):
    """See `npslim.ops.strings.string_upper`."""
    return strings.string_upper(input, name=name)


def string_strip(input, name=None):
    """See `npslim.ops.strings.string_strip`."""
    return strings.string_strip(input, name=name)


def substr(input, pos, len, name=None, unit="BYTE"):
    """See `npslim.ops.strings.substr`. Raises ValueError for another unit than bytes."""
    if unit != "BYTE":
        raise InvalidArgumentError("substr: strings are cut by bytes.", expected="BYTE", got=unit)
    return strings.substr(input, pos, len, name=name)


# ---- reductions; `reduction_indices` and `keep_dims` are the names before TensorFlow 1.5


def _reduction(function):
    def reduce(input_tensor, axis=None, keepdims=None, name=None, reduction_indices=None, keep_dims=None):
        return function(
            input_tensor, axis=either(axis, reduction_indices), keepdims=either(keepdims, keep_dims, False), name=name
        )

    reduce.__name__ = reduce.__qualname__ = function.__name__
    reduce.__doc__ = f"See `npslim.{function.__name__}`."
    return reduce


reduce_all = _reduction(slim.reduce_all)
reduce_any = _reduction(slim.reduce_any)
reduce_logsumexp = _reduction(slim.reduce_logsumexp)
reduce_max = _reduction(slim.reduce_max)
reduce_mean = _reduction(slim.reduce_mean)
reduce_min = _reduction(slim.reduce_min)
reduce_prod = _reduction(slim.reduce_prod)
reduce_sum = _reduction(slim.reduce_sum)


# ---- casts by name


def _to(dtype, title):
    def to(x, name=title):
        return slim.cast(x, dtype, name=name)

    to.__name__ = to.__qualname__ = f"to_{dtype.name if dtype.name != 'float32' else 'float'}"
    to.__doc__ = f"`x` as {dtype.name}; see `npslim.cast`."
    return to


to_float = _to(slim.float32, "ToFloat")
to_double = _to(slim.float64, "ToDouble")
to_complex64 = _to(slim.complex64, "ToComplex64")
to_complex128 = _to(as_complex128, "ToComplex128")
to_int32 = _to(slim.int32, "ToInt32")
to_int64 = _to(slim.int64, "ToInt64")


# ---- neural networks


def relu(features, name=None):
    """See `npslim.relu`."""
    return slim.relu(features, name=name)


def relu6(features, name=None):
    """See `npslim.relu6`."""
    return slim.relu6(features, name=name)


def elu(features, name=None):
    """See `npslim.elu`."""
    return slim.elu(features, name=name)


def selu(features, name=None):
    """See `npslim.selu`."""
    return slim.selu(features, name=name)


def leaky_relu(features, alpha=0.2, name=None):
    """See `npslim.leaky_relu`."""
    return slim.leaky_relu(features, alpha=alpha, name=name)


def softplus(features, name=None):
    """See `npslim.softplus`."""
    return slim.softplus(features, name=name)


def softsign(features, name=None):
    """See `npslim.softsign`."""
    return slim.softsign(features, name=name)


def softmax(logits, axis=None, name=None, dim=None):
    """See `npslim.ops.softmax.softmax`."""
    return _softmax(logits, axis=either(axis, dim, -1), name=name)


def log_softmax(logits, axis=None, name=None, dim=None):
    """See `npslim.ops.softmax.log_softmax`."""
    return _log_softmax(logits, axis=either(axis, dim, -1), name=name)


def l2_loss(t, name=None):
    """See `npslim.l2_loss`."""
    return slim.l2_loss(t, name=name)


def swish(features, beta=1.0, name=None):
    """`features * sigmoid(beta * features)`; see `npslim.ops.activation.swish`."""
    return _swish(features, name=name) if beta == 1.0 else slim.multiply(features, slim.sigmoid(beta * features))


def top_k(input, k=1, sorted=True, index_type=slim.int32, name=None):
    """See `npslim.top_k`."""
    found = slim.top_k(input, k, sorted, name)
    return found if index_type == slim.int32 else found._replace(indices=slim.cast(found.indices, index_type))


def conv1d(
    value=None, filters=None, stride=None, padding: Any = None, use_cudnn_on_gpu=None, data_format=None, name=None,
    input=None,
    dilations=None,
):  # fmt: skip
    """See `npslim.ops.conv.conv1d`."""
    return _conv.conv1d(either(value, input), filters, stride or 1, padding, data_format, name, dilations or 1)


def convolution(
    input, filter, padding, strides=None, dilation_rate=None, name=None, data_format=None, filters=None, dilations=None
):
    """See `npslim.ops.conv.convolution`."""
    filter, rate = either(filter, filters), either(dilation_rate, dilations)
    return _conv.convolution(input, filter, padding, strides, rate, name, data_format)


def conv2d(
    input, filter=None, strides=None, padding=None, use_cudnn_on_gpu=True, data_format="NHWC", dilations=(1, 1, 1, 1),
    name=None, filters=None,
):  # fmt: skip
    """See `npslim.ops.conv.conv2d`."""
    return _conv.conv2d(
        input, either(filter, filters), strides=strides, padding=padding, data_format=data_format,
        dilations=list(dilations), name=name,
    )  # fmt: skip


def conv2d_transpose(
    value=None, filter=None, output_shape=None, strides=None, padding="SAME", data_format="NHWC", name=None, input=None,
    filters=None, dilations=None,
):  # fmt: skip
    """See `npslim.ops.conv.conv2d_transpose`."""
    if dilations not in (None, 1, [1, 1], [1, 1, 1, 1]):
        raise InvalidArgumentError("conv2d_transpose: dilations are not supported.", expected=1, got=dilations)
    return _conv.conv2d_transpose(
        either(value, input), either(filter, filters), output_shape, strides=strides, padding=padding,
        data_format=data_format, name=name,
    )  # fmt: skip


def max_pool(value, ksize, strides, padding, data_format="NHWC", name=None, input=None):
    """See `npslim.ops.pool.max_pool`."""
    return pool.max_pool(either(value, input), ksize, strides, padding, data_format, name)


def avg_pool(value, ksize, strides, padding, data_format="NHWC", name=None, input=None):
    """See `npslim.ops.pool.avg_pool`."""
    return pool.avg_pool(either(value, input), ksize, strides, padding, data_format, name)


def softmax_cross_entropy_with_logits(labels=None, logits=None, dim=-1, name=None, axis=None):
    """See `npslim.softmax_cross_entropy_with_logits`."""
    return slim.softmax_cross_entropy_with_logits(labels, logits, dim if axis is None else axis, name)


def softmax_cross_entropy_with_logits_v2(labels, logits, axis=None, name=None, dim=None):
    """See `npslim.ops.softmax.softmax_cross_entropy_with_logits_v2`."""
    return _cross_entropy_v2(labels, logits, either(axis, dim, -1), name)


def confusion_matrix(labels, predictions, num_classes=None, weights=None, dtype=slim.int32, name=None):
    """See `npslim.metrics.confusion_matrix`."""
    return _confusion_matrix(labels, predictions, num_classes, dtype, name, weights)


def max_pool_with_argmax(
    input, ksize, strides, padding, data_format="NHWC", Targmax=None, name=None, output_dtype=None,  # noqa: N803
    include_batch_in_index=False,
):  # fmt: skip
    """See `npslim.ops.pool.max_pool_with_argmax`."""
    return pool.max_pool_with_argmax(
        input, ksize=ksize, strides=strides, padding=padding, data_format=data_format, name=name,
        output_dtype=either(Targmax, output_dtype, slim.int64), include_batch_in_index=include_batch_in_index,
    )  # fmt: skip


def fused_batch_norm(
    x, scale, offset, mean=None, variance=None, epsilon=0.001, data_format="NHWC", is_training=True, name=None,
    exponential_avg_factor=1.0,
):  # fmt: skip
    """See `npslim.ops.normalize.fused_batch_norm`."""
    moments = () if mean is None else (mean, variance)
    return normalize.fused_batch_norm(
        x, scale, offset, *moments, epsilon=epsilon, data_format=data_format, is_training=is_training, name=name
    )


def in_top_k(predictions, targets, k, name=None):
    """See `npslim.in_top_k`."""
    return slim.in_top_k(predictions, targets, k=k, name=name)
