"""The likely cause of a wrong answer: each usual mistake is made on purpose, and the one that gives it is named.

A mistake is a function of a case that yields (what it is, answers with the mistake). Only answers that the mistake
changes, and that were given, tell; they must be met within the bounds.
"""

import numpy as np

from npslim.testing.compare import as_answers, bound_of, compared
from npslim.testing.make import attributes
from npslim.testing.rerun import rerun

SLACK = 16.0  # an answer with a mistake is rounded in its own way


def diagnose(actual, case, precision=None):
    """A sentence, or None. actual: as in `assert_matches`."""
    actual = as_answers(actual, case)
    wrong = {k: a for k, a in actual.items() if compared(a, case.arrays[k], bound_of(case, k, precision), k).problem}
    if not wrong:
        return None
    for mistake in MISTAKES:
        try:
            for words, answers in mistake(case, actual, wrong):
                if _explains(answers, case, actual, wrong, precision):
                    return words
        except Exception:  # the mistake cannot be made here: another rank, no such attribute
            continue
    return None


def _explains(answers, case, actual, wrong, precision):
    """Whether `answers` meet the given ones, and are not just the right ones."""
    told = [key for key in wrong if key in answers]
    if not told or any(key not in answers for key in wrong if key.startswith("outputs/")):
        return False
    keys = [key for key in actual if key in answers and (key in wrong or key.startswith("outputs/"))]
    return all(_meets(actual[k], np.asarray(answers[k]), case, k, precision) for k in keys) and any(
        compared(np.asarray(answers[k]), case.arrays[k], bound_of(case, k, precision)).problem for k in told
    )


def _meets(array, answer, case, key, precision):
    if array.shape != answer.shape:
        return False
    bound = bound_of(case, key, precision)
    if np.shape(bound) != answer.shape:
        bound = np.max(bound, initial=0.0)
    elif answer.dtype.kind == "f":
        scale = np.abs(np.where(np.isfinite(answer), answer, 0)) / np.maximum(
            np.abs(np.where(np.isfinite(case.arrays[key]), case.arrays[key], 0)), np.finfo(answer.dtype).tiny
        )
        bound = bound * np.maximum(scale, 1)
    return not compared(array.astype(answer.dtype), answer, SLACK * np.asarray(bound)).problem


# ---- mistakes of convolutions, pools and products


def _first(case):
    """(name, array) of the data: the first input."""
    return next(iter(case.inputs.items()))


def _filters(case):
    """The inputs that are filters or matrices of weights."""
    names = ("w", "b", "a", "var:weights", "var:depthwise_weights", "var:pointwise_weights")
    return {n: a for n, a in case.inputs.items() if n in names and a.ndim >= 2 and a.dtype.kind == "f"}


def _channels_first(case):
    return str(case.attrs.get("data_format") or "").startswith(("NC", "channels_first"))


def _windows(case):
    """(spatial axes of the data, size of the window, strides, dilations), or None for what slides no window."""
    attrs, filters = attributes(case), _filters(case)
    _, x = _first(case)
    axes = tuple(range(2, x.ndim)) if _channels_first(case) else tuple(range(1, x.ndim - 1))
    n = len(axes)
    w = next((w for name, w in filters.items() if w.ndim == n + 2 and "pointwise" not in name), None)
    size = w.shape[:n] if w is not None else attrs.get("ksize", attrs.get("kernel_size"))
    if size is None or n == 0 or "padding" not in attrs and case.kind == "op":
        return None
    pooling = "ksize" in attrs or "pool" in case.name
    stride = attrs.get("strides", attrs.get("stride", 2 if pooling and case.kind == "layer" else 1))
    rate = attrs.get("dilations", attrs.get("rate", 1))
    return axes, _each(size, n), _each(stride, n), _each(rate, n)


def _each(value, n):
    """One number for each of `n` spatial dimensions, from one for all, or from one for each dimension."""
    if value is None or isinstance(value, int):
        return (value or 1,) * n
    value = tuple(value)
    if len(value) == n + 2:
        return value[1:-1] if value[-1] == 1 and value[0] == 1 and value[1:-1] != (1,) * n else value[2:]
    return value * n if len(value) == 1 else value


def padding_off_by_one(case, actual, wrong):
    """Padding moved by one place, or counted in an average."""
    found = _windows(case)
    if found is None or "backprop" in case.name or "grad" in case.name or "transpose" in case.name:
        return
    axes, size, strides, rates = found
    name, x = _first(case)
    default = "VALID" if "pool" in case.name else "SAME"
    same = attributes(case).get("padding", default) == "SAME"
    pads = [_pads(x.shape[a], k, s, d, same) for a, k, s, d in zip(axes, size, strides, rates, strict=True)]
    average = "avg" in case.name or case.attrs.get("pooling_type") == "AVG"
    if average and same:
        yield "the padding is counted in the average", _padded(case, name, x, axes, pads, counted=True)
    n = len(axes)
    single = [tuple(s if i == j else 0 for j in range(n)) for i in range(n) for s in (1, -1)]
    for shift in ((1,) * n, (-1,) * n, *single):
        moved = [(before + s, after - s) for (before, after), s in zip(pads, shift, strict=True)]
        place = " and ".join(f"dimension {a}" for a, s in zip(axes, shift, strict=True) if s)
        words = f"the padding is off by one, {'one more' if max(shift) > 0 else 'one less'} in front in {place}"
        yield words, _padded(case, name, x, axes, moved, counted=not average)


def _pads(n, k, s, d, same):
    total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) if same else 0
    return total // 2, total - total // 2


def _padded(case, name, x, axes, pads, counted):
    """The case on data with explicit padding, which may be negative."""

    def pad(array, value):
        widths, cut = [(0, 0)] * array.ndim, [slice(None)] * array.ndim
        for axis, (before, after) in zip(axes, pads, strict=True):
            widths[axis] = max(before, 0), max(after, 0)
            cut[axis] = slice(max(-before, 0), array.shape[axis] - max(-after, 0))
        return np.pad(array[tuple(cut)], widths, constant_values=value)

    least = np.finfo(x.dtype).min if "max" in case.name and x.dtype.kind == "f" else 0
    answers = rerun(case, {name: pad(x, least)}, {"padding": "VALID"})
    outputs = {k: a for k, a in answers.items() if k.startswith("outputs/")}
    if not counted:
        shares = rerun(case, {name: pad(np.ones_like(x), 0)}, {"padding": "VALID"})
        outputs = {k: a / np.where(shares[k] == 0, 1, shares[k]) for k, a in outputs.items()}
    return outputs


def other_layout(case, actual, wrong):
    """Channels first where they are last, or the other way round: read so, or written so."""
    rank = next((a.ndim for a in case.inputs.values() if a.ndim in (4, 5)), None)
    if rank is None:
        return
    here, there = ("NCHW", "NHWC") if _channels_first(case) else ("NHWC", "NCHW")
    perm = (0, *range(2, rank), 1) if _channels_first(case) else (0, rank - 1, *range(1, rank - 1))
    back = tuple(np.argsort(perm))
    ways = {"written": lambda a: a.transpose(perm), "laid out": lambda a: a.transpose(perm).reshape(a.shape)}
    for words, answer in ways.items():
        answers = {k: answer(a) if a.ndim == rank else a for k, a in case.answers.items()}
        yield f"{there} for {here}: the output is {words} as {there}", answers
    name, x = _first(case)
    if x.ndim == rank:
        read = x.reshape([x.shape[i] for i in perm]).transpose(back)
        yield f"{there} for {here}: the input's numbers are read as {there}", rerun(case, {name: read})


def kernel_flipped(case, actual, wrong):
    """A true convolution in place of a correlation."""
    for name, w in _filters(case).items():
        spatial = w.ndim - 2
        if spatial:
            flipped = np.flip(w, tuple(range(spatial)))
            words = f"the kernel is flipped: {name} is turned round in its spatial dimensions"
            yield words, rerun(case, {name: flipped})


def weights_transposed(case, actual, wrong):
    """The last two dimensions of the weights taken the other way round."""
    for name, w in _filters(case).items():
        swapped = w.swapaxes(-1, -2)
        words = f"the weights are transposed: {name} has its last two dimensions the other way round"
        if swapped.shape == w.shape:
            yield words, rerun(case, {name: swapped})
        read = w.reshape(swapped.shape).swapaxes(-1, -2)
        yield words + ", in memory", rerun(case, {name: read})
        if w.ndim > 2 and case.kind != "op" or w.ndim > 2 and case.name.startswith("conv"):
            *sizes, i, o = w.shape
            turned = w.reshape(o, i, *sizes).transpose(*range(2, w.ndim), 1, 0)
            yield (
                f"the weights are transposed: {name} is read with its channels in front, as OIHW",
                rerun(case, {name: turned}),
            )


# ---- mistakes of normalization and moving averages


def _normalized(case):
    """(x, axes, gamma, beta, epsilon, the key of the result) of what subtracts a mean and divides by a deviation."""
    attrs, inputs = attributes(case), case.inputs
    name, x = _first(case)
    first = _channels_first(case)
    channel = 1 if first else x.ndim - 1
    if case.name == "fused_batch_norm" and attrs.get("is_training", True):
        axes, names, key = tuple(i for i in range(x.ndim) if i != channel), ("scale", "offset"), "outputs/y0"
    elif case.name == "batch_norm" and attrs.get("is_training", True):
        axes, names, key = tuple(i for i in range(x.ndim) if i != channel), ("var:gamma", "var:beta"), "outputs/y"
    elif case.name == "instance_norm":
        axes, names, key = tuple(i for i in range(1, x.ndim) if i != channel), ("var:gamma", "var:beta"), "outputs/y"
    elif case.name == "layer_norm":
        axes = tuple(range(attrs.get("begin_norm_axis", 1) % x.ndim, x.ndim))
        names, key, channel = ("var:gamma", "var:beta"), "outputs/y", None
    else:
        return None
    gamma, beta = (inputs.get(n) for n in names)
    shape = (
        (lambda v: v) if channel is None else lambda v: v.reshape([-1 if i == channel else 1 for i in range(x.ndim)])
    )
    gamma = 1.0 if gamma is None else shape(gamma.astype(np.float64))
    beta = 0.0 if beta is None else shape(beta.astype(np.float64))
    epsilon = {"layer_norm": 1e-12, "instance_norm": 1e-6}.get(case.name, 1e-3)
    return x.astype(np.float64), axes, gamma, beta, attrs.get("epsilon", epsilon), key


def variance_of_other_kind(case, actual, wrong):
    """n for n - 1 in a variance, or the other way round: in what is normalized, or in what is returned or averaged."""
    found = _normalized(case)
    if found is None:
        return
    x, axes, gamma, beta, epsilon, key = found
    n = np.prod([x.shape[i] for i in axes])
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    bessel = n / max(n - 1, 1)
    y = (x - mean) / np.sqrt(variance * bessel + epsilon) * gamma + beta
    unbiased = "the unbiased variance (n - 1) is used where the biased one (n) normalizes"
    statistics = dict(_other_variances(case, variance.ravel(), bessel))
    yield unbiased, {**case.answers, key: y}
    if statistics:
        yield "the biased variance (n) and the unbiased one (n - 1) are exchanged", {**case.answers, **statistics}
        yield unbiased, {**case.answers, key: y, **statistics}


def _other_variances(case, variance, bessel):
    if case.name == "fused_batch_norm":
        expected = case.arrays["outputs/y2"]
        yield "outputs/y2", _other(expected, variance, variance * bessel)
    elif "outputs/after:moving_variance" in case.arrays:
        decay, before = attributes(case).get("decay", 0.999), case.inputs["var:moving_variance"].astype(np.float64)
        both = (before * decay + v * (1 - decay) for v in (variance, variance * bessel))
        yield "outputs/after:moving_variance", _other(case.arrays["outputs/after:moving_variance"], *both)


def _other(expected, a, b):
    """Which of the two `expected` is not."""
    return b if np.abs(a - expected).max(initial=0) < np.abs(b - expected).max(initial=0) else a


def epsilon_elsewhere(case, actual, wrong):
    """Epsilon outside of the root, inside of it, or nowhere."""
    found = _normalized(case)
    if found is not None:
        x, axes, gamma, beta, epsilon, key = found
        centred, variance = x - x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        outside = centred / (np.sqrt(variance) + epsilon) * gamma + beta
        yield (
            "epsilon is in the wrong place: added to the deviation, not to the variance",
            {**case.answers, key: outside},
        )
        with np.errstate(all="ignore"):
            nowhere = centred / np.sqrt(variance) * gamma + beta
        yield "epsilon is missing", {**case.answers, key: nowhere}
    if case.kind == "optimizer" and "epsilon" in case.attrs:
        with np.errstate(all="ignore"):
            yield from _epsilon_of_optimizers(case)


def _epsilon_of_optimizers(case):
    """Adam adds it to the root, RMSProp to the square; in Adam it stands beside the root that is not corrected."""
    a, v = attributes(case), {k: x.astype(np.float64) for k, x in case.inputs.items()}
    out = {k[8:]: x.astype(np.float64) for k, x in case.answers.items()}
    grad, var, epsilon = v["grad"], v["var"], a["epsilon"]
    words = "epsilon is in the wrong place: "
    if case.name == "Adam":
        b1, b2, lr = v["beta1_power"], v["beta2_power"], a["learning_rate"]
        step = lr * np.sqrt(1 - b2) / (1 - b1)
        inside = var - step * out["m"] / np.sqrt(out["v"] + epsilon)
        yield words + "inside the root, not added to it", {**case.answers, "outputs/var": inside}
        corrected = var - lr / (1 - b1) * out["m"] / (np.sqrt(out["v"] / (1 - b2)) + epsilon)
        yield words + "added to the corrected root, not to the one before correction", {
            **case.answers, "outputs/var": corrected,
        }  # fmt: skip
    if case.name == "RMSProp":
        square = out["rms"] - out["mg"] ** 2 if a.get("centered") else out["rms"]
        momentum = v["momentum"] * a.get("momentum", 0.0) + a["learning_rate"] * grad / (np.sqrt(square) + epsilon)
        yield words + "added to the root, not inside it", {
            **case.answers, "outputs/momentum": momentum, "outputs/var": var - momentum,
        }  # fmt: skip
    if case.name == "Adadelta":
        step = (np.sqrt(v["accum_update"]) + epsilon) / (np.sqrt(out["accum"]) + epsilon) * grad
        rho = a["rho"]
        yield words + "added to the roots, not inside them", {
            **case.answers, "outputs/var": var - step * a["learning_rate"],
            "outputs/accum_update": v["accum_update"] * rho + step**2 * (1 - rho),
        }  # fmt: skip


def stale_average(case, actual, wrong):
    """Moving averages not updated, or updated with the decay the wrong way round, or used in the wrong phase."""
    averages = {
        k: case.inputs["var:" + k.split(":", 1)[1]] for k in case.arrays if k.startswith("outputs/after:moving")
    }
    if averages:
        yield "the moving averages are stale: they are not updated", {**case.answers, **averages}
        decay = attributes(case).get("decay", 0.999)
        batch = {k: (case.arrays[k] - before * decay) / (1 - decay) for k, before in averages.items()}
        other = {k: before * (1 - decay) + batch[k] * decay for k, before in averages.items()}
        yield "the moving averages take decay for 1 - decay", {**case.answers, **other}
    if "is_training" in case.attrs or case.name in ("batch_norm", "fused_batch_norm"):
        training = attributes(case).get("is_training", True)
        if not training or "var:moving_mean" in case.inputs or "mean" in case.inputs:
            words = "the stale moving averages normalize in place of the batch's" if training else (
                "the batch's mean and variance normalize in place of the moving averages"
            )  # fmt: skip
            answers = rerun(case, attrs={"is_training": not training})
            yield words, {k: answers.get(k, a) for k, a in case.answers.items()}


# ---- mistakes of scale


def keep_prob_missing(case, actual, wrong):
    """Dropout that does not divide by the share that it keeps."""
    keep = case.attrs.get("keep_prob")
    if keep and attributes(case).get("is_training", True):
        scaled = {k: a * np.asarray(keep, a.dtype) for k, a in case.answers.items()}
        yield f"1 / keep_prob is missing: what is kept is not divided by {keep:g}", scaled


def mean_for_sum(case, actual, wrong):
    """A mean for a sum, or the other way round, over any leading or trailing dimensions of an input, or all of it."""
    if not (case.kind == "loss" or any(word in case.name for word in ("mean", "sum", "loss", "pool", "entropy"))):
        return
    shapes = {a.shape for a in case.inputs.values() if a.ndim}
    windows = [np.prod(case.attrs[k]) for k in ("ksize", "kernel_size") if k in case.attrs]
    counts = {int(np.prod(s[i:j])) for s in shapes for i in range(len(s)) for j in range(i + 1, len(s) + 1)}
    for n in sorted(counts | {int(w) for w in windows}, reverse=True):
        if n > 1:
            yield f"a mean is taken for a sum: the result is {n} times too small", _times(case, 1 / n)
            yield f"a sum is taken for a mean: the result is {n} times too large", _times(case, n)


def nesterov(case, actual, wrong):
    """Plain momentum for Nesterov's, or the other way round."""
    if case.kind == "optimizer" and case.name == "Momentum":
        missing = bool(case.attrs.get("use_nesterov"))
        words = (
            "Nesterov's step is missing: this is plain momentum"
            if missing
            else "this is Nesterov's momentum, not the plain one"
        )
        yield words, rerun(case, attrs={"use_nesterov": not missing})


def wrong_factor(case, actual, wrong):
    """One factor for all elements."""
    for key, array in wrong.items():
        expected = case.arrays[key]
        if array.shape != expected.shape or array.dtype.kind != "f" or not expected.size:
            continue
        sizes = np.where(np.isfinite(expected), np.abs(expected), 0)
        i = np.unravel_index(np.argmax(sizes), expected.shape)
        factor = float(array[i]) / float(expected[i]) if expected[i] else 0.0
        if np.isfinite(factor) and factor not in (0.0, 1.0) and (factor == -1 or expected.size > 1):
            words = "the sign is wrong" if factor == -1 else f"every element is {factor:.6g} times what it should be"
            yield words, {**case.answers, key: (expected * factor).astype(expected.dtype)}


def _times(case, factor):
    return {k: (a * factor).astype(a.dtype) if a.dtype.kind == "f" else a for k, a in case.answers.items()}


def low_precision(case, actual, wrong):
    """Right within the rounding of a narrower arithmetic."""
    for precision, words in (("tf32", "float16 or TF32"), ("bfloat16", "bfloat16")):
        if all(not compared(a, case.arrays[k], bound_of(case, k, precision), k).problem for k, a in actual.items()):
            yield f"the arithmetic is only as exact as {words}", dict(actual)


MISTAKES = (
    padding_off_by_one, kernel_flipped, weights_transposed, other_layout, keep_prob_missing, nesterov,
    variance_of_other_kind, epsilon_elsewhere, stale_average, mean_for_sum, wrong_factor, low_precision,
)  # fmt: skip
