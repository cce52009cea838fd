"""What both kinds of residual nets share: blocks of units, convolutions that pad alike for any size, defaults."""

from collections import namedtuple

from npslim.errors import InvalidArgumentError
from npslim.graph_keys import GraphKeys
from npslim.initializers import variance_scaling_initializer
from npslim.layers import batch_norm, conv2d, max_pool2d
from npslim.layers.utils import collect_named_outputs
from npslim.ops.activation import relu
from npslim.ops.padding import pad
from npslim.regularizers import l2_regularizer
from npslim.scopes import add_arg_scope, arg_scope, variable_scope


class Block(namedtuple("Block", ["scope", "unit_fn", "args"])):
    """A stage of a residual net: `unit_fn(net, **args[i])` for each i, under `scope`/unit_{i + 1}."""


def subsample(inputs, factor, scope=None):
    """Every `factor`-th row and column of `[n, h, w, c]`, by a 1x1 max pooling; `inputs` themselves for factor 1."""
    return inputs if factor == 1 else max_pool2d(inputs, [1, 1], stride=factor, scope=scope)


def conv2d_same(inputs, num_outputs, kernel_size, stride, rate=1, scope=None):
    """A convolution whose windows lie the same way for even and odd sizes: `conv2d`, then every `stride`-th output.

    "SAME" padding would shift the windows by a pixel where the size is even; here the borders depend on the kernel
    alone. kernel_size: an integer. Returns `[n, ceil(h / stride), ceil(w / stride), num_outputs]`.
    """
    if stride == 1:
        return conv2d(inputs, num_outputs, kernel_size, stride=1, rate=rate, padding="SAME", scope=scope)
    total = (kernel_size - 1) * rate
    border = [total // 2, total - total // 2]
    inputs = pad(inputs, [[0, 0], border, border, [0, 0]])
    return conv2d(inputs, num_outputs, kernel_size, stride=stride, rate=rate, padding="VALID", scope=scope)


@add_arg_scope
def stack_blocks_dense(net, blocks, output_stride=None, outputs_collections=None):
    """The blocks one after another; once `output_stride` is reached, strides become dilation rates.

    output_stride: input size over output size, of these blocks alone; None for what the blocks' strides give.
    Raises ValueError if the strides' product never is `output_stride`.
    """
    reached, rate = 1, 1
    for block in blocks:
        with variable_scope(block.scope, "block", [net]) as opened:
            for i, unit in enumerate(block.args, 1):
                stride = unit.get("stride", 1)
                with variable_scope(f"unit_{i}", values=[net]):
                    if reached == output_stride:
                        net = block.unit_fn(net, rate=rate, **{**unit, "stride": 1})
                        rate *= stride
                    else:
                        net = block.unit_fn(net, rate=1, **unit)
                        reached *= stride
                        _refuse_passing(reached, output_stride)
            net = collect_named_outputs(outputs_collections, opened.name, net)
    if output_stride is not None and reached != output_stride:
        raise InvalidArgumentError(
            "The target output_stride cannot be reached.", expected=f"at most the blocks' {reached}", got=output_stride
        )
    return net


def _refuse_passing(reached, output_stride):
    if output_stride is not None and reached > output_stride:
        raise InvalidArgumentError(
            "The target output_stride cannot be reached.",
            expected="a product of the first units' strides",
            got=f"{output_stride}, between two of them; the next is {reached}",
        )


def root_stride(output_stride):
    """`output_stride` for the blocks, after a root of stride 4. Raises ValueError unless a multiple of 4."""
    if output_stride is None:
        return None
    if output_stride % 4 != 0:
        raise InvalidArgumentError("The output_stride needs to be a multiple of 4.", got=output_stride)
    return output_stride // 4


def resnet_arg_scope(weight_decay=0.0001, batch_norm_decay=0.997, batch_norm_epsilon=1e-5, batch_norm_scale=True):
    """The defaults that residual nets are trained with: L2 penalty, He initialization, batch normalization.

    The pooling pads "SAME" as in the Torch implementation that TF-Slim follows, where the paper's pads "VALID".
    """
    normalization = {
        "decay": batch_norm_decay,
        "epsilon": batch_norm_epsilon,
        "scale": batch_norm_scale,
        "updates_collections": GraphKeys.UPDATE_OPS,
    }
    with (
        arg_scope(
            [conv2d],
            weights_regularizer=l2_regularizer(weight_decay),
            weights_initializer=variance_scaling_initializer(),
            activation_fn=relu,
            normalizer_fn=batch_norm,
            normalizer_params=normalization,
        ),
        arg_scope([batch_norm], **normalization),
        arg_scope([max_pool2d], padding="SAME") as scope,
    ):
        return scope
