"""Layers, losses and optimizers in TensorFlow 1's graphs: TF-Slim's by name, and TensorFlow's own."""

import functools
from typing import Any

import numpy as np

from npslim.errors import MissingExtraError
from npslim.testing.adapters.common import Unmapped, answers_of, imported
from npslim.testing.make import attributes

_FUNCTIONS = ("relu", "tanh")  # attributes that name an activation; other strings may name a layer


def answer(case):
    """The case in a graph of its own. Raises Unmapped for what TensorFlow and TF-Slim do not have."""
    tf = imported("tensorflow.compat.v1")
    with tf.Graph().as_default(), tf.Session() as session:
        try:
            return (_stepped if case.kind == "optimizer" else _built)(tf, session, case)
        except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError) as error:
            raise Unmapped(str(error).strip().split("\n")[0][:100]) from None


@functools.cache
def _slim() -> Any:
    """TF-Slim. Raises Unmapped where it is not installed, or does not go with this TensorFlow."""
    try:
        slim = imported("tf_slim")
        _put_back()
        return slim
    except (MissingExtraError, AttributeError) as error:  # names that TensorFlow moved
        raise Unmapped(f"TF-Slim cannot be imported: {error}") from None


def _put_back():
    """Give TensorFlow's modules two names again that later versions moved, and that TF-Slim looks for there."""
    ops = imported("tensorflow.python.framework.ops")
    if not hasattr(ops, "Tensor"):
        ops.Tensor = imported("tensorflow").Tensor  # type: ignore[attr-defined]
    layers = imported("tensorflow.python.layers.normalization")
    try:
        layers.BatchNormalization  # noqa: B018 - loaded when it is asked for
    except ImportError:
        moved = imported("keras.src.legacy_tf_layers.normalization")
        layers.BatchNormalization = moved.BatchNormalization  # type: ignore[attr-defined]


def _function(tf, case):
    if case.kind == "loss":
        places = [tf.losses if case.name.startswith("tf.") else _slim().losses]
    else:
        places = [_slim(), imported("tf_slim.layers.layers")]
    name = case.name.removeprefix("tf.")
    for place in places:
        if hasattr(place, name):
            return getattr(place, name)
    raise Unmapped("no such function")


def _value(tf, value):
    """An attribute, with functions for their names."""
    if value in _FUNCTIONS:
        return getattr(tf.nn, value)
    return getattr(_slim(), value) if isinstance(value, str) and hasattr(_slim(), value) else value


def _built(tf, session, case):
    function = _function(tf, case)
    attrs = attributes(case)
    if case.kind == "layer":
        attrs = {key: _value(tf, value) for key, value in attrs.items()}
    positional = [_value(tf, value) for value in attrs.pop("arguments", ())]
    named = {n: a for n, a in case.inputs.items() if not n.startswith(("var:", "random"))}
    fed = {n: tf.placeholder(a.dtype, a.shape) if a.dtype.kind == "f" else tf.constant(a) for n, a in named.items()}
    y = function(fed["inputs"], *positional, **attrs) if case.kind == "layer" else function(**fed, **attrs)
    ys = list(y) if isinstance(y, tuple | list) else [y]
    variables = {f"var:{v.op.name.split('/', 1)[-1]}": v for v in tf.global_variables()}
    fed.update(variables)
    fed.update(zip([n for n in case.inputs if n.startswith("random")], _random(tf), strict=False))
    feeds = {t: case.inputs[n] for n, t in fed.items() if n not in variables and t.op.type != "Const"}
    for name, variable in variables.items():
        variable.load(case.inputs[name], session)
    weights = list(case.cotangents.values())
    xs = [fed[n] for n in case.gradients]
    try:
        gs = tf.gradients(ys[: len(weights)], xs, weights, unconnected_gradients="zero") if xs else []
    except LookupError as error:
        raise Unmapped(f"no gradient: {str(error)[:100]}") from None
    gs = [tf.convert_to_tensor(g) for g in gs]
    values, gs = session.run([[tf.convert_to_tensor(y) for y in ys], gs], feeds)
    session.run(tf.get_collection(tf.GraphKeys.UPDATE_OPS), feeds)
    after = [n.removeprefix("after:") for n in case.outputs if n.startswith("after:")]
    return answers_of(case, values + [session.run(variables[f"var:{n}"]) for n in after], gs)


def _random(tf):
    """The random numbers that a layer draws, which are fed; those of initializers are not."""
    nodes = tf.get_default_graph().get_operations()
    return [n.outputs[0] for n in nodes if n.type == "RandomUniform" and "Initializer" not in n.name]


def _stepped(tf, session, case):
    """One step from the case's variable, gradient and slots."""
    attrs = attributes(case)
    if "global_step" in case.inputs:
        attrs["global_step"] = tf.Variable(np.int64(0), trainable=False, name="global_step")
    var = tf.Variable(np.zeros_like(case.inputs["var"]), name="var")
    made = getattr(tf.train, case.name + "Optimizer")(**attrs)
    train = made.apply_gradients([(tf.constant(case.inputs["grad"]), var)])
    slots = {made.get_slot(var, name).op.name: name for name in made.get_slot_names()}
    variables = {slots.get(v.op.name, v.op.name): v for v in tf.global_variables()}
    for name, variable in variables.items():
        variable.load(case.inputs[name], session)
    session.run(train)
    return answers_of(case, [session.run(variables[name]) for name in case.outputs], [])
