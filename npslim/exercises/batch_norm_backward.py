"""Tests of the exercise `batch_norm_backward`."""

import numpy as np

from npslim.exercises import Wrong
from npslim.exercises.common import named, same, slopes

RNG = np.random.default_rng


def forward(x, gamma, beta, epsilon=1e-3):
    """Batch norm."""
    centred = x - x.sum(axis=0) / len(x)
    return gamma * centred / np.sqrt((centred**2).sum(axis=0) / len(x) + epsilon) + beta


def answered(answer, g, x, gamma, epsilon=1e-3):
    """The three derivatives."""
    found = named(answer, "batch_norm_backward")(g, x, gamma, epsilon)
    if not isinstance(found, tuple | list) or len(found) != 3:
        raise Wrong("batch_norm_backward returns three arrays: by x, by gamma, by beta.")
    return found


def drawn(seed, n=6, c=3):
    """g, x and gamma."""
    rng = RNG(seed)
    return rng.normal(size=(n, c)), rng.normal(2.0, 3.0, size=(n, c)), rng.normal(size=c)


def check_beta(answer):
    """beta is added to every row: its slope is the sum of g over the batch."""
    g, x, gamma = drawn(0)
    same(answered(answer, g, x, gamma)[2], slopes(lambda b: forward(x, gamma, b), np.zeros(3), g), "dbeta", 1e-6)


def check_gamma(answer):
    """gamma multiplies the normalized input: the sum of g * normalized. Normalize with the biased variance."""
    g, x, gamma = drawn(1)
    same(answered(answer, g, x, gamma)[1], slopes(lambda s: forward(x, s, 0.0), gamma, g), "dgamma", 1e-6)


def check_a_constant_g_changes_nothing(answer):
    """Adding the same to all outputs cannot be had by moving x: the mean takes it away. So dx is 0 for equal g."""
    g, x, gamma = drawn(2)
    same(answered(answer, np.ones_like(g), x, gamma)[0] + 1.0, np.ones_like(x), "1 + dx", 1e-9)


def check_x(answer):
    """x moves the output in three ways: itself, through the mean, and through the variance.

    With normed the normalized x: dx = gamma / sqrt(variance + epsilon) * (g - mean(g) - normed * mean(g * normed)).
    """
    g, x, gamma = drawn(3)
    same(answered(answer, g, x, gamma)[0], slopes(lambda x: forward(x, gamma, 0.0), x, g), "dx", 1e-5)


def check_epsilon(answer):
    """epsilon stands inside of the root, with the variance; it is an argument."""
    g, x, gamma = drawn(4)
    for epsilon in (1e-5, 1.0):
        expected = slopes(lambda x, e=epsilon: forward(x, gamma, 0.0, e), x, g)
        same(answered(answer, g, x, gamma, epsilon)[0], expected, "dx", 1e-5)
