"""Layers at the two ends of a classifier: class numbers to vectors, and logits to probabilities."""

from npslim.errors import ShapeError
from npslim.graph import user_line
from npslim.layers.common import collect_named_outputs, layer_without_variables
from npslim.ops import softmax as softmax_ops
from npslim.ops.create import one_hot
from npslim.ops.shape import reshape, reshape_like
from npslim.scopes import add_arg_scope
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
