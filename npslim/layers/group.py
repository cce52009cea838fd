"""Layers that normalize an example over its space: each channel by itself, or groups of channels together."""

from npslim.arguments import check_choice
from npslim.caller import user_line
from npslim.errors import ShapeError
from npslim.initializers import ones_initializer, zeros_initializer
from npslim.layers.common import first_channels, known_channels, layer, sizes_of, static_shape
from npslim.ops.functions import square
from npslim.ops.normalize import batch_normalization, moments
from npslim.ops.reduce import reduce_mean
from npslim.ops.shape import reshape, reshape_like
from npslim.scopes import add_arg_scope
from npslim.spec import show_shape


@add_arg_scope
def instance_norm(
    inputs,
    center=True,
    scale=True,
    epsilon=1e-6,
    activation_fn=None,
    param_initializers=None,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    data_format="NHWC",
    scope=None,
):
    """Normalize each channel of each example over its spatial dimensions (Ulyanov et al., 2016).

    inputs: `[n, ..., c]`, or `[n, c, ...]` for data_format "NCHW"; c known. Returns the same shape.
    Makes `<scope>/beta [c]` (if center) and `<scope>/gamma [c]` (if scale); `param_initializers` may have an
    initializer for each. Raises ValueError for an unknown rank, number of channels or data_format.
    """
    check_choice(data_format, ("NHWC", "NCHW"), "data_format")
    with layer(
        scope, "InstanceNorm", inputs, reuse=reuse, trainable=trainable,
        variables_collections=variables_collections, outputs_collections=outputs_collections,
    ) as here:  # fmt: skip
        channels = known_channels(here.inputs, data_format)
        rank = len(static_shape(here.inputs))
        at = 1 if first_channels(data_format) else rank - 1
        beta, gamma = _parameters(here, [channels], center, scale, param_initializers)
        shape = [channels if i == at else 1 for i in range(rank)]
        mean, variance = moments(here.inputs, [i for i in range(1, rank) if i != at], keep_dims=True)
        outputs = batch_normalization(
            here.inputs, mean, variance, _shaped(beta, shape), _shaped(gamma, shape), epsilon, name="instancenorm"
        )
        return here.finish(outputs, activation_fn)


@add_arg_scope
def group_norm(
    inputs,
    groups=32,
    channels_axis=-1,
    reduction_axes=(-3, -2),
    center=True,
    scale=True,
    epsilon=1e-6,
    activation_fn=None,
    param_initializers=None,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    scope=None,
    mean_close_to_zero=False,
):
    """Normalize groups of channels of each example together (Wu & He, 2018).

    inputs: any rank; the size of `channels_axis` known and a multiple of `groups`. reduction_axes: the other
    dimensions that a mean is taken over. mean_close_to_zero: compute the variance from the mean of the squares, which
    is exact enough for small means. Returns the same shape.
    Makes `<scope>/beta [c]` (if center) and `<scope>/gamma [c]` (if scale).
    Raises ValueError for axes out of range or given twice, or channels that do not divide into groups.
    """
    with layer(
        scope, "GroupNorm", inputs, reuse=reuse, trainable=trainable,
        variables_collections=variables_collections, outputs_collections=outputs_collections,
    ) as here:  # fmt: skip
        at, axes = _axes(here.inputs, channels_axis, reduction_axes)
        channels = _divisible(here.inputs, at, groups)
        beta, gamma = _parameters(here, [channels], center, scale, param_initializers)
        sizes, split = sizes_of(here.inputs), [groups, channels // groups]
        grouped = reshape(here.inputs, [*sizes[:at], *split, *sizes[at + 1 :]], name="grouped")
        axes = sorted([at + 1, *(a + (a > at) for a in axes)])
        find_moments = _moments_near_zero if mean_close_to_zero else moments
        mean, variance = find_moments(grouped, axes, keep_dims=True)
        shape = [1] * at + split + [1] * (len(sizes) - at - 1)
        outputs = batch_normalization(
            grouped, mean, variance, _shaped(beta, shape), _shaped(gamma, shape), epsilon, name="groupnorm"
        )
        return here.finish(reshape_like(outputs, here.inputs, name="Reshape"), activation_fn)


def _parameters(here, shape, center, scale, initializers):
    """The variables (beta, gamma), None for those that are not asked for."""
    initializers = initializers or {}
    beta = here.variable("beta", shape, initializers.get("beta", zeros_initializer())) if center else None
    gamma = here.variable("gamma", shape, initializers.get("gamma", ones_initializer())) if scale else None
    return beta, gamma


def _shaped(variable, shape):
    return None if variable is None else reshape(variable, shape)


def _axes(inputs, channels_axis, reduction_axes):
    """(channels_axis, reduction_axes) counted from the front. Raises ShapeError."""
    rank, given = inputs.spec.rank, (channels_axis, *reduction_axes)
    if rank is None or not all(-rank <= axis < rank for axis in given):
        raise ShapeError(
            "group_norm: an axis is out of range.", expected=f"axes {list(given)} within the rank of the inputs",
            got=f"{inputs.name} {show_shape(inputs.spec.shape)}", made_at=user_line(),
        )  # fmt: skip
    at, axes = channels_axis % rank, [axis % rank for axis in reduction_axes]
    if at in axes or len(set(axes)) != len(axes):
        raise ShapeError(
            "group_norm: reduction_axes must be distinct, and without channels_axis.", expected="each axis once",
            got=f"channels_axis={channels_axis}, reduction_axes={tuple(reduction_axes)}", made_at=user_line(),
        )  # fmt: skip
    return at, axes


def _divisible(inputs, at, groups):
    """The number of channels, dimension `at` of `inputs`. Raises ShapeError unless it divides into `groups`."""
    channels = inputs.spec.shape[at]
    if channels is None or not 1 <= groups <= channels or channels % groups:
        raise ShapeError(
            "group_norm: the channels do not divide into the groups.", expected=f"a multiple of groups={groups}",
            got=f"{inputs.name} {show_shape(inputs.spec.shape)}, dimension {at}", made_at=user_line(),
        )  # fmt: skip
    return channels


def _moments_near_zero(x, axes, keep_dims):
    """(mean, variance) with the variance as the mean of the squares minus the square of the mean."""
    mean = reduce_mean(x, axis=axes, keepdims=keep_dims)
    return mean, reduce_mean(square(x), axis=axes, keepdims=keep_dims) - square(mean)
