"""Random numbers, drawn on the host by a generator that belongs to the node (see `session.Store.generator`).

So the bits depend on the seeds and on how often the node has drawn, and on nothing else: not on other nodes, threads or
the device.
"""

from typing import Any

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor, canonical, constant_value, contains_tensor
from npslim.dtypes import numpy_dtype
from npslim.errors import InvalidArgumentError
from npslim.op import op
from npslim.ops.create import shape_from
from npslim.ops.elementwise import add, divide, multiply
from npslim.ops.functions import floor
from npslim.ops.shape import shape as shape_of
from npslim.scopes import name_scope
from npslim.spec import Spec

_FLOAT, _CLASS = np.dtype(np.float32), np.dtype(np.int64)


def drawn(shape, *, dtype):
    """The shape rule of draws."""
    return Spec(shape_from(shape), dtype)


def _sizes(shape):
    return tuple(int(size) for size in shape)


def _placed(array):
    return array_module().asarray(array)


@op(type="RandomUniform", random=True, host=("shape",), differentiable=False)
def standard_uniform(shape, *, dtype=_FLOAT, seed=None, rng=None):
    """Uniform numbers in [0, 1)."""
    if dtype == np.float16:
        return _placed(np.minimum(rng.random(_sizes(shape), np.float32).astype(dtype), np.float16(0.9995)))
    return _placed(rng.random(_sizes(shape), dtype))


standard_uniform.shape(drawn)


@op(type="RandomUniformInt", random=True, host=("shape",), differentiable=False)
def uniform_integers(shape, *, minval, maxval, dtype, seed=None, rng=None):
    """Uniform integers in [minval, maxval)."""
    return _placed(rng.integers(minval, maxval, _sizes(shape), dtype))


uniform_integers.shape(drawn)


@op(type="RandomStandardNormal", random=True, host=("shape",), differentiable=False)
def standard_normal(shape, *, dtype=_FLOAT, seed=None, rng=None):
    """Normal numbers of mean 0 and deviation 1."""
    return _placed(rng.standard_normal(_sizes(shape)).astype(dtype))  # rounded: the same numbers on every machine


standard_normal.shape(drawn)


@op(type="TruncatedNormal", random=True, host=("shape",), differentiable=False)
def standard_truncated_normal(shape, *, dtype=_FLOAT, seed=None, rng=None):
    """Normal numbers of mean 0 and deviation 1, those beyond 2 drawn again."""
    numbers = rng.standard_normal(_sizes(shape))
    beyond = np.flatnonzero(np.abs(numbers) > 2)
    while len(beyond):
        again = numbers.flat[beyond] = rng.standard_normal(len(beyond))
        beyond = beyond[np.abs(again) > 2]
    return _placed(numbers.astype(dtype))


standard_truncated_normal.shape(drawn)


@op(type="RandomShuffle", random=True, differentiable=False)
def random_shuffle(x, *, seed=None, rng=None):
    """The rows of `x` in a random order."""
    return array_module(x).take(x, _placed(rng.permutation(x.shape[0])), axis=0)


random_shuffle.shape(lambda x: Spec(x.shape, x.dtype))


@op(type="Multinomial", node_name="multinomial/Multinomial", random=True, differentiable=False)
def multinomial(logits, *, num_samples, seed=None, output_dtype=_CLASS, rng=None):
    """Class numbers drawn with probabilities softmax(logits): `[n, classes]` to `[n, num_samples]`."""
    xp = array_module(logits)
    noise = xp.asarray(rng.gumbel(size=(logits.shape[0], num_samples, logits.shape[1])))
    return (logits[:, None, :] + noise).argmax(axis=-1).astype(output_dtype)


@multinomial.shape
def _(logits, *, num_samples, output_dtype):
    return Spec((None if logits.shape is None else logits.shape[0], num_samples), output_dtype)


_MANY = np.array([200, 50], np.int32)


def _moments_like(mean, deviation, low, high):
    """A check of many drawn numbers: mean and deviation within 5 standard errors, all inside the bounds."""

    def check(result, *arrays, **attrs):
        n = result.size
        assert abs(result.mean() - mean) < 5 * deviation / np.sqrt(n)  # noqa: S101
        assert abs(result.std() - deviation) < 5 * deviation / np.sqrt(n)  # noqa: S101
        assert low <= result.min() and result.max() <= high  # noqa: S101

    return check


standard_uniform.properties(_moments_like(0.5, 12**-0.5, 0.0, np.nextafter(np.float32(1), np.float32(0))))
standard_normal.properties(_moments_like(0.0, 1.0, -7, 7))
standard_truncated_normal.properties(_moments_like(0.0, 0.8796256610342398, -2, 2))
uniform_integers.properties(_moments_like(4.5, np.sqrt(99 / 12), 0, 9))
for _draw in (standard_uniform, standard_normal, standard_truncated_normal):
    _draw.cases(lambda rng: (_MANY,), dtype=_FLOAT, gradient=False)
    _draw.cases(lambda rng: (_MANY,), dtype=np.dtype(np.float64), gradient=False)
uniform_integers.cases(lambda rng: (_MANY,), minval=0, maxval=10, dtype=np.dtype(np.int32), gradient=False)


@random_shuffle.properties
def _(result, x, **attrs):
    assert sorted(map(tuple, result)) == sorted(map(tuple, x)) and not np.array_equal(result, x)  # noqa: S101


random_shuffle.cases(lambda rng: (np.arange(60.0).reshape(20, 3),), gradient=False)


@multinomial.properties
def _(result, logits, **attrs):
    share = np.stack([(result == k).mean(axis=1) for k in range(logits.shape[1])], axis=1)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.abs(share - expected).max() < 5 * np.sqrt(0.25 / result.shape[1])  # noqa: S101


multinomial.cases(lambda rng: (np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]]),), num_samples=4000, gradient=False)


# ---- functions under TensorFlow's names


def random_uniform(shape, minval: Any = 0, maxval: Any = None, dtype: Any = _FLOAT, seed=None, name=None):
    """Uniform numbers in [minval, maxval), maxval 1 unless given; integers need a maxval."""
    dtype = numpy_dtype(dtype)
    with name_scope(name, "random_uniform") as scope:
        dims = _dims(shape)
        if dtype.kind in "iu":
            if maxval is None:
                raise InvalidArgumentError("Must specify maxval for integer dtype.", expected="maxval", got=None)
            low, high = canonical(minval), canonical(maxval)
            if low >= high:
                raise InvalidArgumentError("Need minval < maxval.", expected=f"maxval > {low}", got=high)
            return uniform_integers(dims, minval=low, maxval=high, dtype=dtype, seed=seed, name=scope)
        maxval = 1 if maxval is None else maxval
        numbers = standard_uniform(dims, dtype=dtype, seed=seed)
        if not contains_tensor([minval, maxval]) and (minval, maxval) == (0, 1):
            return numbers
        low, high = as_tensor(minval, dtype, "min"), as_tensor(maxval, dtype, "max")
        return add(numbers * (high - low), low, name=scope)


def random_normal(shape, mean=0.0, stddev=1.0, dtype: Any = _FLOAT, seed=None, name=None):
    """Normal numbers with `mean` and `stddev`."""
    return _scaled(standard_normal, "random_normal", shape, mean, stddev, dtype, seed, name)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype: Any = _FLOAT, seed=None, name=None):
    """Normal numbers with `mean` and `stddev`, those beyond two deviations drawn again."""
    return _scaled(standard_truncated_normal, "truncated_normal", shape, mean, stddev, dtype, seed, name)


def _scaled(draw, default_name, shape, mean, stddev, dtype, seed, name):
    dtype = numpy_dtype(dtype)
    with name_scope(name, default_name) as scope:
        mean, stddev = as_tensor(mean, dtype, "mean"), as_tensor(stddev, dtype, "stddev")
        return add(draw(_dims(shape), dtype=dtype, seed=seed) * stddev, mean, name=scope)


def _dims(shape):
    empty = isinstance(shape, list | tuple) and not shape
    return as_tensor(np.zeros(0, np.int32) if empty else shape, name="shape")


def dropout(x, keep_prob=None, noise_shape=None, seed=None, name=None, rate=None):
    """`x` with elements set to zero with probability `1 - keep_prob`, the others divided by `keep_prob`.

    noise_shape: the shape of the mask, which broadcasts to that of `x`. keep_prob: a number in (0, 1], or a scalar
    tensor; at 1, `x` itself comes back.
    """
    with name_scope(name, "dropout", [x]):
        x = as_tensor(x)
        keep_prob = 1 - rate if keep_prob is None else keep_prob
        known = constant_value(as_tensor(keep_prob)) if not contains_tensor(keep_prob) else constant_value(keep_prob)
        if known is not None and not 0 < known <= 1:
            raise InvalidArgumentError("keep_prob must be in (0, 1].", expected="0 < keep_prob <= 1", got=known)
        if known is not None and known == 1:
            return x
        keep_prob = as_tensor(keep_prob, x.spec.dtype, "keep_prob")
        uniform = random_uniform(shape_of(x) if noise_shape is None else noise_shape, dtype=x.spec.dtype, seed=seed)
        return multiply(divide(x, keep_prob), floor(keep_prob + uniform), name="Mul_1")
