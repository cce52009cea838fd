"""Layers, losses and optimizers in PyTorch: those that one call of `torch.nn.functional` or `torch.optim` computes.

A layer's function takes its inputs and variables by name; an optimizer's names of slots are PyTorch's.
"""

import functools
from typing import Any

import numpy as np

from npslim.testing.adapters.common import Unmapped, Window, answers_of, imported
from npslim.testing.make import attributes

OPTIMIZERS = {
    "GradientDescent": ("SGD", {"learning_rate": "lr"}, {}),
    "Momentum": (
        "SGD",
        {"learning_rate": "lr", "momentum": "momentum", "use_nesterov": "nesterov"},
        {"momentum": "momentum_buffer"},
    ),
    "Adagrad": ("Adagrad", {"learning_rate": "lr"}, {"accumulator": "sum"}),
    "Adadelta": (
        "Adadelta",
        {"learning_rate": "lr", "rho": "rho", "epsilon": "eps"},
        {"accum": "square_avg", "accum_update": "acc_delta"},
    ),
}  # fmt: skip - npslim's name: PyTorch's, its arguments, its state; Adam, RMSProp add epsilon in another place


def stepped(case):
    """{key: array} of an optimizer's step from the case's variable, gradient and slots."""
    torch = imported("torch")
    if case.name not in OPTIMIZERS:
        raise Unmapped("no such optimizer, or another formula")
    name, arguments, slots = OPTIMIZERS[case.name]
    given = {arguments[key]: value for key, value in attributes(case).items()}
    values = {n: torch.from_numpy(np.array(a)) for n, a in case.inputs.items()}
    var = values["var"].requires_grad_()
    var.grad = values["grad"]
    made = getattr(torch.optim, name)([var], **given, **({"eps": 0.0} if name == "Adagrad" else {}))
    made.state[var] = {"step": torch.tensor(1.0), **{own: values[short] for short, own in slots.items()}}
    made.step()
    after = {"var": var.detach(), **{short: made.state[var][own] for short, own in slots.items()}}
    return answers_of(case, [after[n].numpy() for n in case.outputs], [])


def function_of(case):
    """The function of a layer or loss; it takes the case's inputs in order. Raises Unmapped."""
    table = _losses() if case.kind == "loss" else _layers()
    name = case.name.removeprefix("tf.") if case.kind == "loss" else case.name
    if name not in table or any(n.startswith("after:") for n in case.outputs):
        raise Unmapped("no one call that says it")
    names = [n.removeprefix("var:") for n in case.inputs]

    def function(*xs):
        given = zip(names, xs, strict=True)  # random numbers are those of the variables' initializers
        return table[name](attributes(case), **{n: x for n, x in given if not n.startswith("random")})

    return function


@functools.cache
def _losses() -> dict[str, Any]:
    nn = imported("torch.nn.functional")
    reductions = {"none": "none", "weighted_sum": "sum"}

    def loss(function):
        def reduced(a, predictions=None, logits=None, **labels):
            if len(labels) > 1:
                raise Unmapped("no weights")
            x, reduction = (logits if predictions is None else predictions), a.get("reduction", "mean")
            others = {"label_smoothing": a["label_smoothing"]} if "label_smoothing" in a else {}
            return function(x, *labels.values(), reduction=reductions.get(reduction, "mean"), **others)

        return reduced

    def sigmoid(x, labels, reduction, label_smoothing=0.0):
        labels = labels * (1 - label_smoothing) + label_smoothing / 2
        return nn.binary_cross_entropy_with_logits(x, labels, reduction=reduction)

    return {
        "absolute_difference": loss(nn.l1_loss), "mean_squared_error": loss(nn.mse_loss),
        "huber_loss": loss(nn.huber_loss), "softmax_cross_entropy": loss(nn.cross_entropy),
        "sparse_softmax_cross_entropy": loss(nn.cross_entropy), "sigmoid_cross_entropy": loss(sigmoid),
    }  # fmt: skip


@functools.cache
def _layers() -> dict[str, Any]:
    torch, nn = imported("torch"), imported("torch.nn.functional")
    activations = {"relu": torch.relu, "tanh": torch.tanh, None: lambda y: y}

    def first(x):
        return x.movedim(-1, 1)

    def last(x):
        return x.movedim(1, -1)

    def dense(activation: str | None = "relu"):
        def layer(a, inputs, weights, **bias):
            return activations[a.get("activation_fn", activation)](nn.linear(inputs, weights.T, *bias.values()))

        return layer

    def window(a, inputs, size):
        channels = {"data_format": a.get("data_format"), "padding": a.get("padding", "SAME")}
        found = Window(inputs, {**channels, "strides": a.get("stride", 1), "dilations": a.get("rate", 1)}, size)
        return found, inputs if found.first else first(inputs)

    def padded(x, w, value=0.0):
        (top, bottom), (left, right) = w.pads
        return nn.pad(x, (left, right, top, bottom), value=value)

    def conv2d(a, inputs, weights, biases):
        w, x = window(a, inputs, weights.shape[:2])
        y = nn.conv2d(padded(x, w), weights.permute(3, 2, 0, 1), biases, w.strides, 0, w.dilations)
        return activations[a.get("activation_fn", "relu")](y if w.first else last(y))

    def max_pool2d(a, inputs):
        w, x = window({"stride": 2, "padding": "VALID", **a}, inputs, a["kernel_size"])
        return last(nn.max_pool2d(padded(x, w, -float("inf")), w.size, w.strides))

    def pool(function):
        def pooled(a, inputs):
            if a.get("padding", "VALID") != "VALID":
                raise Unmapped("padded averages")
            return last(function(first(inputs), a["kernel_size"], 2))

        return pooled

    def layer_norm(a, inputs, beta, gamma):
        if a:
            raise Unmapped("only all axes at once")
        return nn.layer_norm(inputs, gamma.shape, gamma, beta, 1e-12)

    return {
        "conv2d": conv2d, "convolution": conv2d, "fully_connected": dense(), "relu": dense(),
        "linear": dense(None), "legacy_fully_connected": dense(None), "legacy_linear": dense(None),
        "legacy_relu": dense(), "bias_add": lambda a, inputs, biases: inputs + biases,
        "max_pool2d": max_pool2d, "avg_pool2d": pool(nn.avg_pool2d), "max_pool3d": pool(nn.max_pool3d),
        "avg_pool3d": pool(nn.avg_pool3d), "layer_norm": layer_norm,
        "instance_norm": lambda a, inputs, beta, gamma: last(
            nn.instance_norm(first(inputs), None, None, gamma, beta, True, 0.0, 1e-6)
        ),
        "group_norm": lambda a, inputs, beta, gamma: last(
            nn.group_norm(first(inputs), a["groups"], gamma, beta, 1e-6)
        ),
        "flatten": lambda a, inputs: inputs.flatten(1), "softmax": lambda a, inputs: torch.softmax(inputs, -1),
    }  # fmt: skip
