"""The fully connected layer: weights, product, biases or normalizer, activation."""

import functools

from npslim.caller import user_line
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.initializers import xavier_initializer, zeros_initializer
from npslim.layers.common import known_channels, layer
from npslim.ops.activation import elu, relu, relu6
from npslim.ops.linear import matmul, tensordot
from npslim.scopes import add_arg_scope
from npslim.spec import show_shape


@add_arg_scope
def fully_connected(
    inputs,
    num_outputs,
    activation_fn=relu,
    normalizer_fn=None,
    normalizer_params=None,
    weights_initializer=xavier_initializer(),
    weights_regularizer=None,
    biases_initializer=zeros_initializer(),
    biases_regularizer=None,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    scope=None,
):
    """Multiply by a `weights` variable, add `biases` or normalize, activate.

    inputs: `[..., k]`, k known. Returns `[..., num_outputs]`, same dtype.
    Makes `<scope>/weights [k, num_outputs]` and, without a normalizer, `<scope>/biases [num_outputs]`.
    For the other arguments see `npslim.layers`.
    Raises ValueError if k is unknown or the rank below 2, or num_outputs is no positive integer.
    """
    if not isinstance(num_outputs, int) or num_outputs < 1:
        raise InvalidArgumentError(
            "num_outputs must be a positive integer.", expected="an int >= 1", got=repr(num_outputs)
        )
    with layer(
        scope, "fully_connected", inputs, reuse=reuse, trainable=trainable,
        variables_collections=variables_collections, outputs_collections=outputs_collections,
    ) as here:  # fmt: skip
        if here.inputs.spec.rank is None or here.inputs.spec.rank < 2:
            raise ShapeError(
                "fully_connected: the inputs need a rank of at least 2.", expected="[..., k]",
                got=f"{here.inputs.name} {show_shape(here.inputs.spec.shape)}", made_at=user_line(),
            )  # fmt: skip
        shape = [known_channels(here.inputs), num_outputs]
        weights = here.variable("weights", shape, weights_initializer, weights_regularizer)
        product = matmul if here.inputs.spec.rank == 2 else _product_of_last
        outputs = product(here.inputs, weights)
        outputs = here.normalize_or_bias(
            outputs, normalizer_fn, normalizer_params, biases_initializer, biases_regularizer
        )
        return here.finish(outputs, activation_fn)


def _product_of_last(inputs, weights):
    """Sum over the last dimension of `inputs` and the first of `weights`."""
    return tensordot(inputs, weights, [[inputs.spec.rank - 1], [0]])


linear = functools.partial(fully_connected, activation_fn=None)
relu_layer = functools.partial(fully_connected, activation_fn=relu)
relu6_layer = functools.partial(fully_connected, activation_fn=relu6)
elu_layer = functools.partial(fully_connected, activation_fn=elu)
