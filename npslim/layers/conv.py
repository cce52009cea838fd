"""Convolution layers: weights, convolution, biases or normalizer, activation."""

from npslim.caller import user_line
from npslim.errors import InvalidArgumentError, ShapeError
from npslim.initializers import xavier_initializer, zeros_initializer
from npslim.layers.common import first_channels, known_channels, layer, n_of
from npslim.ops.activation import relu
from npslim.ops.conv import convolution as convolve
from npslim.scopes import add_arg_scope
from npslim.spec import show_shape


def _convolution(
    inputs, num_outputs, kernel_size, stride, padding, data_format, rate, activation_fn, normalizer_fn,
    normalizer_params, weights_initializer, weights_regularizer, biases_initializer, biases_regularizer, reuse,
    variables_collections, outputs_collections, trainable, scope, conv_dims,
):  # fmt: skip
    with layer(
        scope, "Conv", inputs, reuse=reuse, trainable=trainable,
        variables_collections=variables_collections, outputs_collections=outputs_collections,
    ) as here:  # fmt: skip
        n = _spatial_rank(here.inputs, conv_dims)
        kernel_size, stride, rate = (
            n_of(kernel_size, n, "kernel_size"),
            n_of(stride, n, "stride"),
            n_of(rate, n, "rate"),
        )
        _check(num_outputs, stride, rate, data_format, n)
        shape = [*kernel_size, known_channels(here.inputs, data_format), num_outputs]
        weights = here.variable("weights", shape, weights_initializer, weights_regularizer)
        outputs = convolve(
            here.inputs, weights, padding=padding.upper(), strides=stride, dilation_rate=rate, data_format=data_format,
            name=f"Conv{n}D" if n > 1 else "conv1d",
        )  # fmt: skip
        outputs = here.normalize_or_bias(
            outputs, normalizer_fn, normalizer_params, biases_initializer, biases_regularizer, data_format
        )
        return here.finish(outputs, activation_fn)


def _spatial_rank(inputs, conv_dims):
    """How many dimensions to convolve over. Raises ValueError if the inputs' rank does not fit."""
    rank = inputs.spec.rank
    if rank is None or not 3 <= rank <= 5 or (conv_dims is not None and rank != conv_dims + 2):
        raise ShapeError(
            "Convolution expects input with rank " + (str(conv_dims + 2) if conv_dims else "3, 4 or 5") + ".",
            expected="[batch, ..., channels]", got=f"{inputs.name} {show_shape(inputs.spec.shape)}",
            made_at=user_line(),
        )  # fmt: skip
    return rank - 2


def _check(num_outputs, stride, rate, data_format, n):
    first_channels(data_format)
    if data_format not in (None, {1: "NWC", 2: "NHWC", 3: "NDHWC"}[n], {1: "NCW", 2: "NCHW", 3: "NCDHW"}[n]):
        raise InvalidArgumentError(
            "The data_format is for another rank.", expected=f"{n} spatial dimensions", got=data_format
        )
    if num_outputs is None or num_outputs < 1:
        raise InvalidArgumentError("num_outputs must be positive.", expected="an integer >= 1", got=num_outputs)
    if max(stride) > 1 and max(rate) > 1:
        raise InvalidArgumentError(
            "A stride and a rate cannot both be above 1.",
            expected="stride 1 or rate 1",
            got=f"stride {stride}, rate {rate}",
        )


@add_arg_scope
def convolution(
    inputs,
    num_outputs,
    kernel_size,
    stride=1,
    padding="SAME",
    data_format=None,
    rate=1,
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
    conv_dims=None,
):
    """Convolve with a `weights` variable, add `biases` or normalize, activate.

    inputs: `[n, ..., c]` with 1 to 3 spatial dimensions, or channels second for data_format "NCW", "NCHW", "NCDHW"; c
    known. Returns `[n, ..., num_outputs]`, same dtype. Makes `<scope>/weights [*kernel_size, c, num_outputs]` and,
    without a normalizer, `<scope>/biases [num_outputs]`. rate: dilation. padding: "SAME" or "VALID".
    For the other arguments see `npslim.layers`. Raises ValueError for another rank, unknown c, or stride and rate both
    above 1.
    """
    return _convolution(
        inputs, num_outputs, kernel_size, stride, padding, data_format, rate, activation_fn, normalizer_fn,
        normalizer_params, weights_initializer, weights_regularizer, biases_initializer, biases_regularizer, reuse,
        variables_collections, outputs_collections, trainable, scope, conv_dims,
    )  # fmt: skip


def _over(n, sizes):
    """`convolution` over n dimensions only, as a function of its own for arg_scope."""

    def layer_over_n(
        inputs,
        num_outputs,
        kernel_size,
        stride=1,
        padding="SAME",
        data_format=None,
        rate=1,
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
        return _convolution(
            inputs, num_outputs, kernel_size, stride, padding, data_format, rate, activation_fn, normalizer_fn,
            normalizer_params, weights_initializer, weights_regularizer, biases_initializer, biases_regularizer, reuse,
            variables_collections, outputs_collections, trainable, scope, n,
        )  # fmt: skip

    layer_over_n.__name__ = layer_over_n.__qualname__ = f"convolution{n}d"
    layer_over_n.__doc__ = f"`convolution` over {n} dimensions: inputs `[n, {sizes}, c]`, or channels second."
    return add_arg_scope(layer_over_n)


convolution1d, convolution2d, convolution3d = _over(1, "w"), _over(2, "h, w"), _over(3, "d, h, w")
conv1d, conv2d, conv3d = convolution1d, convolution2d, convolution3d
