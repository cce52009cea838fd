"""Pooling layers."""

from npslim.errors import ShapeError
from npslim.graph import user_line
from npslim.layers.common import collect_named_outputs, first_channels, layer_without_variables, n_of
from npslim.ops.pool import avg_pool, max_pool
from npslim.scopes import add_arg_scope
from npslim.spec import show_shape


def _pool(function, default_name, inputs, kernel_size, stride, padding, data_format, outputs_collections, scope, n):
    with layer_without_variables(scope, default_name, inputs) as (opened, inputs):
        if inputs.spec.rank not in (None, n + 2):
            raise ShapeError(
                f"{default_name}: the inputs have the wrong rank.", expected=f"rank {n + 2}",
                got=f"{inputs.name} {show_shape(inputs.spec.shape)}", made_at=user_line(),
            )  # fmt: skip
        first_channels(data_format)
        outputs = function(
            inputs, ksize=n_of(kernel_size, n, "kernel_size"), strides=n_of(stride, n, "stride"),
            padding=padding.upper(), data_format=data_format,
        )  # fmt: skip
        return collect_named_outputs(outputs_collections, opened, outputs)


@add_arg_scope
def max_pool2d(
    inputs, kernel_size, stride=2, padding="VALID", data_format="NHWC", outputs_collections=None, scope=None
):
    """The maximum of each window.

    inputs: `[n, h, w, c]`, or `[n, c, h, w]` for data_format "NCHW". Returns the same rank, smaller h and w.
    Raises ValueError for another rank or data_format.
    """
    return _pool(
        max_pool, "MaxPool2D", inputs, kernel_size, stride, padding, data_format, outputs_collections, scope, 2
    )


@add_arg_scope
def avg_pool2d(
    inputs, kernel_size, stride=2, padding="VALID", data_format="NHWC", outputs_collections=None, scope=None
):
    """The mean of each window; at a border of SAME padding, of the part that lies inside.

    inputs: `[n, h, w, c]`, or `[n, c, h, w]` for data_format "NCHW". Returns the same rank, smaller h and w.
    Raises ValueError for another rank or data_format.
    """
    return _pool(
        avg_pool, "AvgPool2D", inputs, kernel_size, stride, padding, data_format, outputs_collections, scope, 2
    )


@add_arg_scope
def max_pool3d(
    inputs, kernel_size, stride=2, padding="VALID", data_format="NDHWC", outputs_collections=None, scope=None
):
    """`max_pool2d` for `[n, d, h, w, c]`."""
    return _pool(
        max_pool, "MaxPool3D", inputs, kernel_size, stride, padding, data_format, outputs_collections, scope, 3
    )


@add_arg_scope
def avg_pool3d(
    inputs, kernel_size, stride=2, padding="VALID", data_format="NDHWC", outputs_collections=None, scope=None
):
    """`avg_pool2d` for `[n, d, h, w, c]`."""
    return _pool(
        avg_pool, "AvgPool3D", inputs, kernel_size, stride, padding, data_format, outputs_collections, scope, 3
    )
