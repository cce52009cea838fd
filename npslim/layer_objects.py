"""Layers as objects: what is called twice has one set of variables. Recurrent cells and the classes of `tf.layers`."""

import re
from typing import Any

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import as_dtype
from npslim.errors import InvalidArgumentError, ShapeError, UnimplementedError
from npslim.nested import flat, mapped
from npslim.scopes import name_scope, variable_scope
from npslim.spec import show_shape
from npslim.variables import get_variable


class Layer:
    """A layer of one's own has `call(inputs)`, and `build(input_shape)`, which makes variables by `add_weight`.

    name: the scope of its variables, made unique at the first call; that of the class, in lower_case, unless given.
    dtype: of the variables, that of the first inputs unless given. trainable: False keeps them out of training.
    """

    input_spec = None

    def __init__(self, trainable=True, name=None, dtype=None, _reuse=None, _scope=None, **_):
        self.trainable = trainable
        self._base_name = name or _in_words(type(self).__name__)
        self._dtype = None if dtype is None else as_dtype(dtype)
        self._reuse = _reuse
        self._scope = None
        self.built = False
        self._trainable_weights, self._non_trainable_weights = [], []
        if _scope is not None:
            with variable_scope(_scope) as self._scope:
                pass

    # ---- what a subclass says

    def build(self, input_shape):
        """Make the variables, for inputs of this TensorShape; called once, before the first `call`."""
        self.built = True

    def call(self, inputs, *args, **kwargs) -> Any:
        """What the layer makes of its inputs."""
        raise UnimplementedError("A layer needs a call(inputs).", got=type(self).__name__)

    # ---- a call

    def __call__(self, inputs, *args, scope=None, **kwargs):
        """What the layer makes of `inputs`. scope: that of the variables, instead of the layer's name."""
        return self._called(scope, inputs, *args, **kwargs)

    def apply(self, inputs, *args, **kwargs):
        """The same as a call."""
        return self(inputs, *args, **kwargs)

    def _called(self, scope, inputs, *args, **kwargs):
        inputs, args = mapped(as_tensor, inputs), mapped(as_tensor, args)
        if self.input_spec is not None:
            check_inputs(self, flat(inputs))
        self._set_scope(scope)
        with (
            variable_scope(
                self._scope, reuse=self.built or self._reuse, custom_getter=self._noted, auxiliary_name_scope=False
            ) as here,
            name_scope(here.original_name_scope),
        ):
            if not self.built:
                self._dtype = self._dtype or flat(inputs)[0].dtype
                self.build(mapped(lambda x: x.shape, inputs))
            found = self.call(inputs, *args, **kwargs)
            self.built = True
            return found

    def _set_scope(self, scope):
        if self._scope is not None:
            return
        with variable_scope(
            self._base_name if scope is None and self._reuse else scope, default_name=self._base_name
        ) as self._scope:
            pass

    # ---- variables

    def add_weight(self, name, shape, dtype=None, initializer=None, regularizer=None, trainable=None, **options):
        """The variable `<scope>/name`, by `get_variable`; noted as one of this layer's."""
        return self._note(
            get_variable(
                name, shape=shape, dtype=dtype or self._dtype, initializer=initializer, regularizer=regularizer,
                trainable=self.trainable and trainable is not False, **options,
            )
        )  # fmt: skip

    add_variable = add_weight

    def _noted(self, getter, *args, **kwargs):
        return self._note(getter(*args, **kwargs))

    def _note(self, variable):
        mine = self._trainable_weights if variable.trainable else self._non_trainable_weights
        if all(variable is not v for v in mine):
            mine.append(variable)
        return variable

    @property
    def trainable_weights(self):
        """The layer's trainable variables, in the order in which they were made."""
        return list(self._trainable_weights) if self.trainable else []

    @property
    def non_trainable_weights(self):
        """The layer's other variables."""
        return [*self._non_trainable_weights, *([] if self.trainable else self._trainable_weights)]

    @property
    def weights(self):
        """All variables of the layer, the trainable ones first."""
        return self.trainable_weights + self.non_trainable_weights

    @property
    def trainable_variables(self):
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self):
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    @property
    def variables(self):
        """The same as `weights`."""
        return self.weights

    # ---- what it is called

    @property
    def name(self):
        """The name that the scope of its variables is made from."""
        return self._base_name

    @property
    def scope_name(self):
        """The name of the scope of its variables. Raises ValueError before the first call."""
        if self._scope is None:
            raise InvalidArgumentError("The layer has no scope before it is called.", got=self._base_name)
        return self._scope.name

    @property
    def dtype(self):
        """The dtype of its variables; None before it is known."""
        return self._dtype


class InputSpec:
    """What a layer's `input_spec` asks of its inputs: their dtype, rank, shape, and sizes by axis, `{axis: size}`."""

    def __init__(
        self, dtype=None, shape=None, ndim=None, max_ndim=None, min_ndim=None, axes=None,
        allow_last_axis_squeeze=False, name=None,
    ):  # fmt: skip
        self.dtype, self.shape = dtype, None if shape is None else tuple(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim, self.min_ndim, self.axes = max_ndim, min_ndim, dict(axes or {})
        self.allow_last_axis_squeeze, self.name = allow_last_axis_squeeze, name

    def fault(self, x):
        """What `x` should have been, in words; None if it is."""
        shape = x.spec.shape
        if self.allow_last_axis_squeeze and shape and shape[-1] == 1 and self.ndim == len(shape) - 1:
            shape = shape[:-1]
        if self.dtype is not None and x.dtype != as_dtype(self.dtype):
            return as_dtype(self.dtype).name
        if shape is None:
            return None
        least, most = (self.min_ndim or 0, len(shape) if self.max_ndim is None else self.max_ndim)
        if not least <= len(shape) <= most or self.ndim not in (None, len(shape)):
            return f"rank {self.ndim}" if self.ndim is not None else f"a rank from {least} to {most}"
        wanted = {**dict(enumerate(self.shape or ())), **self.axes}
        wrong = [i for i, n in wanted.items() if None not in (n, shape[i]) and int(n) != shape[i]]
        return f"{wanted[wrong[0]]} at axis {wrong[0]}" if wrong else None


def check_inputs(layer, inputs):
    """Raises ShapeError unless the inputs are what the layer's `input_spec` says."""
    specs = layer.input_spec if isinstance(layer.input_spec, list | tuple) else [layer.input_spec]
    for x, spec in zip(inputs, specs, strict=False):
        fault = spec.fault(x)
        if fault is not None:
            raise ShapeError(
                f"{layer.name}: the input is not what the layer takes.", expected=fault,
                got=f"{x.name} {x.spec.dtype} {show_shape(x.spec.shape)}", made_at=user_line(),
            )  # fmt: skip


def _in_words(name):
    """'BasicLSTMCell' as 'basic_lstm_cell'."""
    words = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", name)).lower()
    return f"private{words}" if words.startswith("_") else words
