"""Maxout (Goodfellow et al., 2013)."""

from npslim.caller import user_line
from npslim.errors import ShapeError
from npslim.layers.common import layer_without_variables, sizes_of, static_shape
from npslim.ops.reduce import reduce_max
from npslim.ops.shape import reshape
from npslim.scopes import add_arg_scope
from npslim.spec import show_shape


@add_arg_scope
def maxout(inputs, num_units, axis=-1, scope=None):
    """The maximum of groups of features: `num_units` of them, each over k / num_units features in a row.

    inputs: any known rank, the size k of `axis` known and a multiple of num_units. Returns the same rank with
    num_units there. Raises ValueError where it does not divide.
    """
    with layer_without_variables(scope, "MaxOut", inputs) as (_, inputs):
        shape = static_shape(inputs)
        rank = len(shape)
        k = shape[axis] if -rank <= axis < rank else None
        if k is None or num_units < 1 or k % num_units:
            raise ShapeError(
                "maxout: the number of features is no multiple of num_units.",
                expected=f"dimension {axis} a multiple of {num_units}",
                got=f"{inputs.name} {show_shape(inputs.spec.shape)}", made_at=user_line(),
            )  # fmt: skip
        at, sizes = axis % rank, sizes_of(inputs)
        groups = reshape(inputs, [*sizes[:at], num_units, k // num_units, *sizes[at + 1 :]])
        return reduce_max(groups, axis=at + 1, name="Max")
