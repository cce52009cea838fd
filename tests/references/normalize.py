"""Normalizations channel by channel."""

import numpy as np

from npslim.registry import REGISTRY


def channel_axis(x, data_format):
    return 1 if (data_format or "NHWC")[1] == "C" else x.ndim - 1


def by_channel(x, data_format):
    """The channels of `x`, each as an array without that dimension."""
    return list(np.moveaxis(x, channel_axis(x, data_format), 0))


def joined(parts, like, data_format):
    return np.stack(parts, channel_axis(like, data_format)).astype(like.dtype)


def bias_add(value, bias, data_format):
    return joined([part + b for part, b in zip(by_channel(value, data_format), bias, strict=True)], value, data_format)


def bias_add_grad(g, data_format):
    return np.array([part.sum() for part in by_channel(g, data_format)], g.dtype)


def fused_batch_norm(x, scale, offset, mean=None, variance=None, *, epsilon, data_format, is_training):
    parts, ys, means, variances = by_channel(x, data_format), [], [], []
    for i, part in enumerate(parts):
        with np.errstate(all="ignore"):
            m = np.divide(part.sum(), part.size) if is_training else mean[i]
            square = np.divide((part**2).sum(), part.size) - m**2 if is_training else variance[i]
        ys.append(scale[i] * (part - m) / np.sqrt(square + epsilon) + offset[i])
        means.append(m)
        variances.append(square * part.size / max(part.size - 1, 1) if is_training else square)
    return joined(ys, x, data_format), np.array(means), np.array(variances)


def fused_batch_norm_grad(g, x, scale, epsilon, data_format):
    """By the full matrix of derivatives of each channel's result by its elements."""
    to_x, to_scale, to_offset = [], [], []
    for part, h, s in zip(by_channel(x, data_format), by_channel(g, data_format), scale, strict=True):
        flat, n = part.ravel(), part.size
        deviation = np.sqrt(flat.var() + epsilon)
        centred = flat - flat.mean()
        by_variance = -np.outer(centred, centred) / (n * deviation**3)
        jacobian = (np.eye(n) - 1 / n) / deviation + by_variance
        to_x.append((s * h.ravel() @ jacobian).reshape(part.shape))
        to_scale.append(h.ravel() @ centred / deviation)
        to_offset.append(h.sum())
    return joined(to_x, x, data_format), np.array(to_scale), np.array(to_offset)


def sum_of_near(x, radius):
    c = x.shape[-1]
    return x @ (np.abs(np.subtract.outer(np.arange(c), np.arange(c))) <= radius).astype(x.dtype)


def local_response_normalization(input, depth_radius, bias, alpha, beta):
    return input * np.exp(-beta * np.log(bias + alpha * sum_of_near(input**2, depth_radius)))


for function in (
    bias_add, bias_add_grad, fused_batch_norm, fused_batch_norm_grad, sum_of_near, local_response_normalization,
):  # fmt: skip
    REGISTRY[function.__name__].reference = function
