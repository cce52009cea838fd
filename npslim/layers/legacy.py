"""The fully connected layer of TensorFlow 0.x, with its own names: `bias`, and collections for everything."""

import functools

from npslim.arguments import check_function
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import ShapeError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.initializers import xavier_initializer, zeros_initializer
from npslim.layers.common import sizes_of
from npslim.ops.activation import relu
from npslim.ops.linear import matmul
from npslim.ops.normalize import bias_add
from npslim.ops.shape import reshape
from npslim.scopes import variable_scope
from npslim.spec import show_shape
from npslim.variables import get_variable


def legacy_fully_connected(
    x,
    num_output_units,
    activation_fn=None,
    weight_init=xavier_initializer(),
    bias_init=zeros_initializer(),
    name=None,
    weight_collections=(GraphKeys.WEIGHTS,),
    bias_collections=(GraphKeys.BIASES,),
    output_collections=(GraphKeys.ACTIVATIONS,),
    trainable=True,
    weight_regularizer=None,
    bias_regularizer=None,
):
    """`activation_fn(x @ weights + bias)`.

    x: `[..., k]`, k known, rank at least 2. Returns `[..., num_output_units]`, which goes to `output_collections`.
    Makes `<name>/weights [k, num_output_units]` and, unless bias_init is None, `<name>/bias [num_output_units]`.
    Raises ValueError for a lower rank or unknown k.
    """
    with variable_scope(name, "fully_connected", [x]):
        x = as_tensor(x)
        rank = x.spec.rank
        if rank is None or rank < 2 or x.spec.shape[-1] is None:
            raise ShapeError(
                "legacy_fully_connected: x needs a rank of at least 2 and a known last dimension.", expected="[..., k]",
                got=f"{x.name} {show_shape(x.spec.shape)}", made_at=user_line(),
            )  # fmt: skip
        weights = get_variable(
            "weights", shape=[x.spec.shape[-1], num_output_units], dtype=x.dtype, initializer=weight_init,
            collections=[*weight_collections, GraphKeys.GLOBAL_VARIABLES], regularizer=weight_regularizer,
            trainable=trainable,
        )  # fmt: skip
        y = matmul(x if rank == 2 else reshape(x, [-1, x.spec.shape[-1]]), weights)
        if bias_init is not None:
            bias = get_variable(
                "bias", shape=[num_output_units], dtype=x.dtype, initializer=bias_init,
                collections=[*bias_collections, GraphKeys.GLOBAL_VARIABLES], regularizer=bias_regularizer,
                trainable=trainable,
            )  # fmt: skip
            y = bias_add(y, bias)
        if rank > 2:
            y = reshape(y, [*sizes_of(x)[:-1], num_output_units])
        check_function(activation_fn, "activation_fn", optional=True)
        outputs = y if activation_fn is None else activation_fn(y)
        get_default_graph().add_to_collections(list(output_collections or ()), outputs)
        return outputs


legacy_linear = functools.partial(legacy_fully_connected, activation_fn=None)
legacy_relu = functools.partial(legacy_fully_connected, activation_fn=relu)
