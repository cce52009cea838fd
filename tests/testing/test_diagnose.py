"""Faults injected into code of the tests' own; the comparison must find each and name it.

No right or wrong answer here is computed by npslim: the functions below are loops and formulas.
"""

import itertools

import numpy as np
import pytest

from npslim.testing import Mismatch, assert_matches, diagnose, golden_cases

TABLE = []  # (fault, case, what must be in the diagnosis, the answers)


def fault(words, pattern, nth=0, grid=None):
    """Register a function of a case that gives its answers with a fault, under the `words` of the right diagnosis."""

    def register(function):
        TABLE.append(pytest.param(function, pattern, nth, grid, words, id=function.__name__))
        return function

    return register


def convolution(x, w, before, after, stride=1):
    """A correlation, NHWC, by loops; `before` and `after`: zeros around, negative ones cut."""
    for axis in (1, 2):
        x = np.pad(x, [(max(before, 0), max(after, 0)) if i == axis else (0, 0) for i in range(4)])
        x = np.take(x, range(max(-before, 0), x.shape[axis] - max(-after, 0)), axis)
    kh, kw = w.shape[:2]
    rows, columns = (x.shape[1] - kh) // stride + 1, (x.shape[2] - kw) // stride + 1
    y = np.zeros((len(x), rows, columns, w.shape[3]), np.float64)
    for i, j, a, b in itertools.product(range(rows), range(columns), range(kh), range(kw)):
        y[:, i, j] += x[:, i * stride + a, j * stride + b].astype(np.float64) @ w[a, b].astype(np.float64)
    return y.astype(np.float32)


SQUARE = {"x": [(2, 6, 6, 3)], "w": [(3, 3, 3, 3)], "stride": [1], "padding": ["SAME"]}
STRIDED = {**SQUARE, "stride": [2]}


def xw(case):
    return case.inputs["x"], case.inputs["w"]


@fault("padding is off by one", "conv2d", grid=SQUARE)
def padding_too_early(case):
    return convolution(*xw(case), 2, 0)


@fault("padding is off by one", "conv2d", grid=SQUARE)
def padding_too_late(case):
    return convolution(*xw(case), 0, 2)


@fault("padding is off by one", "conv2d", grid=STRIDED)
def padding_of_pytorch(case):
    """Half the kernel on both sides, where SAME with a stride puts the odd zero behind."""
    return convolution(*xw(case), 1, 0, 2)


@fault("padding is off by one", "conv2d", grid={**SQUARE, "padding": ["VALID"]})
def valid_but_shifted(case):
    return convolution(*xw(case), -1, 1)


@fault("NCHW for NHWC: the output is written as NCHW", "conv2d", grid=SQUARE)
def output_in_nchw(case):
    return convolution(*xw(case), 1, 1).transpose(0, 3, 1, 2)


@fault("NCHW for NHWC: the output is laid out as NCHW", "conv2d", grid=SQUARE)
def buffer_in_nchw(case):
    return np.ascontiguousarray(convolution(*xw(case), 1, 1).transpose(0, 3, 1, 2)).reshape(2, 6, 6, 3)


@fault("NCHW for NHWC: the input's numbers are read as NCHW", "conv2d", grid=SQUARE)
def input_read_as_nchw(case):
    x, w = xw(case)
    return convolution(x.reshape(2, 3, 6, 6).transpose(0, 2, 3, 1), w, 1, 1)


@fault(
    "NHWC for NCHW: the output is written as NHWC",
    "conv2d",
    grid={**SQUARE, "data_format": ["NCHW"], "x": [(2, 3, 6, 6)]},
)
def output_in_nhwc(case):
    x, w = xw(case)
    return convolution(x.transpose(0, 2, 3, 1), w, 1, 1)


@fault("kernel is flipped", "conv2d", grid=SQUARE)
def true_convolution(case):
    x, w = xw(case)
    return convolution(x, w[::-1, ::-1], 1, 1)


@fault("kernel is flipped", "layers.conv2d", nth=1)
def true_convolution_in_a_layer(case):
    """6 x 5 by 3 x 3 with a stride of 2: SAME pads (0, 1) rows and (1, 1) columns."""
    x = np.pad(case.inputs["inputs"], ((0, 0), (0, 1), (1, 1), (0, 0)))
    return convolution(x, case.inputs["var:weights"][::-1, ::-1], 0, 0, 2) + case.inputs["var:biases"]


@fault("weights are transposed", "conv2d", grid=SQUARE)
def channels_exchanged(case):
    x, w = xw(case)
    return convolution(x, w.swapaxes(2, 3), 1, 1)


@fault("as OIHW", "conv2d", grid={**SQUARE, "w": [(3, 3, 3, 4)]})
def filter_read_as_oihw(case):
    x, w = xw(case)
    return convolution(x, w.reshape(4, 3, 3, 3).transpose(2, 3, 1, 0), 1, 1)


@fault("weights are transposed", "matmul", grid={"a": [(3, 4)], "b": [(4, 4)]})
def matrix_transposed(case):
    return case.inputs["a"] @ case.inputs["b"].T


@fault("weights are transposed", "layers.linear")
def layer_with_weights_read_by_columns(case):
    w = case.inputs["var:weights"]
    return case.inputs["inputs"] @ w.reshape(w.shape[::-1]).T + case.inputs["var:biases"]


@fault("padding is counted", "avg_pool2d", grid={"ksize": [3], "strides": [1], "padding": ["SAME"]})
def padding_counted(case):
    x = np.pad(case.inputs["x"], ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2)).mean((-1, -2), dtype=np.float32)


@fault("padding is off by one", "max_pool2d", grid={"ksize": [3], "strides": [1], "padding": ["SAME"]})
def pool_shifted(case):
    x = np.pad(case.inputs["x"], ((0, 0), (2, 0), (2, 0), (0, 0)), constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2)).max((-1, -2))


# ---- normalization


def batch_norm(case, unbiased=False, epsilon_at="variance", decay=None, updated=True, kind_of_average=1):
    """A layer's batch normalization by the formula: y, and the moving averages after it."""
    v = case.inputs
    x = v["inputs"].astype(np.float64)
    axes = tuple(range(x.ndim - 1))
    n = x.size // x.shape[-1]
    mean, variance = x.mean(axes), x.var(axes)
    bessel = n / (n - 1)
    used, epsilon = variance * (bessel if unbiased else 1), case.attrs.get("epsilon", 1e-3)
    deviation = {
        "variance": np.sqrt(used + epsilon), "deviation": np.sqrt(used) + epsilon, "nowhere": np.sqrt(used)
    }[epsilon_at]  # fmt: skip
    y = (x - mean) / deviation * v.get("var:gamma", 1.0) + v.get("var:beta", 0.0)
    decay = case.attrs.get("decay", 0.999) if decay is None else decay
    after = {"moving_mean": mean, "moving_variance": variance * bessel**kind_of_average}
    outputs = {"y": y.astype(np.float32)}
    for name, batch in after.items():
        before = v["var:" + name].astype(np.float64)
        outputs["after:" + name] = (before * decay + batch * (1 - decay) if updated else before).astype(np.float32)
    return outputs


IMAGES = 1  # the second case of the layer: images, decay 0.9, epsilon 0.1


@fault("unbiased variance (n - 1) is used where the biased one (n) normalizes", "layers.batch_norm", IMAGES)
def unbiased_in_the_batch(case):
    return batch_norm(case, unbiased=True)


@fault("biased variance (n) and the unbiased one (n - 1) are exchanged", "layers.batch_norm", IMAGES)
def biased_in_the_average(case):
    return batch_norm(case, kind_of_average=0)


@fault("unbiased variance", "fused_batch_norm")
def unbiased_in_the_fused_op(case):
    x, scale, offset = (case.inputs[n].astype(np.float64) for n in ("x", "scale", "offset"))
    variance = x.var((0, 1, 2), ddof=1)
    mean = x.mean((0, 1, 2))
    y = (x - mean) / np.sqrt(variance + case.attrs["epsilon"]) * scale + offset
    return [a.astype(np.float32) for a in (y, mean, variance)]


@fault("epsilon is in the wrong place", "layers.batch_norm", IMAGES)
def epsilon_at_the_deviation(case):
    return batch_norm(case, epsilon_at="deviation")


@fault("epsilon is missing", "layers.batch_norm", IMAGES)
def no_epsilon(case):
    return batch_norm(case, epsilon_at="nowhere")


@fault("stale: they are not updated", "layers.batch_norm", IMAGES)
def averages_not_updated(case):
    return batch_norm(case, updated=False)


@fault("decay for 1 - decay", "layers.batch_norm", IMAGES)
def momentum_the_other_way_round(case):
    return batch_norm(case, decay=0.1)


@fault("stale moving averages normalize", "layers.batch_norm", IMAGES)
def averages_used_in_training(case):
    v = {k: x.astype(np.float64) for k, x in case.inputs.items()}
    deviation = np.sqrt(v["var:moving_variance"] + case.attrs["epsilon"])
    y = (v["inputs"] - v["var:moving_mean"]) / deviation * v["var:gamma"] + v["var:beta"]
    return {**batch_norm(case), "y": y.astype(np.float32)}


@fault("batch's mean and variance normalize", "layers.batch_norm", 2)
def batch_statistics_in_evaluation(case):
    return batch_norm(case)["y"]


# ---- scale


@fault("1 / keep_prob is missing", "layers.dropout")
def dropout_without_scale(case):
    kept = np.floor(case.attrs["keep_prob"] + case.inputs["random"])
    return (case.inputs["inputs"] * kept).astype(np.float32)


@fault("mean is taken for a sum: the result is 24 times too small", "l2_loss")
def mean_of_squares(case):
    return np.float32((case.inputs["x"].astype(np.float64) ** 2).mean() / 2)


@fault("sum is taken for a mean: the result is 12 times too large", "losses.mean_squared_error")
def sum_of_squares(case):
    p, t = case.inputs["predictions"].astype(np.float64), case.inputs["labels"]
    return np.float32(((p - t) ** 2).sum())


@fault("sum is taken for a mean", "reduce_mean", 0)
def sum_for_mean(case):
    axis = case.attrs["axis"]
    return case.inputs["x"].sum(None if axis is None else tuple(np.ravel(axis)), keepdims=case.attrs["keepdims"])


@fault("the sign is wrong", "losses.tf.log_loss")
def log_without_minus(case):
    return -case.outputs["y"]


@fault("only as exact as float16 or TF32", "matmul")
def half_precision(case):
    a, b = (x.astype(np.float16).astype(np.float32) for x in (case.inputs["a"], case.inputs["b"]))
    return a @ b


# ---- optimizers


@fault("Nesterov's step is missing", "optimizers.Momentum", 1)
def plain_momentum(case):
    v, a = case.inputs, case.attrs
    m = v["momentum"] * a["momentum"] + v["grad"]
    return {"var": (v["var"] - a["learning_rate"] * m).astype(np.float32), "momentum": m.astype(np.float32)}


@fault("epsilon is in the wrong place: inside the root", "optimizers.Adam")
def adam_with_epsilon_inside(case):
    return adam(case, lambda root, eps: np.sqrt(root**2 + eps))


@fault("epsilon is in the wrong place: added to the corrected root", "optimizers.Adam")
def adam_of_the_paper(case):
    return adam(case, lambda root, eps: root + eps * np.sqrt(1 - case.inputs["beta2_power"]))


def adam(case, denominator):
    v, a = {k: x.astype(np.float64) for k, x in case.inputs.items()}, case.attrs
    m = a["beta1"] * v["m"] + (1 - a["beta1"]) * v["grad"]
    s = a["beta2"] * v["v"] + (1 - a["beta2"]) * v["grad"] ** 2
    rate = a["learning_rate"] * np.sqrt(1 - v["beta2_power"]) / (1 - v["beta1_power"])
    found = {
        "var": v["var"] - rate * m / denominator(np.sqrt(s), a["epsilon"]), "m": m, "v": s,
        "beta1_power": v["beta1_power"] * a["beta1"], "beta2_power": v["beta2_power"] * a["beta2"],
    }  # fmt: skip
    return {k: x.astype(np.float32) for k, x in found.items()}


@fault("epsilon is in the wrong place: added to the root", "optimizers.RMSProp")
def rmsprop_with_epsilon_outside(case):
    v, a = {k: x.astype(np.float64) for k, x in case.inputs.items()}, case.attrs
    rms = a["decay"] * v["rms"] + (1 - a["decay"]) * v["grad"] ** 2
    step = a["momentum"] * v["momentum"] + a["learning_rate"] * v["grad"] / (np.sqrt(rms) + a["epsilon"])
    found = {"var": v["var"] - step, "rms": rms, "momentum": step}
    return {k: x.astype(np.float32) for k, x in found.items()}


@pytest.mark.parametrize("inject, pattern, nth, grid, words", TABLE)
def test_an_injected_fault_is_named(inject, pattern, nth, grid, words):
    case = golden_cases(pattern, grid)[nth]
    with pytest.raises(Mismatch) as caught:
        assert_matches(inject(case), case)
    assert words in (caught.value.cause or "no cause"), caught.value
    assert f"likely cause: {caught.value.cause}" in str(caught.value)


@pytest.mark.parametrize("inject, pattern, nth, grid, words", TABLE)
def test_what_is_right_has_no_cause(inject, pattern, nth, grid, words):
    case = golden_cases(pattern, grid)[nth]
    assert_matches(case.answers, case)
    assert diagnose(case.answers, case) is None
