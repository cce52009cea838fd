"""Products and sums that are added to what is there, with BLAS and without, beside sums in double precision."""

import numpy as np
import pytest

from npslim.fast import blas


@pytest.fixture(params=["with BLAS", "without"])
def functions(request, monkeypatch):
    if request.param == "without":
        monkeypatch.setattr(blas, "_gemm", lambda char: None)
        monkeypatch.setattr(blas, "_axpy", lambda char: None)


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("add, times", [(0, 1), (1, 1), (0.9, -0.5)])
@pytest.mark.parametrize("m, k, n", [(5, 7, 3), (1, 4, 6), (6, 1, 4), (4, 3, 1), (3, 0, 2), (0, 3, 2)])
def test_products_are_added_to_rows_of_what_is_there(m, k, n, add, times, dtype, functions):
    rng = np.random.default_rng(1)
    whole = rng.normal(size=(m, n + 2)).astype(dtype)
    if not add:
        whole[:, 1:-1] = np.nan
    a, b = rng.normal(size=(k, m)).astype(dtype).T, rng.normal(size=(k, n)).astype(dtype)
    before, out = whole.copy(), whole[:, 1:-1]
    there = add * before[:, 1:-1].astype("d") if add else np.zeros((m, n))
    blas.product(a, b, out, add=add, times=times)
    expected = there + times * np.einsum("ik,kj->ij", a, b, dtype="d")
    terms = np.abs(there) + abs(times) * np.einsum("ik,kj->ij", np.abs(a), np.abs(b), dtype="d")
    assert (np.abs(out - expected) <= 4 * np.finfo(dtype).eps * terms).all()
    np.testing.assert_array_equal(whole[:, [0, -1]], before[:, [0, -1]])


@pytest.mark.parametrize("step", [(1, 2), (2, 2), (2, 3)])
def test_matrices_that_lie_in_no_order(step, functions):
    rng = np.random.default_rng(3)
    apart, other = rng.normal(size=(7, 9))[:: step[0], :: step[1]], rng.normal(size=(9, 3))
    other = other[: apart.shape[1]]
    for x, y in ((apart, other), (other.T, apart.T), (apart.T[:, :3], other[:3, :2]), (apart, apart.T)):
        out = np.zeros((len(x), y.shape[1]))
        blas.product(x, y, out)
        np.testing.assert_allclose(out, np.einsum("ik,kj->ij", x, y), rtol=1e-12, atol=1e-14)


def laid_out(shape):
    """Matrices of that shape as views may give them: repeated, turned round, overlapping."""
    m, n = shape
    whole = np.random.default_rng(5).normal(size=(2 * m + 2, 2 * n + 2))
    yield from (np.broadcast_to(part, shape) for part in (whole[0, 0], whole[0, :n], whole[:m, :1]))
    yield from (whole[:m, :n][::-1], whole[:m, :n][:, ::-1], whole.T[:n, :m].T[::-1, ::-1])
    line = whole.reshape(-1)[: m + n]
    yield np.lib.stride_tricks.as_strided(line, shape, (8, 8))
    yield np.lib.stride_tricks.as_strided(line, shape, (16, 8) if 2 * m < line.size - n else (8, 8))


@pytest.mark.parametrize("m, k, n", [(5, 7, 3), (1, 4, 6), (6, 1, 4), (4, 3, 1), (1, 1, 5)])
def test_matrices_whose_rows_are_repeated_turned_round_or_overlap(m, k, n, functions):
    """As the gradient of a mean is, or that of a slice with a negative step."""
    for a in laid_out((m, k)):
        for b in laid_out((k, n)):
            out = np.ones((m, n))
            blas.product(a, b, out, add=1.0)
            np.testing.assert_allclose(out, 1 + np.einsum("ik,kj->ij", a, b), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("shape", [(0,), (1,), (67, 129)])
def test_multiples_are_added(shape, dtype, functions):
    rng = np.random.default_rng(2)
    x, y = (rng.normal(size=shape).astype(dtype) for _ in range(2))
    expected = y.astype("d") - 0.3 * x.astype("d")
    terms = np.abs(y) + 0.3 * np.abs(x)
    blas.add_times(x, -0.3, y)
    assert y.dtype == dtype and (np.abs(y - expected) <= 2 * np.finfo(dtype).eps * terms).all()


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("m, k, n", [(9, 5, 4), (4, 5, 9), (3, 17, 4), (12, 4, 5), (1, 1, 1), (3, 0, 2), (0, 9, 2)])
def test_large_products_are_shared_out_by_rows_columns_or_terms(m, k, n, dtype, monkeypatch):
    for name in ("LARGE", "BAND"):
        monkeypatch.setattr(blas, name, 1)
    monkeypatch.setattr(blas, "WIDE", 10)
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(k, m)).astype(dtype).T, rng.normal(size=(k, n)).astype(dtype)
    out, shared = np.full((m, n), np.nan, dtype), []
    monkeypatch.setattr(blas, "each", lambda work, items: [work(item) for item in shared.extend(items) or items])
    blas.large_product(a, b, out)
    terms = np.einsum("ik,kj->ij", np.abs(a), np.abs(b), dtype="d")
    assert (np.abs(out - np.einsum("ik,kj->ij", a, b, dtype="d")) <= 4 * np.finfo(dtype).eps * terms).all()
    assert len(shared) == (0 if max(m, k, n) < 2 or not m * n * k else 4 if m >= 10 else 2)
