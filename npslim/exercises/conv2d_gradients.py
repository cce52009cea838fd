"""Tests of the exercise `conv2d_gradients`."""

import numpy as np

from npslim.exercises.common import named, same, slopes

RNG = np.random.default_rng


def conv2d(x, w):
    """By loops over the filter's places."""
    kh, kw, _, o = w.shape
    h, width = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    y = np.zeros((len(x), h, width, o))
    for u in range(kh):
        for v in range(kw):
            y += x[:, u : u + h, v : v + width] @ w[u, v]
    return y


def drawn(seed, n=2, h=5, width=4, c=2, kh=3, kw=2, o=3):
    """x, w and g."""
    rng = RNG(seed)
    return (rng.normal(size=(n, h, width, c)), rng.normal(size=(kh, kw, c, o)),
            rng.normal(size=(n, h - kh + 1, width - kw + 1, o)))  # fmt: skip


def check_filter_gradient_of_one_window(answer):
    """Of one window the output is a sum of x * w, so the slope by w is x, times g."""
    x, w, g = drawn(0, n=1, h=3, width=2, o=1)
    same(named(answer, "filter_gradient")(x, w, g), x[0][..., None] * g.item())


def check_filter_gradient(answer):
    """w[u, v] meets x[i + u, j + v] at every output (i, j) and in every image: add all of them up, weighted with g."""
    x, w, g = drawn(1)
    same(named(answer, "filter_gradient")(x, w, g), slopes(lambda w: conv2d(x, w), w, g), tolerance=1e-7)


def check_input_gradient_of_one_window(answer):
    """Of one window the slope by x is w, times g; with several outputs add them up."""
    x, w, g = drawn(2, n=1, h=3, width=2)
    same(named(answer, "input_gradient")(x, w, g), (w @ g.ravel())[None])


def check_input_gradient(answer):
    """A pixel is seen by several windows. Begin with zeros; each window adds g * w to the pixels it saw: `+=`."""
    x, w, g = drawn(3)
    same(named(answer, "input_gradient")(x, w, g), slopes(lambda x: conv2d(x, w), x, g), tolerance=1e-7)


def check_inputs_are_left_alone(answer):
    """Do not write into x, w or g: somebody else holds them."""
    x, w, g = drawn(4)
    before = [a.copy() for a in (x, w, g)]
    named(answer, "input_gradient")(x, w, g)
    named(answer, "filter_gradient")(x, w, g)
    for a, b, name in zip((x, w, g), before, "xwg", strict=True):
        same(a, b, f"{name}, afterwards,", tolerance=0)
