"""Parts of complex numbers, and complex numbers of parts. Of real numbers the imaginary part is zero."""

import numpy as np

from npslim.backend import array_module
from npslim.convert import as_tensor
from npslim.dtypes import as_dtype
from npslim.errors import DTypeError
from npslim.op import op
from npslim.ops.logic import cast
from npslim.ops.shape import zeros_like
from npslim.ops.trigonometry import atan2
from npslim.shape_rules import same
from npslim.spec import Spec, broadcast


def _numbers(rng):
    return (rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3)),)


def _part_of(x):
    if x.dtype.kind != "c":
        raise DTypeError("The input is not complex.", expected="complex", got=as_dtype(x.dtype).name)
    return Spec(x.shape, np.dtype(np.float32 if x.dtype == np.complex64 else np.float64))


@op(type="Real", exact=True, reference=lambda x: (x + x.conj()).astype(x.dtype).view(x.real.dtype)[..., ::2] / 2)
def real_part(x):
    """The real part."""
    return array_module(x).ascontiguousarray(x.real)


real_part.shape(_part_of)


@real_part.vjp
def _(g, y, x):
    return make_complex(g, zeros_like(g))


@op(type="Imag", exact=True, reference=lambda x: (x - x.conj()).view(x.real.dtype)[..., 1::2] / 2)
def imaginary_part(x):
    """The imaginary part."""
    return array_module(x).ascontiguousarray(x.imag)


imaginary_part.shape(_part_of)


@imaginary_part.vjp
def _(g, y, x):
    return make_complex(zeros_like(g), g)


@op(type="Complex", exact=True, reference=lambda re, im: re + 1j * im)
def make_complex(re, im):
    """The complex numbers with these parts."""
    return (re + 1j * im).astype(np.complex64 if re.dtype == np.float32 else np.complex128)


@make_complex.shape
def _(re, im):
    if re.dtype.kind != "f":
        raise DTypeError("The parts are no floats.", expected="float32 or float64", got=as_dtype(re.dtype).name)
    dtype = np.complex64 if re.dtype == np.float32 else np.complex128
    return Spec(broadcast(re.shape, im.shape), np.dtype(dtype))


@make_complex.vjp
def _(g, y, re, im):
    return real_part(g), imaginary_part(g)


@op(type="Conj", exact=True, reference=lambda x: np.abs(x) * np.exp(-1j * np.angle(x)))
def conjugate(x):
    """The complex conjugate."""
    return array_module(x).conj(x)


conjugate.shape(same)


@conjugate.vjp
def _(g, y, x):
    return conjugate(g)


for _made in (real_part, imaginary_part, conjugate):
    _made.cases(_numbers, gradient=0)
real_part.rejects("not complex", lambda rng: (np.zeros(2),))
make_complex.cases(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), gradient=0)
make_complex.rejects("no floats", lambda rng: (np.zeros(2, int), np.zeros(2, int)))


def real(input, name=None):
    """The real part of complex numbers, real ones as they are."""
    input = as_tensor(input)
    return real_part(input, name=name) if input.spec.dtype.kind == "c" else input


def imag(input, name=None):
    """The imaginary part of complex numbers, zeros for real ones."""
    input = as_tensor(input)
    return imaginary_part(input, name=name) if input.spec.dtype.kind == "c" else zeros_like(input)


def conj(x, name=None):
    """The complex conjugate, real numbers as they are."""
    x = as_tensor(x)
    return conjugate(x, name=name) if x.spec.dtype.kind == "c" else x


def complex(real, imag, name=None):
    """Complex numbers of their parts: complex64 of float32, complex128 of float64."""
    return make_complex(real, imag, name=name)


def angle(input, name=None):
    """The argument of complex numbers, in (-pi, pi]."""
    input = as_tensor(input)
    kind = input.spec.dtype.kind
    return (
        atan2(imag(input), real(input), name=name)
        if kind == "c"
        else atan2(zeros_like(input), cast(input, input.dtype))
    )
