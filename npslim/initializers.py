"""Initial values of variables: each initializer is `f(shape, dtype=...)` and gives a tensor.

TF-Slim's are functions that return such an `f`, TensorFlow's are classes; both are here under their names.
"""

import math
from typing import Any

import numpy as np

from npslim.arguments import check_choice
from npslim.convert import as_tensor
from npslim.dtypes import as_dtype, float32
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError
from npslim.ops.create import fill
from npslim.ops.linear import orthonormal
from npslim.ops.random import random_normal, random_uniform, truncated_normal
from npslim.ops.shape import reshape, transpose

MODES = ("FAN_IN", "FAN_OUT", "FAN_AVG")


class Initializer:
    """Base of TensorFlow's initializers: called with a shape, gives a tensor."""

    dtype = float32

    def __call__(self, shape, dtype=None, partition_info=None):
        return self.value(list(shape), as_dtype(dtype or self.dtype).dtype)

    def value(self, shape, dtype):
        """A tensor of `shape` (a list of int) and `dtype` (NumPy's)."""
        raise NotImplementedError


class Zeros(Initializer):
    """All zeros."""

    def __init__(self, dtype=float32):
        self.dtype = dtype

    def value(self, shape, dtype):
        return fill(shape, b"" if dtype.kind == "O" else dtype.type(0), name="zeros")


class Ones(Initializer):
    """All ones."""

    def __init__(self, dtype=float32):
        self.dtype = dtype

    def value(self, shape, dtype):
        return fill(shape, dtype.type(1), name="ones")


class Constant(Initializer):
    """`value` everywhere, or an array's elements in their order, the last one repeated to fill the shape."""

    def __init__(self, value: Any = 0, dtype=float32, verify_shape=False):
        self.constant, self.dtype, self.verify_shape = value, dtype, verify_shape

    def value(self, shape, dtype):
        array = np.asarray(self.constant)
        if array.ndim == 0:
            return fill(shape, array.astype(dtype), name="Const")
        total = math.prod(shape)
        if array.size > total or (self.verify_shape and array.shape != tuple(shape)):
            raise InvalidArgumentError(
                "The constant does not fit the variable.", expected=f"{total} elements, shape {shape}",
                got=f"{array.size} elements, shape {list(array.shape)}",
            )  # fmt: skip
        flat = np.concatenate([array.ravel(), np.repeat(array.ravel()[-1:], total - array.size)])
        return as_tensor(flat.reshape(shape).astype(dtype))


class RandomUniform(Initializer):
    """Uniform in [minval, maxval)."""

    def __init__(self, minval=0.0, maxval=None, seed=None, dtype=float32):
        self.minval, self.maxval, self.seed, self.dtype = minval, maxval, seed, dtype

    def value(self, shape, dtype):
        maxval = 1 if self.maxval is None else self.maxval
        return random_uniform(shape, minval=self.minval, maxval=maxval, dtype=dtype, seed=self.seed)


class RandomNormal(Initializer):
    """Normal with `mean` and `stddev`."""

    def __init__(self, mean=0.0, stddev=1.0, seed=None, dtype=float32):
        self.mean, self.stddev, self.seed, self.dtype = mean, stddev, seed, dtype

    def value(self, shape, dtype):
        return random_normal(shape, mean=self.mean, stddev=self.stddev, dtype=dtype, seed=self.seed)


class TruncatedNormal(RandomNormal):
    """Normal with `mean` and `stddev`, values beyond two deviations drawn again."""

    def value(self, shape, dtype):
        return truncated_normal(shape, mean=self.mean, stddev=self.stddev, dtype=dtype, seed=self.seed)


class VarianceScaling(Initializer):
    """Variance `scale / n`, where n is the fan in, the fan out or their mean.

    mode: "fan_in", "fan_out" or "fan_avg". distribution: "truncated_normal" (or "normal"), "untruncated_normal",
    "uniform".
    """

    def __init__(self, scale=1.0, mode="fan_in", distribution="truncated_normal", seed=None, dtype=float32):
        if scale <= 0:
            raise InvalidArgumentError("The scale must be positive.", expected="scale > 0", got=scale)
        check_choice(mode.lower(), [known.lower() for known in MODES], "mode")
        distributions = ("normal", "uniform", "truncated_normal", "untruncated_normal")
        check_choice(distribution.lower(), distributions, "distribution")
        self.scale, self.mode, self.distribution = scale, mode, distribution.lower()
        self.seed, self.dtype = seed, dtype

    def value(self, shape, dtype):
        scale = self.scale / max(1.0, fan(shape, self.mode.upper()))
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * scale)
            return random_uniform(shape, minval=-limit, maxval=limit, dtype=dtype, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return random_normal(shape, stddev=math.sqrt(scale), dtype=dtype, seed=self.seed)
        # 0.8796... is the deviation of a standard normal that is cut off at two deviations
        return truncated_normal(shape, stddev=math.sqrt(scale) / 0.87962566103423978, dtype=dtype, seed=self.seed)


class GlorotUniform(VarianceScaling):
    """Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""

    def __init__(self, seed=None, dtype=float32):
        super().__init__(1.0, "fan_avg", "uniform", seed, dtype)


class GlorotNormal(VarianceScaling):
    """Normal with variance 2 / (fan_in + fan_out), truncated (Glorot and Bengio, 2010)."""

    def __init__(self, seed=None, dtype=float32):
        super().__init__(1.0, "fan_avg", "truncated_normal", seed, dtype)


class Identity(Initializer):
    """The identity matrix times `gain`; for matrices only."""

    def __init__(self, gain=1.0, dtype=float32):
        self.gain, self.dtype = gain, dtype

    def value(self, shape, dtype):
        if len(shape) != 2:
            raise InvalidArgumentError("The identity is a matrix.", expected="a shape of rank 2", got=shape)
        return as_tensor((self.gain * np.eye(*shape)).astype(dtype))


class Orthogonal(Initializer):
    """A random orthogonal matrix times `gain` (Saxe et al., 2013); of more than two sizes, all but the last are one.

    Raises ValueError for a shape of fewer than two sizes.
    """

    def __init__(self, gain=1.0, seed=None, dtype=float32):
        self.gain, self.seed, self.dtype = gain, seed, dtype

    def value(self, shape, dtype):
        if len(shape) < 2:
            raise InvalidArgumentError("The tensor to initialize must be at least two-dimensional.", got=shape)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = random_normal([max(rows, columns), min(rows, columns)], dtype=dtype, seed=self.seed)
        q = orthonormal(tall)
        q = transpose(q) if rows < columns else q
        return reshape(q * as_tensor(self.gain, dtype), shape)


class UniformUnitScaling(Initializer):
    """Uniform in +-factor * sqrt(3 / inputs), where inputs are all sizes but the last (Sussillo & Abbott, 2014)."""

    def __init__(self, factor=1.0, seed=None, dtype=float32):
        self.factor, self.seed, self.dtype = factor, seed, dtype

    def value(self, shape, dtype):
        limit = self.factor * math.sqrt(3.0 / max(1.0, math.prod(shape[:-1])))
        return random_uniform(shape, minval=-limit, maxval=limit, dtype=dtype, seed=self.seed)


def he_normal(seed=None):
    """Normal with variance 2 / fan_in, truncated (He et al., 2015)."""
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed=None):
    """Uniform with variance 2 / fan_in (He et al., 2015)."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def lecun_normal(seed=None):
    """Normal with variance 1 / fan_in, truncated (LeCun et al., 1998)."""
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed=None):
    """Uniform with variance 1 / fan_in (LeCun et al., 1998)."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


zeros_initializer = Zeros
ones_initializer = Ones
constant_initializer = Constant
random_uniform_initializer = RandomUniform
random_normal_initializer = RandomNormal
truncated_normal_initializer = TruncatedNormal
glorot_uniform_initializer = GlorotUniform
glorot_normal_initializer = GlorotNormal
identity_initializer = Identity
orthogonal_initializer = Orthogonal
uniform_unit_scaling_initializer = UniformUnitScaling


def fan(shape, mode):
    """The number of inputs, outputs, or their mean, of one unit of weights of `shape` `[..., inputs, outputs]`."""
    if len(shape) < 2:
        fan_in = fan_out = float(shape[0]) if shape else 1.0
    else:
        field = math.prod(shape[:-2])
        fan_in, fan_out = float(field * shape[-2]), float(field * shape[-1])
    return {"FAN_IN": fan_in, "FAN_OUT": fan_out, "FAN_AVG": (fan_in + fan_out) / 2.0}[mode]


def variance_scaling_initializer(factor=2.0, mode="FAN_IN", uniform=False, seed=None, dtype=float32):
    """An initializer that keeps the scale of activations: variance `factor / n` (He et al., 2015, by default).

    mode: n is "FAN_IN", "FAN_OUT" or "FAN_AVG". uniform: in +-sqrt(3 factor / n); else normal with variance
    1.3 factor / n, truncated, which makes up for the truncation. Raises TypeError for an unknown mode or no float
    dtype.
    """
    if not as_dtype(dtype).is_floating:
        raise DTypeError("Cannot create an initializer for a type that is not floating.", expected="a float", got=dtype)
    check_choice(mode, MODES, "mode", ArgumentTypeError)

    def initializer(shape, dtype=dtype, partition_info=None):
        if not as_dtype(dtype).is_floating:
            raise DTypeError("Cannot initialize a type that is not floating.", expected="a float", got=dtype)
        n = fan(list(shape), mode)
        if uniform:
            limit = math.sqrt(3.0 * factor / n)
            return random_uniform(shape, minval=-limit, maxval=limit, dtype=as_dtype(dtype).dtype, seed=seed)
        return truncated_normal(shape, stddev=math.sqrt(1.3 * factor / n), dtype=as_dtype(dtype).dtype, seed=seed)

    return initializer


def xavier_initializer(uniform=True, seed=None, dtype=float32):
    """An initializer with variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""
    return variance_scaling_initializer(factor=1.0, mode="FAN_AVG", uniform=uniform, seed=seed, dtype=dtype)


xavier_initializer_conv2d = xavier_initializer
