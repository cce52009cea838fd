"""Batch normalization (Ioffe and Szegedy, 2015), with batch renormalization (Ioffe, 2017)."""

import numbers

import numpy as np

from npslim.arguments import check_choice
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies, get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.initializers import ones_initializer, zeros_initializer
from npslim.layers.common import first_channels, known_channels, layer
from npslim.layers.utils import constant_value, smart_cond
from npslim.moving_averages import assign_moving_average
from npslim.ops.activation import relu
from npslim.ops.elementwise import maximum, minimum
from npslim.ops.functions import sqrt
from npslim.ops.normalize import batch_normalization, fused_batch_norm, moments, weighted_moments
from npslim.ops.shape import identity, ones_like, reshape, reshape_like, stop_gradient, zeros_like
from npslim.scopes import add_arg_scope
from npslim.spec import compatible, show_shape


@add_arg_scope
def batch_norm(
    inputs,
    decay=0.999,
    center=True,
    scale=False,
    epsilon=0.001,
    activation_fn=None,
    param_initializers=None,
    param_regularizers=None,
    updates_collections=GraphKeys.UPDATE_OPS,
    is_training=True,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    batch_weights=None,
    fused=None,
    data_format="NHWC",
    zero_debias_moving_mean=False,
    scope=None,
    renorm=False,
    renorm_clipping=None,
    renorm_decay=0.99,
    adjustment=None,
):
    """Subtract the mean and divide by the deviation of each channel, then scale by `gamma` and add `beta`.

    inputs: `[n, ..., c]`, or `[n, c, ...]` for data_format "NCHW"; c known. Returns the same shape.
    While training (`is_training`, a bool or a boolean tensor) mean and variance are the batch's, and two updates of
    their moving averages are put into `updates_collections`, where a train op has to run them; with None they run at
    once. Otherwise the moving averages are used.
    Makes `<scope>/beta` (if center), `<scope>/gamma` (if scale), `<scope>/moving_mean`, `<scope>/moving_variance`, all
    `[c]`. decay: of the moving averages. batch_weights: `[n]`, the weight of each example. fused: the variance that is
    averaged is the unbiased one, as TensorFlow's fused kernel has it; None fuses where it can. zero_debias_moving_mean:
    corrects the moving mean for its start at zero. renorm, renorm_clipping, renorm_decay: batch renormalization;
    clipping is a dictionary with rmax, rmin, dmax. adjustment: `f(shape)` gives a (scale, bias) for the normalized
    values in training. Raises ValueError for unknown c or rank, and for options that exclude each other.
    """
    with layer(
        scope, "BatchNorm", inputs, reuse=reuse, trainable=trainable,
        variables_collections=variables_collections, outputs_collections=outputs_collections,
    ) as here:  # fmt: skip
        rank = here.inputs.spec.rank
        check_choice(data_format, ("NHWC", "NCHW"), "data_format")
        unknown = set(renorm_clipping or ()) - {"rmax", "rmin", "dmax"}
        if unknown:
            raise InvalidArgumentError(
                "renorm_clipping has unknown keys.",
                expected="rmax, rmin, dmax",
                got=sorted(unknown),
                made_at=user_line(),
            )
        if not isinstance(epsilon, numbers.Real):
            raise ArgumentTypeError("epsilon is a number.", expected="a float", got=repr(epsilon), made_at=user_line())
        channels = known_channels(here.inputs, data_format)
        legacy = batch_weights is not None or zero_debias_moving_mean or updates_collections != GraphKeys.UPDATE_OPS
        if renorm and legacy:
            raise InvalidArgumentError(
                "renorm is not supported with batch_weights, updates_collections or zero_debias_moving_mean.",
                expected="renorm alone", got="both", made_at=user_line(),
            )  # fmt: skip
        special = batch_weights is not None or renorm or adjustment is not None
        fuse = (fused or fused is None) and not special and rank in (2, 4, 5)
        variables = _Variables(here, channels, center, scale, param_initializers, param_regularizers)
        variables.make(beta_first=legacy or (fuse and rank == 2))
        debias_in_model = zero_debias_moving_mean and not fuse
        training = constant_value(is_training)
        if fuse:
            outputs, mean, variance = _fused(here.inputs, variables, epsilon, is_training, data_format)
        else:
            if renorm:
                variables.make_renorm()
            outputs, mean, variance = _composed(
                here.inputs, variables, epsilon, is_training, data_format, batch_weights, adjustment,
                (renorm_clipping or {}) if renorm else None,
            )  # fmt: skip
        if training is None or training:
            update = _Updates(
                variables, mean, variance, decay, zero_debias_moving_mean, debias_in_model, renorm_decay, epsilon
            )
            outputs = update.attach(is_training, updates_collections, outputs)
        return here.finish(outputs, activation_fn)


class _Variables:
    """The variables of one batch normalization, each `[channels]`."""

    def __init__(self, here, channels, center, scale, initializers, regularizers):
        self.here, self.channels, self.center, self.scale = here, channels, center, scale
        self.initializers, self.regularizers = initializers or {}, regularizers or {}
        self.beta = self.gamma = self.stddev = self.renorm_mean = self.renorm_stddev = None

    def make(self, beta_first):
        """beta, gamma and the moving averages; TF-Slim's two implementations make the first two in different orders."""
        for name in ("beta", "gamma") if beta_first else ("gamma", "beta"):
            if name == "beta" and self.center:
                self.beta = self._one("beta", zeros_initializer(), self.regularizers.get("beta"))
            if name == "gamma" and self.scale:
                self.gamma = self._one("gamma", ones_initializer(), self.regularizers.get("gamma"))
        self.mean = self._one("moving_mean", zeros_initializer(), trainable=False)
        self.variance = self._one("moving_variance", ones_initializer(), trainable=False)

    def make_renorm(self):
        """What batch renormalization keeps besides."""
        deviation = sqrt(as_tensor(self.variance.initial_value))
        self.stddev = self._one("moving_stddev", lambda shape, dtype: identity(deviation), trainable=False)
        self.renorm_mean = self._one("renorm_mean", zeros_initializer(), trainable=False)
        self.renorm_stddev = self._one("renorm_stddev", lambda shape, dtype: identity(deviation), trainable=False)

    def _one(self, name, initializer, regularizer=None, trainable=None):
        initializer = self.initializers.get(name, initializer)
        return self.here.variable(name, [self.channels], initializer, regularizer, trainable=trainable)


def _fused(inputs, variables, epsilon, is_training, data_format):
    """(outputs, batch mean, unbiased batch variance) by the fused op; a matrix is taken as images of one pixel."""
    x = inputs
    if inputs.spec.rank == 2:
        x = reshape(
            inputs, [-1, variables.channels, 1, 1] if first_channels(data_format) else [-1, 1, 1, variables.channels]
        )
    zeros, ones = np.zeros(variables.channels), np.ones(variables.channels)
    gamma = as_tensor(ones if variables.gamma is None else variables.gamma, x.spec.dtype)
    beta = as_tensor(zeros if variables.beta is None else variables.beta, x.spec.dtype)

    # As in TensorFlow, no gradient reaches the averages here: programs hand all variables to their optimizers.
    averages = () if is_training is True else (stop_gradient(variables.mean), stop_gradient(variables.variance))

    def normalized(training):
        given = () if training else averages
        return fused_batch_norm(
            x, gamma, beta, *given, epsilon=epsilon, data_format=data_format, is_training=training
        )[:3]  # fmt: skip

    y, mean, variance = smart_cond(is_training, lambda: normalized(True), lambda: normalized(False))
    return reshape_like(y, inputs, name="Reshape_1") if inputs.spec.rank == 2 else y, mean, variance


def _composed(inputs, variables, epsilon, is_training, data_format, batch_weights, adjustment, renorm):
    """(outputs, mean, variance) of simple ops; with `renorm`, the variances are the corrected ones."""
    rank, first = inputs.spec.rank, first_channels(data_format)
    axes = [0, *range(2, rank)] if first else list(range(rank - 1))

    def batch_moments():
        if batch_weights is None:
            return moments(inputs, axes)
        weights = as_tensor(batch_weights)
        if not compatible(weights.spec.shape, inputs.spec.shape[:1]):
            raise ShapeError(
                "batch_norm: there must be one weight for each example.", expected=show_shape(inputs.spec.shape[:1]),
                got=show_shape(weights.spec.shape), made_at=user_line(),
            )  # fmt: skip
        return weighted_moments(inputs, axes, reshape(weights, [-1] + [1] * (rank - 1)))

    def as_channels(v):
        return v if v is None or not first else reshape(v, [1, -1] + [1] * (rank - 2))

    training = constant_value(is_training)
    moving = (as_tensor(variables.mean), as_tensor(variables.variance))
    if training is not None and not training:
        mean, variance = kept_mean, kept_variance = moving
    else:
        kept_mean, kept_variance = batch_moments()
        mean, variance = smart_cond(is_training, lambda: (kept_mean, kept_variance), lambda: moving)
    gamma = None if variables.gamma is None else as_tensor(variables.gamma)
    beta = None if variables.beta is None else as_tensor(variables.beta)
    if adjustment is not None:
        gamma, beta = _adjusted(adjustment, inputs, gamma, beta, is_training, first)
    if renorm is not None:
        r, d = _renormalization(variables, kept_mean, kept_variance, epsilon, is_training, renorm)
        shift = d if gamma is None else d * gamma
        beta = shift if beta is None else beta + shift
        gamma = r if gamma is None else r * gamma
    y = batch_normalization(
        inputs, as_channels(mean), as_channels(variance), as_channels(beta), as_channels(gamma), epsilon
    )
    return y, kept_mean, kept_variance


def _adjusted(adjustment, inputs, gamma, beta, is_training, first):
    """gamma and beta composed with what `adjustment` gives while training."""
    factor, bias = adjustment(inputs.shape)
    factor = smart_cond(is_training, lambda: as_tensor(factor), lambda: ones_like(as_tensor(factor)))
    bias = smart_cond(is_training, lambda: as_tensor(bias), lambda: zeros_like(as_tensor(bias)))
    beta = (
        bias
        if beta is None and gamma is None
        else beta + bias
        if gamma is None
        else (bias * gamma if beta is None else bias * gamma + beta)
    )
    return factor if gamma is None else factor * gamma, beta


def _renormalization(variables, mean, variance, epsilon, is_training, clipping):
    """(r, d): the corrections of Ioffe (2017), from the averages before this batch; 1 and 0 when not training."""
    least = as_tensor(np.sqrt(epsilon), variance.spec.dtype)
    kept = maximum(as_tensor(variables.renorm_stddev), least)
    r, d = sqrt(variance + epsilon) / kept, (mean - as_tensor(variables.renorm_mean)) / kept
    if clipping.get("rmin") is not None:
        r = maximum(r, clipping["rmin"])
    if clipping.get("rmax") is not None:
        r = minimum(r, clipping["rmax"])
    if clipping.get("dmax") is not None:
        d = maximum(minimum(d, clipping["dmax"]), -clipping["dmax"])
    r, d = stop_gradient(r), stop_gradient(d)
    r = smart_cond(is_training, lambda: r, lambda: ones_like(r))
    return r, smart_cond(is_training, lambda: d, lambda: zeros_like(d))


class _Updates:
    """The updates of the moving averages."""

    def __init__(self, variables, mean, variance, decay, zero_debias, debias_in_model, renorm_decay, epsilon):
        self.variables, self.mean, self.variance = variables, mean, variance
        self.decay, self.zero_debias, self.debias_in_model = decay, zero_debias, debias_in_model
        self.renorm_decay, self.epsilon = renorm_decay, epsilon

    def attach(self, is_training, updates_collections, outputs):
        """Put the updates into collections and return `outputs`; without collections, let `outputs` wait for them."""
        moving = (as_tensor(self.variables.mean), as_tensor(self.variables.variance))
        if updates_collections is not None:
            updates = smart_cond(is_training, self.define, lambda: moving)
            for update in updates:
                get_default_graph().add_to_collections(updates_collections, update)
            return outputs

        def after_updates():
            with control_dependencies(self.define()):
                return identity(outputs)

        return smart_cond(is_training, after_updates, lambda: outputs)

    def define(self):
        """The two updates, as tensors."""
        if self.variables.stddev is not None:
            return self._define_with_renorm()
        mean = self._averaged(self.variables.mean, self.mean, self.decay, self.zero_debias)
        return mean, self._averaged(self.variables.variance, self.variance, self.decay)

    def _define_with_renorm(self):
        """The deviation is averaged instead of the variance, which follows from it; renorm's own averages go along."""
        deviation = sqrt(self.variance + self.epsilon)
        own = [
            self._averaged(self.variables.renorm_mean, self.mean, self.renorm_decay),
            self._averaged(self.variables.renorm_stddev, deviation, self.renorm_decay),
        ]
        with control_dependencies(own):
            mean = self._averaged(self.variables.mean, self.mean, self.decay)
            kept = self._averaged(self.variables.stddev, deviation, self.decay)
            return mean, self.variables.variance.assign(relu(kept * kept - self.epsilon))

    def _averaged(self, variable, value, decay, zero_debias=False):
        return assign_moving_average(variable, value, decay, zero_debias=zero_debias, in_model=self.debias_in_model)
