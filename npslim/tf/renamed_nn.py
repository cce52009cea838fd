"""Functions of `tf.nn` that TensorFlow's programs call with other names for their arguments; see `renamed.py`."""

from npslim.ops import conv as _conv
from npslim.ops import pool as _pool
from npslim.ops import softmax as _softmax
from npslim.tf.renamed import either


def conv3d(
    input, filter=None, strides=None, padding=None, data_format="NDHWC", dilations=(1, 1, 1, 1, 1), name=None,
    filters=None,
):  # fmt: skip
    """See `npslim.ops.conv.conv3d`."""
    return _conv.conv3d(
        input, either(filter, filters), strides=strides, padding=padding, data_format=data_format,
        dilations=list(dilations), name=name,
    )  # fmt: skip


def conv3d_transpose(
    value=None, filter=None, output_shape=None, strides=None, padding="SAME", data_format="NDHWC", name=None,
    input=None, filters=None, dilations=None,
):  # fmt: skip
    """See `npslim.ops.conv.conv3d_transpose`."""
    return _conv.conv3d_transpose(
        either(value, input), either(filter, filters), output_shape, strides=strides, padding=padding,
        data_format=data_format, dilations=dilations or 1, name=name,
    )  # fmt: skip


def depthwise_conv2d_native(
    input, filter, strides, padding, data_format="NHWC", dilations=(1, 1, 1, 1), name=None
):  # fmt: skip
    """See `npslim.ops.conv.depthwise_conv2d_native`."""
    return _conv.depthwise_conv2d_native(
        input, filter, strides=strides, padding=padding, data_format=data_format, dilations=list(dilations), name=name
    )


def max_pool3d(input, ksize, strides, padding, data_format="NDHWC", name=None):
    """See `npslim.ops.pool.max_pool3d`."""
    return _pool.max_pool3d(input, ksize=ksize, strides=strides, padding=padding, data_format=data_format, name=name)


def avg_pool3d(input, ksize, strides, padding, data_format="NDHWC", name=None):
    """See `npslim.ops.pool.avg_pool3d`."""
    return _pool.avg_pool3d(input, ksize=ksize, strides=strides, padding=padding, data_format=data_format, name=name)


def weighted_cross_entropy_with_logits(labels=None, logits=None, pos_weight=None, name=None, targets=None):
    """See `npslim.ops.softmax.weighted_cross_entropy_with_logits`."""
    return _softmax.weighted_cross_entropy_with_logits(either(labels, targets), logits, pos_weight, name=name)
