"""Run a case again on npslim's own kernels, with other inputs or attributes if that is asked for."""

from typing import Any

import numpy as np

from npslim.autograd import gradients
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError
from npslim.graph import Graph
from npslim.ops.state import placeholder
from npslim.registry import REGISTRY
from npslim.session import Session
from npslim.testing import layers, losses, optimizers
from npslim.testing.make import attributes, named_outputs

_ROWS = {"layer": layers.Row, "loss": losses.Row, "optimizer": optimizers.Row}


def rerun(case, inputs=None, attrs=None, kernels="plain"):
    """The answers, {"outputs/y": array, "gradients/x": array}, with some `inputs` and `attrs` replaced."""
    inputs = {**case.inputs, **(inputs or {})}
    attrs = {**attributes(case), **(attrs or {})}
    if case.kind == "optimizer":
        return _stepped(case, inputs, attrs, kernels)
    with Graph().as_default() as graph:
        graph.seed = 1
        fed = {n: _fed(a) for n, a in inputs.items() if not n.startswith(("var:", "random"))}
        outputs, further = _built(case, fed, attrs)
        fed.update({name: tensor for name, (tensor, _) in further.items()})
        feeds = {fed[n]: a for n, a in inputs.items() if fed[n].op.op.name != "constant"}
        wanted, weights = list(case.gradients), case.cotangents
        found = gradients(
            [outputs[n] for n in weights], [fed[n] for n in wanted],
            [as_tensor(w, outputs[n].spec.dtype) for n, w in weights.items()],
        ) if wanted else []  # fmt: skip
        found = {n: as_tensor(g) for n, g in zip(wanted, found, strict=True) if g is not None}
        fetches = [*outputs.values(), *found.values()]
        values = Session(graph=graph, kernels=kernels).run(fetches, feeds)
    keys = [f"outputs/{n}" for n in outputs] + [f"gradients/{n}" for n in found]
    return dict(zip(keys, map(np.asarray, values), strict=True))


def _fed(array):
    return placeholder(dtype=array.dtype, shape=array.shape) if array.dtype.kind in "fc" else as_tensor(array)


def _built(case, fed, attrs):
    if case.kind == "op":
        if case.name not in REGISTRY:
            raise InvalidArgumentError(f"{case.id}: npslim has no such op.", expected="an op", got=case.name)
        return named_outputs(REGISTRY[case.name](*fed.values(), **attrs)), {}
    return row_of(case).build(fed, attrs, np.random.default_rng(0))


def row_of(case) -> Any:
    """What builds a case that is not an op's."""
    if case.kind == "layer":
        return layers.Row(case.name, ())
    return losses.Row(case.name, None) if case.kind == "loss" else optimizers.Row(case.name)


def _stepped(case, inputs, attrs, kernels):
    dtype = inputs["var"].dtype
    built = optimizers.built(row_of(case), attrs, dtype)
    session = Session(graph=built.graph, kernels=kernels)
    for name, short in built.names.items():
        session.store.cell(name).value = inputs[short]
    session.run(built.train, {built.grad: inputs["grad"]})
    return {f"outputs/{short}": np.asarray(session.store.cell(n).value) for n, short in built.names.items()}
