"""Layers that only change the shape."""

from npslim.caller import user_line
from npslim.errors import ShapeError
from npslim.graph import get_default_graph
from npslim.layers.common import collect_named_outputs, layer_without_variables
from npslim.ops.shape import reshape
from npslim.scopes import add_arg_scope
from npslim.spec import count, show_shape


@add_arg_scope
def flatten(inputs, outputs_collections=None, scope=None):
    """All but the first dimension as one: `[n, ...]` to `[n, k]`. Raises ValueError below rank 1 or for an unknown
    rank.
    """
    with layer_without_variables(scope, "Flatten", inputs) as (opened, inputs):
        if not inputs.spec.rank:
            raise ShapeError(
                "flatten: the inputs need a batch dimension.", expected="a known rank >= 1",
                got=f"{inputs.name} {show_shape(inputs.spec.shape)}", made_at=user_line(),
            )  # fmt: skip
        k = count(inputs.spec.shape[1:])
        with get_default_graph().name_scope("flatten"):
            batch = inputs.spec.shape[0]
            outputs = reshape(inputs, [-1, k] if k else [batch or -1, -1] if k is None else [batch, 0])
        return collect_named_outputs(outputs_collections, opened, outputs)
