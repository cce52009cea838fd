"""Tests of the exercise `conv2d`."""

import numpy as np

from npslim.exercises.common import named, same
from npslim.ops import conv
from npslim.session import Session

RNG = np.random.default_rng


def expected(x, w, stride, padding):
    """npslim's own convolution."""
    with conv.conv2d(x, w, strides=(stride, stride), padding=padding).graph.as_default(), Session() as session:
        return session.run(conv.conv2d(x, w, strides=(stride, stride), padding=padding))


def check_one_window(answer):
    """Of an image as large as the filter there is one output: the sum of all products, channels included."""
    x, w = np.arange(18.0).reshape(1, 3, 3, 2), np.ones((3, 3, 2, 1))
    same(named(answer, "conv2d")(x, w), np.full((1, 1, 1, 1), 153.0))


def check_several_windows(answer):
    """An h x w image has (h - kh + 1) x (w - kw + 1) windows; output [n, i, j] sees x[n, i:i+kh, j:j+kw]."""
    x, w = RNG(0).normal(size=(2, 5, 6, 3)), RNG(1).normal(size=(3, 2, 3, 4))
    same(named(answer, "conv2d")(x, w), expected(x, w, 1, "VALID"))


def check_nothing_is_flipped(answer):
    """Nets multiply x[i + u] by w[u]. Mathematicians' convolution would take w[-u]."""
    x = np.zeros((1, 3, 3, 1))
    x[0, 0, 1, 0] = 1.0
    w = np.arange(9.0).reshape(3, 3, 1, 1)
    same(named(answer, "conv2d")(x, w), np.full((1, 1, 1, 1), 1.0))


def check_stride(answer):
    """With stride s the windows begin at 0, s, 2 s ...; the last must still lie within the image."""
    x, w = RNG(2).normal(size=(1, 7, 8, 2)), RNG(3).normal(size=(3, 3, 2, 2))
    same(named(answer, "conv2d")(x, w, stride=2), expected(x, w, 2, "VALID"))


def check_same_keeps_the_size(answer):
    """SAME with stride 1: k - 1 zeros in all, (k - 1) // 2 of them before."""
    x, w = RNG(4).normal(size=(1, 5, 5, 1)), RNG(5).normal(size=(3, 3, 1, 2))
    same(named(answer, "conv2d")(x, w, padding="SAME"), expected(x, w, 1, "SAME"))


def check_same_with_an_odd_zero(answer):
    """Needed are max((ceil(size / s) - 1) * s + k - size, 0) zeros: the smaller half stands before, the rest after."""
    x, w = RNG(6).normal(size=(1, 8, 7, 1)), RNG(7).normal(size=(2, 3, 1, 1))
    for stride in (1, 2, 3):
        same(named(answer, "conv2d")(x, w, stride=stride, padding="SAME"), expected(x, w, stride, "SAME"))
