"""The layers of `tf.layers` as objects: `Dense(8)(x)` is `dense(x, 8)`, and a second call uses the same variables."""

import inspect
from typing import Any

from npslim.layer_objects import InputSpec, Layer  # noqa: F401 - names of tf.layers
from npslim.scopes import get_variable_scope
from npslim.tf import layer_functions as layers

_OF_THE_OBJECT = ("inputs", "trainable", "name", "reuse", "training")


class _Made(Layer):
    """A layer that calls `function`, of which it has the arguments as attributes: `units`, `filters`, `activation`.

    Its variables are attributes, too, after the first call: `kernel`, `bias`. Raises TypeError for other arguments.
    """

    function: Any = None
    scoped = True  # whether the function makes variables

    def __init__(self, *args, trainable=True, name=None, dtype=None, _reuse=None, _scope=None, **kwargs):
        super().__init__(trainable, name, dtype, _reuse=_reuse, _scope=_scope)
        takes = inspect.signature(type(self).function).parameters.values()
        found = inspect.Signature([p for p in takes if p.name not in _OF_THE_OBJECT]).bind(*args, **kwargs)
        found.apply_defaults()
        self._arguments = dict(found.arguments)
        self.__dict__.update(self._arguments)

    def call(self, inputs, **kwargs):
        """What the function makes of `inputs`; dropout and batch normalization take `training`."""
        if self.scoped:
            kwargs.update(name=get_variable_scope(), trainable=self.trainable)
        return type(self).function(inputs, **self._arguments, **kwargs)

    def __getattr__(self, name):
        for variable in self.__dict__.get("_trainable_weights", []) + self.__dict__.get("_non_trainable_weights", []):
            if variable.op.name.rpartition("/")[2] == name:
                return variable
        raise AttributeError(f"{type(self).__name__} has no {name}.")


class Dense(_Made):
    """`tf.layers.dense` as an object."""

    function = layers.dense


class Conv1D(_Made):
    """`tf.layers.conv1d` as an object."""

    function = layers.conv1d


class Conv2D(_Made):
    """`tf.layers.conv2d` as an object."""

    function = layers.conv2d


class Conv3D(_Made):
    """`tf.layers.conv3d` as an object."""

    function = layers.conv3d


class Conv2DTranspose(_Made):
    """`tf.layers.conv2d_transpose` as an object."""

    function = layers.conv2d_transpose


class Conv3DTranspose(_Made):
    """`tf.layers.conv3d_transpose` as an object."""

    function = layers.conv3d_transpose


class SeparableConv2D(_Made):
    """`tf.layers.separable_conv2d` as an object."""

    function = layers.separable_conv2d


class BatchNormalization(_Made):
    """`tf.layers.batch_normalization` as an object: `layer(x, training=True)`."""

    function = layers.batch_normalization


class _Plain(_Made):
    scoped = False


class Dropout(_Plain):
    """`tf.layers.dropout` as an object: `layer(x, training=True)`."""

    function = layers.dropout


class Flatten(_Plain):
    """`tf.layers.flatten` as an object."""

    function = layers.flatten


class MaxPooling1D(_Plain):
    """`tf.layers.max_pooling1d` as an object."""

    function = layers.max_pooling1d


class MaxPooling2D(_Plain):
    """`tf.layers.max_pooling2d` as an object."""

    function = layers.max_pooling2d


class MaxPooling3D(_Plain):
    """`tf.layers.max_pooling3d` as an object."""

    function = layers.max_pooling3d


class AveragePooling1D(_Plain):
    """`tf.layers.average_pooling1d` as an object."""

    function = layers.average_pooling1d


class AveragePooling2D(_Plain):
    """`tf.layers.average_pooling2d` as an object."""

    function = layers.average_pooling2d


class AveragePooling3D(_Plain):
    """`tf.layers.average_pooling3d` as an object."""

    function = layers.average_pooling3d
