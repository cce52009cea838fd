"""Generalized divisive normalization (Balle, Laparra & Simoncelli, 2016), and its inverse."""

import numpy as np

from npslim.arguments import check_choice
from npslim.backend import array_module
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import ShapeError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.initializers import constant_initializer
from npslim.layers.common import static_shape
from npslim.op import op
from npslim.ops.functions import sqrt, square
from npslim.ops.linear import tensordot
from npslim.ops.logic import cast, greater_equal, less, logical_or
from npslim.ops.shape import transpose, zeros_like
from npslim.scopes import variable_scope
from npslim.spec import Spec, TensorShape, as_shape, show_shape
from npslim.variables import get_variable


@op(type="Maximum", node_name="GDNLowerBound", reference=lambda x, bound: np.where(x > bound, x, bound))
def lower_bound(x, *, bound):
    """max(x, bound), with a gradient that also leads back from below the bound."""
    return array_module(x).maximum(x, x.dtype.type(bound))


@lower_bound.shape
def _(x):
    return Spec(x.shape, x.dtype)


@lower_bound.vjp
def _(g, y, x, *, bound):
    passes = logical_or(greater_equal(x, as_tensor(bound, x.spec.dtype)), less(g, zeros_like(g)))
    return g * cast(passes, dtype=g.spec.dtype)


lower_bound.cases(lambda rng: (rng.normal(size=(3, 4)) + 5,), lambda rng: (np.zeros((0, 2)),), bound=1.0)


class GDN:
    """`y_i = x_i / sqrt(beta_i + sum_j gamma_ji * x_j ** 2)` for each channel i; with `inverse`, times that root.

    Call it with inputs `[n, ..., c]`, or `[n, c, ...]` for data_format "channels_first", rank 3 to 5, c known.
    Makes `<name>/reparam_beta [c]` and `<name>/reparam_gamma [c, c]`: the square roots of beta and gamma, moved by
    `reparam_offset` so that their gradients do not vanish. beta_min: the least beta. gamma_init: gamma begins as this
    times the identity. activity_regularizer: `f(outputs)`, added to REGULARIZATION_LOSSES.
    Raises ValueError for another rank or data_format, or unknown c.
    """

    def __init__(
        self,
        inverse=False,
        beta_min=1e-6,
        gamma_init=0.1,
        reparam_offset=2**-18,
        data_format="channels_last",
        activity_regularizer=None,
        trainable=True,
        name=None,
        **kwargs,
    ):
        check_choice(data_format, ("channels_last", "channels_first"), "data_format")
        self.inverse, self.trainable, self.name = inverse, trainable, name
        self.data_format, self.activity_regularizer = data_format, activity_regularizer
        self._beta_min, self._gamma_init, self._offset = beta_min, gamma_init, reparam_offset
        self._reuse, self._dtype = kwargs.get("_reuse"), np.dtype(np.float32)
        self._scope = self.beta = self.gamma = None

    def build(self, input_shape):
        """Make the variables for inputs of `input_shape`; the first call does."""
        shape = as_shape(input_shape)
        if shape is None or not 3 <= len(shape) <= 5:
            raise ShapeError("GDN: the inputs have the wrong rank.", expected="rank 3 to 5", got=show_shape(shape))
        channels = shape[1 if self.data_format == "channels_first" else -1]
        if channels is None:
            raise ShapeError("GDN: the number of channels must be known.", got=show_shape(shape), made_at=user_line())
        pedestal = self._offset**2
        with variable_scope(self.name, "gdn", reuse=self._reuse) as self._scope:
            self.beta = self._parameter(
                "reparam_beta", np.full(channels, np.sqrt(1 + pedestal)), np.sqrt(self._beta_min + pedestal)
            )
            gamma = np.sqrt(self._gamma_init * np.eye(channels) + pedestal)
            self.gamma = self._parameter("reparam_gamma", gamma, self._offset)

    def _parameter(self, name, start, bound):
        start = start.astype(self._dtype)
        variable = get_variable(
            name, shape=start.shape, dtype=self._dtype, initializer=constant_initializer(start),
            trainable=self.trainable,
        )  # fmt: skip
        return square(lower_bound(as_tensor(variable), bound=float(bound))) - self._offset**2

    def call(self, inputs):
        """The normalized inputs, with the variables that `build` made."""
        inputs = as_tensor(inputs)
        order = list(range(len(static_shape(inputs))))
        first = self.data_format == "channels_first"
        last = transpose(inputs, [0, *order[2:], 1]) if first else inputs
        norm = sqrt(tensordot(square(last), self.gamma, [[-1], [0]]) + self.beta)
        outputs = last * norm if self.inverse else last / norm
        outputs = transpose(outputs, [0, order[-1], *order[1:-1]]) if first else outputs
        if self.activity_regularizer is not None:
            get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, self.activity_regularizer(outputs))
        return outputs

    def compute_output_shape(self, input_shape):
        """The outputs have the inputs' shape."""
        return TensorShape(input_shape)

    def __call__(self, inputs):
        inputs = as_tensor(inputs)
        if self._scope is None:
            self._dtype = inputs.spec.dtype
            self.build(inputs.spec.shape)
        with variable_scope(self._scope, reuse=True):
            return self.call(inputs)

    apply = __call__


def gdn(
    inputs,
    inverse=False,
    beta_min=1e-6,
    gamma_init=0.1,
    reparam_offset=2**-18,
    data_format="channels_last",
    activity_regularizer=None,
    trainable=True,
    name=None,
    reuse=None,
):
    """`GDN` with these arguments, applied to `inputs`."""
    made = GDN(
        inverse, beta_min, gamma_init, reparam_offset, data_format, activity_regularizer, trainable, name, _reuse=reuse
    )
    return made(inputs)
