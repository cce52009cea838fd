"""The functions of `tf.layers`: layers by their later names, with variables `kernel` and `bias`."""

from npslim import initializers
from npslim.arguments import check_choice
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.layers.common import known_channels, n_of
from npslim.layers.normalize import batch_norm
from npslim.layers.reshape import flatten as _flatten
from npslim.layers.transposed import transposed_shape
from npslim.ops import conv as conv_ops
from npslim.ops import pool as pool_ops
from npslim.ops.cond import smart_cond
from npslim.ops.linear import tensordot
from npslim.ops.normalize import bias_add
from npslim.ops.random import dropout as _dropout
from npslim.ops.shape import identity
from npslim.scopes import VariableScope, variable_scope
from npslim.variables import get_variable

_ZEROS = initializers.zeros_initializer()


def _scope(name, default, inputs, reuse):
    """The variable scope of a layer; a layer object gives the one that it is in already."""
    if isinstance(name, VariableScope):
        return variable_scope(name, auxiliary_name_scope=False)
    return variable_scope(name, default, [inputs], reuse=reuse)


def _variable(name, shape, like, initializer, regularizer, constraint, trainable):
    return get_variable(name, shape, like.dtype, initializer, regularizer, trainable, constraint=constraint)


def _finished(
    y, size, order, *, use_bias, bias_initializer, bias_regularizer, bias_constraint, trainable, activation,
    activity_regularizer, **_,
):  # fmt: skip
    """The end that layers with weights share: bias, activation, and a penalty on what comes out."""
    if use_bias:
        bias = _variable("bias", [size], y, bias_initializer, bias_regularizer, bias_constraint, trainable)
        y = bias_add(y, bias, data_format=order)
    y = y if activation is None else activation(y)
    if activity_regularizer is not None:
        get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, activity_regularizer(y))
    return y


def _order(data_format, n):
    check_choice(data_format, ("channels_last", "channels_first"), "data_format")
    last = data_format == "channels_last"
    return {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}[n][not last]


def dense(
    inputs, units, activation=None, use_bias=True, kernel_initializer=None, bias_initializer=_ZEROS,
    kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
    bias_constraint=None, trainable=True, name=None, reuse=None,
):  # fmt: skip
    """`activation(inputs @ kernel + bias)`: `[..., c]` to `[..., units]`."""
    given, inputs = dict(locals()), as_tensor(inputs)
    with _scope(name, "dense", inputs, reuse):
        depth = known_channels(inputs)
        kernel = _variable(
            "kernel", [depth, units], inputs, kernel_initializer, kernel_regularizer, kernel_constraint, trainable
        )
        rank = inputs.spec.rank or 2
        y = tensordot(inputs, kernel, [[rank - 1], [0]])
        y.set_shape([*inputs.spec.shape[:-1], units])
        return _finished(y, units, None, **given)


_TRANSPOSED = {"conv2d_transpose": conv_ops.conv2d_transpose, "conv3d_transpose": conv_ops.conv3d_transpose}


def _convolution(
    n, default_name, inputs, filters, kernel_size, strides, padding, data_format, kernel_initializer,
    kernel_regularizer, kernel_constraint, trainable, name, reuse, dilation_rate=1, **end,
):  # fmt: skip
    """What the convolutions share; `end` is what `_finished` takes."""
    inputs, order, transpose = as_tensor(inputs), _order(data_format, n), _TRANSPOSED.get(default_name)
    with _scope(name, default_name, inputs, reuse):
        size, steps = n_of(kernel_size, n, "kernel_size"), n_of(strides, n, "strides")
        depths = [known_channels(inputs, order), filters]
        kernel = _variable(
            "kernel", [*size, *(depths if transpose is None else depths[::-1])], inputs, kernel_initializer,
            kernel_regularizer, kernel_constraint, trainable,
        )  # fmt: skip
        if transpose is None:
            rate = n_of(dilation_rate, n, "dilation_rate")
            y = conv_ops.convolution(inputs, kernel, padding.upper(), steps, rate, data_format=order)
        else:
            shape = transposed_shape(inputs, filters, size, steps, padding, order)
            y = transpose(inputs, kernel, shape, strides=tuple(steps), padding=padding.upper(), data_format=order)
        return _finished(y, filters, order, trainable=trainable, **end)


def conv1d(
    inputs, filters, kernel_size, strides=1, padding="valid", data_format="channels_last", dilation_rate=1,
    activation=None, use_bias=True, kernel_initializer=None, bias_initializer=_ZEROS, kernel_regularizer=None,
    bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None, trainable=True,
    name=None, reuse=None,
):  # fmt: skip
    """A convolution of `[n, w, c]` with `filters` outputs."""
    return _convolution(1, "conv1d", **locals())


def conv2d(
    inputs, filters, kernel_size, strides=(1, 1), padding="valid", data_format="channels_last", dilation_rate=(1, 1),
    activation=None, use_bias=True, kernel_initializer=None, bias_initializer=_ZEROS, kernel_regularizer=None,
    bias_regularizer=None, activity_regularizer=None, kernel_constraint=None, bias_constraint=None, trainable=True,
    name=None, reuse=None,
):  # fmt: skip
    """A convolution of `[n, h, w, c]` with `filters` outputs."""
    return _convolution(2, "conv2d", **locals())


def conv3d(
    inputs, filters, kernel_size, strides=(1, 1, 1), padding="valid", data_format="channels_last",
    dilation_rate=(1, 1, 1), activation=None, use_bias=True, kernel_initializer=None, bias_initializer=_ZEROS,
    kernel_regularizer=None, bias_regularizer=None, activity_regularizer=None, kernel_constraint=None,
    bias_constraint=None, trainable=True, name=None, reuse=None,
):  # fmt: skip
    """A convolution of `[n, d, h, w, c]` with `filters` outputs."""
    return _convolution(3, "conv3d", **locals())


def conv2d_transpose(
    inputs, filters, kernel_size, strides=(1, 1), padding="valid", data_format="channels_last", activation=None,
    use_bias=True, kernel_initializer=None, bias_initializer=_ZEROS, kernel_regularizer=None, bias_regularizer=None,
    activity_regularizer=None, kernel_constraint=None, bias_constraint=None, trainable=True, name=None, reuse=None,
):  # fmt: skip
    """A transposed convolution of `[n, h, w, c]`: `strides` times as many pixels, `filters` channels."""
    return _convolution(2, "conv2d_transpose", **locals())


def conv3d_transpose(
    inputs, filters, kernel_size, strides=(1, 1, 1), padding="valid", data_format="channels_last", activation=None,
    use_bias=True, kernel_initializer=None, bias_initializer=_ZEROS, kernel_regularizer=None, bias_regularizer=None,
    activity_regularizer=None, kernel_constraint=None, bias_constraint=None, trainable=True, name=None, reuse=None,
):  # fmt: skip
    """A transposed convolution of `[n, d, h, w, c]`."""
    return _convolution(3, "conv3d_transpose", **locals())


def separable_conv2d(
    inputs, filters, kernel_size, strides=(1, 1), padding="valid", data_format="channels_last", dilation_rate=(1, 1),
    depth_multiplier=1, activation=None, use_bias=True, depthwise_initializer=None, pointwise_initializer=None,
    bias_initializer=_ZEROS, depthwise_regularizer=None, pointwise_regularizer=None, bias_regularizer=None,
    activity_regularizer=None, depthwise_constraint=None, pointwise_constraint=None, bias_constraint=None,
    trainable=True, name=None, reuse=None,
):  # fmt: skip
    """A convolution of each channel, then one of single pixels with `filters` outputs: `[n, h, w, c]`."""
    given, inputs, order = dict(locals()), as_tensor(inputs), _order(data_format, 2)
    with _scope(name, "separable_conv2d", inputs, reuse):
        channels = known_channels(inputs, order)
        depthwise = _variable(
            "depthwise_kernel", [*n_of(kernel_size, 2, "kernel_size"), channels, depth_multiplier], inputs,
            depthwise_initializer, depthwise_regularizer, depthwise_constraint, trainable,
        )  # fmt: skip
        pointwise = _variable(
            "pointwise_kernel", [1, 1, channels * depth_multiplier, filters], inputs, pointwise_initializer,
            pointwise_regularizer, pointwise_constraint, trainable,
        )  # fmt: skip
        y = conv_ops.separable_conv2d(
            inputs, depthwise, pointwise, strides=tuple(n_of(strides, 2, "strides")), padding=padding.upper(),
            rate=tuple(n_of(dilation_rate, 2, "dilation_rate")), data_format=order,
        )  # fmt: skip
        return _finished(y, filters, order, **given)


def _pooling(function, n, inputs, pool_size, strides, padding, data_format, name):
    return function(
        inputs, ksize=n_of(pool_size, n, "pool_size"), strides=n_of(strides, n, "strides"), padding=padding.upper(),
        data_format=_order(data_format, n), name=name,
    )  # fmt: skip


def max_pooling2d(inputs, pool_size, strides, padding="valid", data_format="channels_last", name=None):
    """The maximum of each window of `[n, h, w, c]`."""
    return _pooling(pool_ops.max_pool, 2, inputs, pool_size, strides, padding, data_format, name)


def average_pooling2d(inputs, pool_size, strides, padding="valid", data_format="channels_last", name=None):
    """The mean of each window of `[n, h, w, c]`."""
    return _pooling(pool_ops.avg_pool, 2, inputs, pool_size, strides, padding, data_format, name)


def max_pooling1d(inputs, pool_size, strides, padding="valid", data_format="channels_last", name=None):
    """The maximum of each window of `[n, w, c]`."""
    return _pooling(pool_ops.max_pool1d, 1, inputs, pool_size, strides, padding, data_format, name)


def average_pooling1d(inputs, pool_size, strides, padding="valid", data_format="channels_last", name=None):
    """The mean of each window of `[n, w, c]`."""
    return _pooling(pool_ops.avg_pool1d, 1, inputs, pool_size, strides, padding, data_format, name)


def max_pooling3d(inputs, pool_size, strides, padding="valid", data_format="channels_last", name=None):
    """The maximum of each window of `[n, d, h, w, c]`."""
    return _pooling(pool_ops.max_pool3d, 3, inputs, pool_size, strides, padding, data_format, name)


def average_pooling3d(inputs, pool_size, strides, padding="valid", data_format="channels_last", name=None):
    """The mean of each window of `[n, d, h, w, c]`."""
    return _pooling(pool_ops.avg_pool3d, 3, inputs, pool_size, strides, padding, data_format, name)


def flatten(inputs, name=None, data_format="channels_last"):
    """`[n, ...]` to `[n, k]`."""
    return _flatten(inputs, scope=name)


def dropout(inputs, rate=0.5, noise_shape=None, seed=None, training=False, name=None):
    """`inputs` with the share `rate` of elements zero and the others scaled up, if `training`, a bool or a tensor."""
    inputs = as_tensor(inputs)
    return smart_cond(
        training,
        lambda: _dropout(inputs, noise_shape=noise_shape, seed=seed, rate=rate, name=name),
        lambda: identity(inputs, name=name),
    )


def batch_normalization(
    inputs, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, beta_initializer=_ZEROS,
    gamma_initializer=None, moving_mean_initializer=_ZEROS, moving_variance_initializer=None, beta_regularizer=None,
    gamma_regularizer=None, beta_constraint=None, gamma_constraint=None, training=False, trainable=True, name=None,
    reuse=None, renorm=False, renorm_clipping=None, renorm_momentum=0.99, fused=None, virtual_batch_size=None,
    adjustment=None,
):  # fmt: skip
    """Batch normalization over `axis`, 1 or the last; the moving averages' updates are in UPDATE_OPS."""
    inputs = as_tensor(inputs)
    rank = inputs.spec.rank
    first = axis == 1 and rank not in (None, 2)
    if not first and axis not in (-1, None if rank is None else rank - 1):
        raise InvalidArgumentError("batch_normalization: the axis is that of channels.", expected="1 or -1", got=axis)
    if virtual_batch_size is not None:
        raise InvalidArgumentError("batch_normalization: virtual_batch_size is not supported.", got=virtual_batch_size)
    ones = initializers.ones_initializer()
    with _scope(name, "batch_normalization", inputs, reuse) as opened:
        return batch_norm(
            inputs, momentum, center, scale, epsilon, is_training=training, trainable=trainable, scope=opened,
            data_format="NCHW" if first else "NHWC", renorm=renorm, renorm_clipping=renorm_clipping,
            renorm_decay=renorm_momentum, fused=fused if rank in (4, 5) else False, adjustment=adjustment,
            param_initializers={
                "beta": beta_initializer, "gamma": gamma_initializer or ones, "moving_mean": moving_mean_initializer,
                "moving_variance": moving_variance_initializer or ones,
            },
            param_regularizers={
                key: value for key, value in (("beta", beta_regularizer), ("gamma", gamma_regularizer)) if value
            },
        )  # fmt: skip
