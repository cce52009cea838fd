"""Layers that normalize each example by itself, and the bias alone."""

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.initializers import ones_initializer, zeros_initializer
from npslim.layers.common import known_channels, layer, layer_without_variables
from npslim.ops.elementwise import divide
from npslim.ops.functions import sqrt, square
from npslim.ops.normalize import batch_normalization, moments
from npslim.ops.reduce import reduce_sum
from npslim.scopes import add_arg_scope
from npslim.spec import is_full, show_shape


@add_arg_scope
def bias_add(
    inputs,
    activation_fn=None,
    initializer=zeros_initializer(),
    regularizer=None,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    data_format="NHWC",
    scope=None,
):
    """Add a variable `<scope>/biases [c]` to the channels of `inputs`: `[..., c]`, or `[n, c, ...]` for "NCHW"; c
    known.
    """
    with layer(
        scope, "BiasAdd", inputs, reuse=reuse, trainable=trainable,
        variables_collections=variables_collections, outputs_collections=outputs_collections,
    ) as here:  # fmt: skip
        known_channels(here.inputs, data_format)
        outputs = here.normalize_or_bias(here.inputs, None, None, initializer, regularizer, data_format)
        return here.finish(outputs, activation_fn)


@add_arg_scope
def unit_norm(inputs, dim, epsilon=1e-7, scope=None):
    """`inputs` divided by their L2 norm along dimension `dim`. Raises ValueError for a dimension out of range."""
    with layer_without_variables(scope, "UnitNorm", inputs) as (_, inputs):
        rank = inputs.spec.rank
        if rank is None or not 0 <= dim < rank:
            raise InvalidArgumentError(
                "unit_norm: dim must be a dimension of the inputs.", expected=f"0 <= dim < {rank}", got=dim,
                made_at=user_line(),
            )  # fmt: skip
        lengths = sqrt(reduce_sum(square(inputs), axis=dim, keepdims=True) + epsilon)
        return divide(inputs, lengths, name="div")


@add_arg_scope
def layer_norm(
    inputs,
    center=True,
    scale=True,
    activation_fn=None,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    begin_norm_axis=1,
    begin_params_axis=-1,
    scope=None,
):
    """Normalize each example over the dimensions from `begin_norm_axis` on (Ba et al., 2016).

    Makes `<scope>/beta` (if center) and `<scope>/gamma` (if scale), of the sizes from `begin_params_axis` on, which
    must be known. Raises ValueError for an axis out of range or unknown sizes.
    """
    with layer(
        scope, "LayerNorm", inputs, reuse=reuse, trainable=trainable,
        variables_collections=variables_collections, outputs_collections=outputs_collections,
    ) as here:  # fmt: skip
        rank = here.inputs.spec.rank
        for axis in (begin_norm_axis, begin_params_axis):
            if rank is None or not -rank <= axis < rank:
                raise ShapeError("layer_norm: an axis is out of range.", expected=f"rank > {axis}", got=f"rank {rank}")
        shape = here.inputs.spec.shape[begin_params_axis % rank :]
        if not is_full(shape):
            raise ShapeError(
                "layer_norm: the parameters' sizes must be known.", expected="sizes", got=show_shape(shape)
            )
        beta = here.variable("beta", shape, zeros_initializer()) if center else None
        gamma = here.variable("gamma", shape, ones_initializer()) if scale else None
        mean, variance = moments(here.inputs, list(range(begin_norm_axis % rank, rank)), keep_dims=True)
        outputs = batch_normalization(
            here.inputs, mean, variance, None if beta is None else as_tensor(beta),
            None if gamma is None else as_tensor(gamma), 1e-3 if here.inputs.spec.dtype == np.float16 else 1e-12,
        )  # fmt: skip
        return here.finish(outputs, activation_fn)
