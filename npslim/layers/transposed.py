"""Transposed convolution: from few pixels to many (Zeiler et al., 2010, who call it deconvolution)."""

from npslim.caller import user_line
from npslim.errors import ShapeError
from npslim.initializers import xavier_initializer, zeros_initializer
from npslim.layers.common import first_channels, known_channels, layer, n_of
from npslim.ops.activation import relu
from npslim.ops.conv import conv2d_transpose as transposed_2d
from npslim.ops.conv import conv3d_transpose as transposed_3d
from npslim.ops.shape import shape as shape_of
from npslim.scopes import add_arg_scope
from npslim.spec import show_shape


def _transposed(n, sizes):
    """The layer over n dimensions."""
    convolve = {2: transposed_2d, 3: transposed_3d}[n]

    def layer_over_n(
        inputs,
        num_outputs,
        kernel_size,
        stride=1,
        padding="SAME",
        data_format={2: "NHWC", 3: "NDHWC"}[n],
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
        with layer(
            scope, f"Conv{n}d_transpose", inputs, reuse=reuse, trainable=trainable,
            variables_collections=variables_collections, outputs_collections=outputs_collections,
        ) as here:  # fmt: skip
            if here.inputs.spec.rank not in (None, n + 2):
                raise ShapeError(
                    f"conv{n}d_transpose: the inputs have another rank.", expected=f"rank {n + 2}",
                    got=f"{here.inputs.name} {show_shape(here.inputs.spec.shape)}", made_at=user_line(),
                )  # fmt: skip
            kernel, strides = n_of(kernel_size, n, "kernel_size"), n_of(stride, n, "stride")
            shape = [*kernel, num_outputs, known_channels(here.inputs, data_format)]
            weights = here.variable("weights", shape, weights_initializer, weights_regularizer)
            outputs = convolve(
                here.inputs, weights, transposed_shape(here.inputs, num_outputs, kernel, strides, padding, data_format),
                strides=tuple(strides), padding=padding.upper(), data_format=data_format, name=f"conv{n}d_transpose",
            )  # fmt: skip
            outputs = here.normalize_or_bias(
                outputs, normalizer_fn, normalizer_params, biases_initializer, biases_regularizer, data_format
            )
            return here.finish(outputs, activation_fn)

    layer_over_n.__name__ = layer_over_n.__qualname__ = f"convolution{n}d_transpose"
    layer_over_n.__doc__ = f"""A transposed convolution: `[n, {sizes}, c]` to `stride` times as many pixels,
    `num_outputs` channels.

    c known. Makes `<scope>/weights [*kernel_size, num_outputs, c]` and, without a normalizer, `<scope>/biases`. VALID
    padding adds what the kernel reaches beyond the stride. For the other arguments see `npslim.layers`."""
    return add_arg_scope(layer_over_n)


def transposed_shape(inputs, num_outputs, kernel, strides, padding, data_format):
    """The sizes as a list of numbers and, where one is not known while defining, tensors."""
    first = first_channels(data_format)
    begin = 2 if first else 1

    def known_or_not(i):
        known = inputs.spec.shape[i]
        return shape_of(inputs)[i] if known is None else known

    sizes = []
    for i, (k, s) in enumerate(zip(kernel, strides, strict=True)):
        extra = max(k - s, 0) if padding.upper() == "VALID" else 0
        sizes.append(known_or_not(begin + i) * s + extra)
    return [known_or_not(0), num_outputs, *sizes] if first else [known_or_not(0), *sizes, num_outputs]


convolution2d_transpose, convolution3d_transpose = _transposed(2, "h, w"), _transposed(3, "d, h, w")
conv2d_transpose, conv3d_transpose = convolution2d_transpose, convolution3d_transpose
