"""Layers made of layers."""

import functools
import numbers

from npslim.arguments import check_function
from npslim.convert import as_tensor
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.scopes import variable_scope


def _layer_name(layer, otherwise):
    function = layer.func if isinstance(layer, functools.partial) else layer
    return getattr(function, "__name__", otherwise)


def repeat(inputs, repetitions, layer, *args, **kwargs):
    """Apply `layer(inputs, *args, **kwargs)` `repetitions` times, each to the outputs of the one before.

    With scope "s", or the layer's name without one, the layers' scopes are s/s_1, s/s_2 ...
    Raises TypeError for a layer that cannot be called, or repetitions that are no integer.
    """
    scope = kwargs.pop("scope", None)
    check_function(layer, "layer")
    if not isinstance(repetitions, numbers.Integral):
        raise ArgumentTypeError("repetitions is a number of times.", expected="an integer", got=repr(repetitions))
    with variable_scope(scope, "Repeat", [inputs]):
        name = scope or _layer_name(layer, "repeat")
        outputs = as_tensor(inputs)
        for i in range(int(repetitions)):
            outputs = layer(outputs, *args, **{**kwargs, "scope": f"{name}_{i + 1}"})
        return outputs


def stack(inputs, layer, stack_args, **kwargs):
    """Apply `layer` once for each element of `stack_args`: its positional arguments, or the only one.

    With scope "s", or the layer's name without one, the layers' scopes are s/s_1, s/s_2 ... Raises ValueError for
    stack_args that is no list or tuple.
    """
    scope = kwargs.pop("scope", None)
    check_function(layer, "layer")
    if not isinstance(stack_args, list | tuple):
        raise InvalidArgumentError("stack_args need to be a list or tuple.", expected="a list", got=repr(stack_args))
    with variable_scope(scope, "Stack", [inputs]):
        name = scope or _layer_name(layer, "stack")
        outputs = as_tensor(inputs)
        for i, args in enumerate(stack_args):
            args = args if isinstance(args, list | tuple) else [args]
            outputs = layer(outputs, *args, **{**kwargs, "scope": f"{name}_{i + 1}"})
        return outputs
