"""Softmax layers, and the vectors that stand for class numbers."""

from npslim.caller import user_line
from npslim.errors import ShapeError
from npslim.initializers import constant_initializer
from npslim.layers.common import collect_named_outputs, layer, layer_without_variables, static_shape
from npslim.ops import softmax as softmax_ops
from npslim.ops.create import linspace, one_hot
from npslim.ops.join import stack
from npslim.ops.logic import cast
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import expand_dims, reshape, reshape_like, shape, transpose
from npslim.scopes import add_arg_scope, name_scope
from npslim.spec import show_shape


@add_arg_scope
def softmax(logits, scope=None):
    """Probabilities over the last dimension: `[..., k]`, k known. Raises ValueError below rank 2 or for unknown k."""
    with layer_without_variables(scope, "softmax", logits) as (_, logits):
        if logits.spec.rank is None or logits.spec.rank < 2 or logits.spec.shape[-1] is None:
            raise ShapeError(
                "softmax: the logits need a known last dimension.", expected="[..., k]",
                got=f"{logits.name} {show_shape(logits.spec.shape)}", made_at=user_line(),
            )  # fmt: skip
        rows = reshape(logits, [-1, logits.spec.shape[-1]])
        return reshape_like(softmax_ops.softmax(rows), logits, name="Reshape_1")


@add_arg_scope
def one_hot_encoding(labels, num_classes, on_value=1.0, off_value=0.0, outputs_collections=None, scope=None):
    """Vectors with `on_value` at the place of the label: `[n]` integers to `[n, num_classes]` float32."""
    with layer_without_variables(scope, "OneHotEncoding", labels) as (opened, labels):
        outputs = one_hot(labels, num_classes, on_value=on_value, off_value=off_value)
        return collect_named_outputs(outputs_collections, opened, outputs)


@add_arg_scope
def spatial_softmax(
    features, temperature=None, name=None, variables_collections=None, trainable=True, data_format="NHWC"
):
    """Where each channel is active: the expected position under a softmax over its pixels (Levine et al., 2015).

    features: `[n, h, w, c]`, or `[n, c, h, w]` for data_format "NCHW". Returns `[n, 2 * c]`: for each channel its row
    and its column, -1 at the first and 1 at the last. temperature: what the features are divided by at first, 1 for
    None. Makes the variable `<name>/temperature []`, which is learned unless `trainable` is False.
    Raises ValueError for another rank or data_format.
    """
    with (
        layer(name, "spatial_softmax", features, None, trainable, variables_collections) as here,
        name_scope("spatial_softmax_op"),
    ):
        if data_format not in ("NHWC", "NCHW") or here.inputs.spec.rank != 4:
            raise ShapeError(
                "spatial_softmax: wrong rank or data_format.", expected="rank 4, NHWC or NCHW",
                got=f"{here.inputs.name} {show_shape(here.inputs.spec.shape)}, {data_format!r}", made_at=user_line(),
            )  # fmt: skip
        first = here.inputs if data_format == "NCHW" else transpose(here.inputs, [0, 3, 1, 2])
        start = 1.0 if temperature is None else temperature
        scale = here.variable("temperature", (), constant_initializer(start))
        height, width = (shape(first)[i] if n is None else n for i, n in enumerate(static_shape(first)) if i > 1)
        rows = reshape(first, [-1, height * width])
        attention = reshape_like(softmax_ops.softmax(rows / scale), first)
        down, across = _steps(height, first.spec.dtype), _steps(width, first.spec.dtype)
        at_row = reduce_sum(attention * expand_dims(down, axis=-1), axis=(2, 3))
        at_column = reduce_sum(attention * across, axis=(2, 3))
        channels = first.spec.shape[1]
        both = stack(at_row, at_column, axis=-1)
        return reshape(both, [-1, 2 * channels if channels else 2 * shape(first)[1]], name="Reshape_3")


def _steps(n, dtype):
    """`n` numbers from -1 to 1."""
    return cast(linspace(-1.0, 1.0, n), dtype=dtype)
