"""The optimizers of the catalogue: one step from given values of a variable, its gradient and its slots."""

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npslim import optimizers
from npslim.graph import Graph
from npslim.ops.state import placeholder
from npslim.run import Run, execute
from npslim.session import Session
from npslim.testing.extended import widened
from npslim.variables import Variable, global_variables

PREFIX = "optimizers"
SHAPE = (3, 4)
_STEP = 1e-6  # of differences that tell how a step carries errors on


@dataclass
class Row:
    """An optimizer, made with `attrs`."""

    name: str
    attrs: dict = field(default_factory=dict)

    @property
    def function(self):
        """npslim's class."""
        return getattr(optimizers, self.name + "Optimizer")

    def arguments(self):
        """The names of its arguments."""
        return set(inspect.signature(self.function).parameters)


@dataclass
class Built:
    """An optimizer's graph: the variable's and the slots' names, the names that the case has for them."""

    graph: Any
    train: Any
    grad: Any
    names: dict
    variables: dict


def built(row, attrs, dtype):
    """The graph of one step."""
    with Graph().as_default() as graph:
        var = Variable(np.zeros(SHAPE), dtype=dtype, name="var")
        grad = placeholder(dtype=dtype, shape=SHAPE)
        numbers = {k: np.dtype(dtype).type(v) if isinstance(v, float) else v for k, v in attrs.items()}
        if "global_step" in row.arguments():
            numbers["global_step"] = Variable(np.int64(0), trainable=False, name="global_step")
        made = row.function(**numbers)
        train = made.apply_gradients([(grad, var)])
        slots = {made.get_slot(var, name).op.name: name for name in made.get_slot_names()}
        variables = {v.op.name: v for v in global_variables()}
        return Built(graph, train, grad, {name: slots.get(name, name) for name in variables}, variables)


def step(row, attrs, rng, dtype, narrow):
    """({name: input}, {name: value after the step}, {name: sums of |terms|}): `var`, `grad`, and the slots' names.

    All is a function of single elements, so how errors are carried on is one difference for each input.
    """
    made = built(row, attrs, np.float64)
    own = {name: v.spec.dtype for name, v in built(row, attrs, dtype).variables.items()}  # Adam's powers are float32
    session = Session(graph=made.graph, kernels="extended")
    inputs = {short: narrow(_value(made.variables[name], rng), own[name]) for name, short in made.names.items()}
    inputs["grad"] = narrow(rng.normal(size=SHAPE), np.dtype(dtype))

    def after(values):
        for name, short in made.names.items():
            session.store.cell(name).value = widened(values[short])
        feeds = {made.grad: widened(values["grad"])}
        with np.errstate(all="ignore"):  # `Session.run` would round what is fed
            execute(session.plan((made.train,), tuple(feeds)), feeds, Run(session))
        return {short: np.asarray(session.store.cell(name).value) for name, short in made.names.items()}

    outputs = after(inputs)
    terms = {name: np.abs(value) for name, value in outputs.items() if value.dtype.kind == "f"}
    for name, value in inputs.items():
        if value.dtype.kind != "f":
            continue
        wide = widened(value)
        by = _STEP * np.maximum(np.abs(wide), 1)
        there, back = after({**inputs, name: wide + by}), after({**inputs, name: wide - by})
        for key in terms:
            if np.ndim(value) <= np.ndim(terms[key]):  # a number of the optimizer's own depends on no element
                terms[key] = terms[key] + np.nan_to_num(np.abs((there[key] - back[key]) / (2 * by) * wide))
    return inputs, outputs, terms


def _value(variable, rng):
    shape = variable.spec.shape
    if variable.spec.dtype.kind == "i":
        return np.asarray(rng.integers(3, 9, shape))
    if "power" in variable.op.name:
        return np.asarray(rng.uniform(0.5, 0.9, shape))
    if variable.op.name == "var":
        return rng.normal(size=shape)
    return rng.uniform(0.3, 0.9, shape)


TABLE = [
    Row("GradientDescent", {"learning_rate": 0.125}),
    Row("Momentum", {"learning_rate": 0.125, "momentum": 0.875}),
    Row("Momentum", {"learning_rate": 0.125, "momentum": 0.875, "use_nesterov": True}),
    Row("Adam", {"learning_rate": 0.125, "beta1": 0.875, "beta2": 0.9375, "epsilon": 0.01}),
    Row("Adagrad", {"learning_rate": 0.125}),
    Row("AdagradDA", {"learning_rate": 0.125, "l1_regularization_strength": 0.25, "l2_regularization_strength": 0.5}),
    Row("Adadelta", {"learning_rate": 0.5, "rho": 0.875, "epsilon": 0.01}),
    Row("RMSProp", {"learning_rate": 0.125, "decay": 0.875, "momentum": 0.5, "epsilon": 0.125}),
    Row("RMSProp", {"learning_rate": 0.125, "decay": 0.875, "epsilon": 0.125, "centered": True}),
    Row("Ftrl", {"learning_rate": 0.125, "l1_regularization_strength": 0.25, "l2_regularization_strength": 0.5}),
    Row("ProximalGradientDescent", {"learning_rate": 0.125, "l1_regularization_strength": 0.25}),
    Row("ProximalAdagrad", {"learning_rate": 0.125, "l1_regularization_strength": 0.25}),
]
