"""digamma and polygamma from their series."""

import math

import numpy as np

from npslim.registry import REGISTRY

FAR = 30
BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6]


def digamma_of(x):
    """Recurrence up to x >= 30, then the asymptotic series."""
    total = 0.0
    while x < FAR:
        total -= 1 / x
        x += 1
    return total + math.log(x) - 1 / (2 * x) - sum(b / (2 * k * x ** (2 * k)) for k, b in enumerate(BERNOULLI, 1))


def polygamma_of(n, x):
    """The same for the derivative of order n >= 1."""
    n, sign, total = int(n), (-1) ** (int(n) + 1), 0.0
    while x < FAR:
        total += math.factorial(n) / x ** (n + 1)
        x += 1
    total += math.factorial(n - 1) / x**n + math.factorial(n) / (2 * x ** (n + 1))
    for k, b in enumerate(BERNOULLI, 1):
        total += b * math.factorial(2 * k + n - 1) / (math.factorial(2 * k) * x ** (2 * k + n))
    return sign * total


def polygamma(a, x):
    a, x = np.broadcast_arrays(a, x)
    return np.array([polygamma_of(n, v) for n, v in zip(a.ravel(), x.ravel(), strict=True)], x.dtype).reshape(x.shape)


def digamma(x):
    return np.array([digamma_of(v) for v in x.ravel()], x.dtype).reshape(x.shape)


REGISTRY["digamma"].reference = digamma
REGISTRY["polygamma"].reference = polygamma
