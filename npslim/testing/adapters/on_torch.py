"""PyTorch: values, and gradients by its autograd. Layers, losses and optimizers are `on_torch_layers`'s."""

import functools
from typing import Any

import numpy as np

from npslim.testing.adapters import on_torch_layers
from npslim.testing.adapters.common import Unmapped, answers_of, axes_of, found, imported, window_of


def setup():
    """Import PyTorch; returns the module. Raises MissingExtraError."""
    return imported("torch")


def answer(case):
    """The case in PyTorch."""
    torch = setup()
    if case.kind == "optimizer":
        return on_torch_layers.stepped(case)
    function = found(case, _table()) if case.kind == "op" else on_torch_layers.function_of(case)
    inputs = {n: torch.from_numpy(np.array(a)) for n, a in case.inputs.items()}
    for name in case.gradients:
        inputs[name].requires_grad_()
    ys = function(*inputs.values())
    ys = ys if isinstance(ys, tuple) else (ys,)
    weights = [torch.from_numpy(np.array(w)) for w in case.cotangents.values()]
    pairs = [(y, w) for y, w in zip(ys, weights, strict=False) if y.requires_grad]
    xs = [inputs[n] for n in case.gradients]
    gs = torch.autograd.grad([y for y, _ in pairs], xs, [w for _, w in pairs], allow_unused=True) if pairs else []
    gs = [torch.zeros_like(x) if g is None else g for x, g in zip(xs, gs, strict=False)]
    return answers_of(case, [y.detach().numpy() for y in ys], [g.numpy() for g in gs])


@functools.cache
def _table():
    torch = setup()
    nn = imported("torch.nn.functional")

    def plain(function):
        return lambda a, *xs: function(*xs)

    table: dict[str, Any] = {
        name: plain(function)
        for name, function in {
            "abs": torch.abs, "negative": torch.neg, "exp": torch.exp, "expm1": torch.expm1, "log": torch.log,
            "log1p": torch.log1p, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal,
            "square": torch.square, "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil, "rint": torch.round,
            "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "relu6": nn.relu6, "elu": nn.elu,
            "selu": nn.selu, "softplus": nn.softplus, "softsign": nn.softsign,
            "erf": torch.erf, "erfc": torch.erfc, "lgamma": torch.lgamma, "digamma": torch.digamma,
            "sin": torch.sin, "cos": torch.cos, "tan": torch.tan, "asin": torch.asin, "acos": torch.acos,
            "atan": torch.atan, "sinh": torch.sinh, "cosh": torch.cosh, "asinh": torch.asinh, "acosh": torch.acosh,
            "atanh": torch.atanh, "atan2": torch.atan2, "add": torch.add, "subtract": torch.sub,
            "multiply": torch.mul, "realdiv": torch.div, "pow": torch.pow, "maximum": torch.maximum,
            "minimum": torch.minimum, "squared_difference": lambda x, y: (x - y) ** 2, "mod": torch.remainder,
            "equal": torch.eq, "not_equal": torch.ne, "less": torch.lt, "less_equal": torch.le, "greater": torch.gt,
            "greater_equal": torch.ge, "logical_and": torch.logical_and, "logical_or": torch.logical_or,
            "logical_not": torch.logical_not, "is_nan": torch.isnan, "is_inf": torch.isinf,
            "is_finite": torch.isfinite, "where_v2": torch.where, "identity": lambda x: x * 1,
            "sigmoid_cross_entropy_with_logits": lambda z, x: nn.binary_cross_entropy_with_logits(
                x, z, reduction="none"
            ),
            "l2_loss": lambda x: (x * x).sum() / 2, "add_n": lambda *xs: functools.reduce(torch.add, xs),
        }.items()
    }  # fmt: skip

    def reduced(function):
        def over(a, x):
            axes = axes_of(a, x.ndim)
            return function(x, axes, a["keepdims"]) if axes else x * 1

        return over

    def window(a, x, *rest, name="x"):
        shapes = {name: x, **{f"_{i}": r for i, r in enumerate(rest)}}
        w = window_of(shapes, a, name)
        return w, (x if w.first else x.permute(0, 3, 1, 2))

    def padded(x, w, value):
        (top, bottom), (left, right) = w.pads
        return nn.pad(x, (left, right, top, bottom), value=value)

    def back(y, w):
        return y if w.first else y.permute(0, 2, 3, 1)

    def conv2d(a, x, k):
        w, x = window(a, x, k)
        y = nn.conv2d(padded(x, w, 0.0), k.permute(3, 2, 0, 1), None, w.strides, 0, w.dilations)
        return back(y, w)

    def depthwise(a, x, k):
        w, x = window(a, x, k)
        kernel = k.permute(2, 3, 0, 1).reshape(-1, 1, *k.shape[:2])
        return back(nn.conv2d(padded(x, w, 0.0), kernel, None, w.strides, 0, w.dilations, groups=x.shape[1]), w)

    def max_pool(a, x):
        w, x = window(a, x)
        if not x.dtype.is_floating_point:
            raise Unmapped("only floating numbers are pooled")
        return back(nn.max_pool2d(padded(x, w, -float("inf")), w.size, w.strides, 0, w.dilations), w)

    def avg_pool(a, x):
        w, x = window(a, x)
        if w.dilations != (1, 1):
            raise Unmapped("no dilated average")
        share = nn.avg_pool2d(padded(torch.ones_like(x[:1]), w, 0.0), w.size, w.strides)
        return back(nn.avg_pool2d(padded(x, w, 0.0), w.size, w.strides) / share, w)

    def matmul(a, x, y):
        return torch.matmul(x.mT if a["transpose_a"] else x, y.mT if a["transpose_b"] else y)

    def batch_norm(a, x, scale, offset, *moments):
        first = str(a["data_format"] or "").startswith("NC")
        channels = x if first or x.ndim < 3 else x.movedim(-1, 1)
        if not a["is_training"]:
            raise Unmapped("given moments have no gradients")
        if x.numel() // x.shape[1 if first else -1] < 2:
            raise Unmapped("a batch of one element")
        mean = channels.transpose(0, 1).flatten(1).mean(1)
        variance = channels.transpose(0, 1).flatten(1).var(1, unbiased=True)
        y = nn.batch_norm(channels, None, None, scale, offset, True, 0.0, a["epsilon"])
        return (y if first or x.ndim < 3 else y.movedim(1, -1)), mean, variance

    def mean(x, axes, keepdims):
        if not x.dtype.is_floating_point:
            raise Unmapped("no mean of integers")
        return torch.mean(x, axes, keepdims)

    def transpose(a, x):
        y = x.permute(a["perm"] or tuple(range(x.ndim))[::-1])
        return (y.conj().resolve_conj() if a["conjugate"] else y) * 1

    def cumulated(a, x):
        if a["exclusive"] or a["reverse"]:
            raise Unmapped("only forward and inclusive")
        return torch.cumsum(x, a["axis"]).to(x.dtype)

    def gather(a, x, i):
        if i.ndim != 1:
            raise Unmapped("only vectors of indices")
        return torch.index_select(x, a["axis"], i)

    def bias_add(a, x, b):
        return x + (b.reshape(-1, *[1] * (x.ndim - 2)) if str(a["data_format"] or "").startswith("NC") else b)

    def local_response_normalization(a, x):
        n = 2 * a["depth_radius"] + 1
        if x.ndim < 3:
            raise Unmapped("only three dimensions or more")
        y = nn.local_response_norm(x.movedim(-1, 1), n, a["alpha"] * n, a["beta"], a["bias"])
        return y.movedim(1, -1)

    def cross_entropy(a, labels, logits):
        return -(labels * torch.log_softmax(logits, a["axis"])).sum(a["axis"])

    def sparse_cross_entropy(a, labels, logits):
        if logits.ndim != 2 or not len(logits):
            raise Unmapped("only matrices of logits")
        return nn.cross_entropy(logits, labels.long(), reduction="none")

    table.update(
        matmul=matmul, conv2d=conv2d, depthwise_conv2d_native=depthwise, max_pool2d=max_pool, avg_pool2d=avg_pool,
        fused_batch_norm=batch_norm, cumsum=cumulated, gather=gather,
        softmax=lambda a, x: torch.softmax(x, a["axis"]), log_softmax=lambda a, x: torch.log_softmax(x, a["axis"]),
        reduce_sum=reduced(lambda x, d, k: torch.sum(x, d, k).to(x.dtype)),
        reduce_mean=reduced(mean),
        reduce_max=reduced(lambda x, d, k: torch.amax(x, d, k)),
        reduce_min=reduced(lambda x, d, k: torch.amin(x, d, k)),
        reduce_logsumexp=reduced(lambda x, d, k: torch.logsumexp(x, d, k)),
        reduce_any=reduced(lambda x, d, k: torch.any(x, d, k)), reduce_all=reduced(lambda x, d, k: torch.all(x, d, k)),
        transpose=transpose,
        concat=lambda a, *xs: torch.cat(xs, a["axis"]), stack=lambda a, *xs: torch.stack(xs, a["axis"]),
        leaky_relu=lambda a, x: nn.leaky_relu(x, a["alpha"]),
        softmax_cross_entropy_with_logits=cross_entropy,
        sparse_softmax_cross_entropy_with_logits=sparse_cross_entropy,
        einsum=lambda a, *xs: torch.einsum(a["equation"].replace(" ", ""), *xs),
        bias_add=bias_add, local_response_normalization=local_response_normalization,
    )  # fmt: skip
    return table
