"""Pooling layers."""

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.layers.common import collect_named_outputs, first_channels, layer_without_variables, n_of
from npslim.ops.pool import avg_pool, max_pool
from npslim.ops.pool import pool as pool_op
from npslim.scopes import add_arg_scope, name_scope
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


@add_arg_scope
def pool(
    inputs,
    kernel_size,
    pooling_type,
    padding="VALID",
    data_format=None,
    dilation_rate=1,
    stride=1,
    outputs_collections=None,
    scope=None,
):
    """The maximum ("MAX") or mean ("AVG") of windows over the 1 to 3 spatial dimensions of `inputs`.

    inputs: `[n, ..., c]`, or `[n, c, ...]` for a data_format that begins with "NC". kernel_size, dilation_rate, stride:
    an int, or one for each spatial dimension. padding: "SAME" or "VALID"; "VALID" alone with a dilation.
    Raises ValueError for an unknown rank, another pooling_type, or stride together with dilation_rate.
    """
    with name_scope(scope, f"{str(pooling_type).lower()}_pool", [inputs]) as opened:
        inputs = as_tensor(inputs)
        n = None if inputs.spec.rank is None else inputs.spec.rank - 2
        if n not in (1, 2, 3) or pooling_type not in ("MAX", "AVG"):
            raise ShapeError(
                "pool: wrong rank of the inputs, or pooling_type.", expected="rank 3, 4 or 5; MAX or AVG",
                got=f"{inputs.name} {show_shape(inputs.spec.shape)}, {pooling_type!r}", made_at=user_line(),
            )  # fmt: skip
        first_channels(data_format)
        window, rate = n_of(kernel_size, n, "kernel_size"), n_of(dilation_rate, n, "dilation_rate")
        steps = n_of(stride, n, "stride")
        dilated = max(rate) > 1
        if dilated and (max(steps) > 1 or padding.upper() != "VALID"):
            raise InvalidArgumentError(
                "pool: a dilation goes with stride 1 and VALID padding only.", expected="stride=1, padding='VALID'",
                got=f"stride={steps}, padding={padding!r}, dilation_rate={rate}", made_at=user_line(),
            )  # fmt: skip
        outputs = pool_op(
            inputs, window, pooling_type, padding.upper(), strides=steps, dilations=rate, data_format=data_format,
            name=opened + "BatchToSpaceND/" if dilated else opened,
        )  # fmt: skip
        return collect_named_outputs(outputs_collections, opened, outputs)
