"""Products of matrices that are added to what is there, straight from the BLAS that NumPy has loaded.

`numpy.matmul` can only overwrite. BLAS adds, and reads and writes rows that lie apart: so a convolution needs no copy
of its windows. Where no such function is found, NumPy does it with a temporary array.
"""

import ctypes
import functools

import numpy as np

from npslim.backend import blas_functions
from npslim.fast.arena import address, scratch
from npslim.fast.tiles import stretches
from npslim.fast.workers import each

LARGE = 1 << 26  # multiplications; below, a part would cost more than a second thread gains
BAND, WIDE = 128, 768  # rows, columns or terms of each of two parts at the least; rows or columns of four in all
ROW_MAJOR, AS_IS, TRANSPOSED = 101, 111, 112


@functools.cache
def _gemm(char):
    """(BLAS's function for the dtype, its type of numbers), or None."""
    real, integer = {"f": (ctypes.c_float, "sgemm"), "d": (ctypes.c_double, "dgemm")}[char]
    function, wide = blas_functions(f"cblas_{integer}")
    if function is None:
        return None
    size, enum, pointer = ctypes.c_int64 if wide else ctypes.c_int32, ctypes.c_int, ctypes.c_void_p
    function.argtypes = [
        enum, enum, enum, size, size, size, real, pointer, size, pointer, size, real, pointer, size,
    ]  # fmt: skip
    function.restype = None
    return function


def large_product(a, b, out):
    """`a @ b` into `out`, its rows or its columns shared out if there are many, or its terms if these are more."""
    (m, n), k = out.shape, a.shape[1]
    longer = max(m, n)
    if m * n * k < LARGE or max(longer, k) < 2 * BAND:
        np.matmul(a, b, out=out)
    elif k > 2 * longer:
        _add_halves(a, b, out)
    elif m >= n:
        each(lambda rows: np.matmul(a[rows], b, out=out[rows]), _shares(m))
    else:
        each(lambda columns: np.matmul(a, b[:, columns], out=out[:, columns]), _shares(n))


def _shares(count):
    return stretches(count, -(-count // (4 if count >= WIDE else 2)))


def _add_halves(a, b, out):
    """The sum of two products of half of the terms, of which none is packed twice."""
    half, other = a.shape[1] // 2, scratch(11, out.size, out.dtype).reshape(out.shape)
    halves = (a[:, :half], b[:half], out), (a[:, half:], b[half:], other)
    each(lambda one: np.matmul(one[0], one[1], out=one[2]), halves)
    np.add(out, other, out=out)


def product(a, b, out, add=0.0, times=1.0):
    """`times * a @ b + add * out` into `out`: matrices of one dtype, float32 or float64, whose rows lie together.

    `a` or `b` may be the transpose of such a matrix; of any other, a copy is made. Where `add` is 0, what `out` holds
    is not read.
    """
    if not add and times == 1 and out.flags.c_contiguous:  # which NumPy hands to BLAS in a third of the time
        np.matmul(_readable(a), _readable(b), out=out)
        return
    gemm = _gemm(out.dtype.char)
    if gemm is None:
        terms = a @ b if times == 1 else out.dtype.type(times) * (a @ b)
        out[...] = terms + (out * out.dtype.type(add) if add else 0)
        return
    (m, n), k = out.shape, a.shape[1]
    if not (m and n):
        return
    if not k:
        out[...] = out * out.dtype.type(add) if add else 0
        return
    a, a_as, lda = _layout(a)
    b, b_as, ldb = _layout(b)
    ldc = out.strides[0] // out.itemsize
    gemm(
        ROW_MAJOR, a_as, b_as, m, n, k, float(times), address(a), lda, address(b), ldb, float(add),
        address(out), max(ldc, n),
    )  # fmt: skip


def add_transposed(x, g, out, add, times=1.0):
    """`times * x^T g + add * out` into `out`; the rows of all three lie together, and one behind the other."""
    gemm = _gemm(out.dtype.char)
    (k, m), n, size = x.shape, g.shape[1], out.itemsize
    if gemm is None or not (k and m and n):
        return product(x.T, g, out, add, times)
    gemm(
        ROW_MAJOR, TRANSPOSED, AS_IS, m, n, k, times, address(x), max(x.strides[0] // size, m),
        address(g), max(g.strides[0] // size, n), add, address(out), max(out.strides[0] // size, n),
    )  # fmt: skip


@functools.cache
def _axpy(char):
    """The same for y += a x."""
    real, name = {"f": (ctypes.c_float, "saxpy"), "d": (ctypes.c_double, "daxpy")}[char]
    function, wide = blas_functions(f"cblas_{name}")
    if function is None:
        return None
    size, pointer = ctypes.c_int64 if wide else ctypes.c_int32, ctypes.c_void_p
    function.argtypes = [size, real, pointer, size, pointer, size]
    function.restype = None
    return function


def add_times(x, times, out):
    """`out + times * x` into `out`: arrays of one dtype, float32 or float64, element beside element.

    One pass where NumPy needs two and a temporary array.
    """
    axpy = _axpy(out.dtype.char)
    if axpy is None:
        out += x * out.dtype.type(times)
    else:
        axpy(out.size, float(times), address(x), 1, address(out), 1)


def _readable(a):
    """`a`, or a copy if BLAS cannot read it: its rows, or its columns, must lie together, and one behind the other."""
    (rows, columns), (down, along), size = a.shape, a.strides, a.itemsize
    if columns == 1:
        fits = rows == 1 or down >= size
    elif rows == 1:
        fits = along >= size
    else:
        fits = (along == size and down >= columns * size) or (down == size and along >= rows * size)
    return a if fits else np.ascontiguousarray(a)


def _layout(a):
    """(`a` or a copy of it, how BLAS shall read it, elements from row to row)."""
    a = _readable(a)
    (rows, columns), (down, along), size = a.shape, a.strides, a.itemsize
    if columns == 1 or along == size:
        return a, AS_IS, max(down // size if rows > 1 else 1, columns)
    return a, TRANSPOSED, max(along // size, rows)
