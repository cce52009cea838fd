"""Golden cases: what there is of them, that their values are right, and that their bytes depend on nothing."""

import hashlib
import itertools
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import references  # noqa: F401 - sets the references that are too long for an op's block

from npslim import layers, losses, optimizers
from npslim.errors import InvalidArgumentError, NotFoundError
from npslim.losses import tensorflow as tf_losses
from npslim.registry import REGISTRY
from npslim.testing import assert_matches, compare, golden_case, golden_cases, make_cases, rerun
from npslim.testing.extended import WIDE
from npslim.testing.make import attributes

REASONS = {
    "its values are strings",
    "its values are random",
    "an attribute is a function or an object",
    "its values are rounding errors",
}


@pytest.fixture(scope="module")
def catalogue():
    return make_cases()


def test_every_op_is_in_the_catalogue_or_left_out_for_a_reason(catalogue):
    cases, skipped = catalogue
    assert len(cases) > 850 and sum(bool(c.gradients) for c in cases) > 600
    assert set(skipped.values()) <= REASONS
    here = {c.name for c in cases if c.kind == "op"}
    left_out = {id.rsplit("-", 1)[0] for id in skipped}
    wanted = {op.name for op in REGISTRY.values() if op.all_cases and not op.stateful} - {"constant"}
    assert wanted <= here | left_out
    assert len({c.id for c in cases}) == len(cases)


NO_CASE = {
    # other names of layers that have cases, functions that are no layers, and layers of layers
    "layers": set(
        """GDN OPTIMIZER_CLS_NAMES OPTIMIZER_SUMMARIES RevBlock adaptive_clipping_fn apply_regularization
        convolution1d convolution2d convolution2d_in_plane convolution2d_transpose convolution3d
        convolution3d_transpose dense_to_sparse l1_l2_regularizer l1_regularizer l2_regularizer optimize_loss
        recompute_grad rev_block safe_embedding_lookup_sparse separable_convolution2d sum_regularizer
        summarize_activation summarize_activations summarize_biases summarize_collection summarize_tensor
        summarize_tensors summarize_variables summarize_weights utils variance_scaling_initializer
        xavier_initializer xavier_initializer_conv2d""".split()
    ),
    # sums of collections, other names, and losses of sparse labels or of a discrete search
    "losses": set(
        """add_loss get_losses get_regularization_losses get_total_loss losses sum_of_pairwise_squares sum_of_squares
        tensorflow cluster_loss npairs_loss_multilabel""".split()
    ),
    "optimizers": {"Optimizer", "hyperparameter", "like", "summed_rows", "MovingAverageOptimizer"},  # it wraps others
}


@pytest.mark.parametrize("module", [layers, losses, optimizers], ids=lambda m: m.__name__)
def test_every_layer_loss_and_optimizer_is_in_the_catalogue(module, catalogue):
    kind = module.__name__.split(".")[-1]
    names = {c.name for c in catalogue[0] if c.kind == kind.rstrip("s") or c.kind == {"losses": "loss"}.get(kind)}
    names = {f"{n}Optimizer" for n in names} if kind == "optimizers" else names
    assert set(module.__all__) - NO_CASE[kind] <= names, "a new one needs a row in npslim/testing"


def test_every_loss_of_tensorflow_is_in_the_catalogue(catalogue):
    wanted = {n for n in vars(tf_losses) if n.endswith(("_loss", "_error", "_entropy", "_distance", "_difference"))}
    here = {c.name[3:] for c in catalogue[0] if c.name.startswith("tf.")}
    assert wanted - {"add_loss", "get_total_loss", "get_regularization_loss"} <= here


def test_the_plain_kernels_are_within_the_bounds(catalogue):
    worst = 0.0
    for case in catalogue[0]:
        answers = rerun(case)
        assert list(answers) == list(case.answers)
        for found in compare.differences(answers, case):
            assert found.problem is None, found.describe()
            worst = max(worst, found.worst)
    assert worst > 0.05, "bounds that nothing comes near to say nothing"


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_the_plain_kernels_are_within_the_bounds_of_other_dtypes(dtype):
    for case in make_cases(grid={"dtype": [dtype]})[0]:
        if case.name == "spatial_softmax" and dtype == "float64":
            continue  # its positions are float32, as TF-Slim's are
        assert_matches(rerun(case), case)


def test_values_agree_with_other_algorithms(catalogue):
    """The ops' references: loops, SciPy, formulas, in float64."""
    checked = 0
    for case in catalogue[0]:
        op = REGISTRY.get(case.name)
        if case.kind != "op" or op.reference is None:
            continue
        arrays = [a.astype(np.float64) if a.dtype == np.float32 else a for a in case.inputs.values()]
        with np.errstate(all="ignore"):
            expected = op.reference(*arrays, **attributes(case))
        expected = expected if isinstance(expected, tuple) else (expected,)
        for (name, right), other in zip(case.outputs.items(), expected, strict=True):
            other = np.asarray(other)
            if right.dtype.kind in "fc" and np.abs(right[np.isfinite(right)]).max(initial=0) < 1e30:
                with np.errstate(over="ignore"):
                    other = other.astype(right.dtype)
                bound = compare.bound_of(case, f"outputs/{name}") + 1e-12 * np.abs(other[np.isfinite(other)]).max(
                    initial=0
                )
                assert compare.compared(other, right, bound).problem is None, case.id
                checked += 1
    assert checked > 500


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_products_are_rounded_once(dtype):
    """Against exact rational numbers: the nearest number of the dtype, for float64 too where 64 bits settle it."""
    case = golden_cases("matmul", {"dtype": [dtype], "a": [(6, 40)], "b": [(40, 5)]})[0]
    a, b, y = case.inputs["a"], case.inputs["b"], case.outputs["y"]
    for i, j in itertools.product(range(6), range(5)):
        exact = sum(Fraction(float(p)) * Fraction(float(q)) for p, q in zip(a[i], b[:, j], strict=True))
        below, above = np.nextafter(y[i, j], -np.inf, dtype=dtype), np.nextafter(y[i, j], np.inf, dtype=dtype)
        error = abs(Fraction(float(y[i, j])) - exact)
        slack = Fraction(float(case.terms("outputs/y")[i, j])) * Fraction(1, 2**62) * 40
        assert error <= min(abs(Fraction(float(n)) - exact) for n in (below, above)) + slack


def test_terms_of_a_product_are_products_of_absolute_values():
    case = golden_cases("matmul", {"a": [(3, 4)], "b": [(4, 2)]})[0]
    a, b, g = case.inputs["a"], case.inputs["b"], case.cotangents["y"]
    np.testing.assert_allclose(case.terms("outputs/y"), abs(a) @ abs(b), rtol=1e-6)
    np.testing.assert_allclose(case.terms("gradients/a"), abs(g) @ abs(b).T, rtol=1e-6)


def test_terms_of_a_sum_and_of_what_follows_it():
    case = golden_cases("reduce_sum", {"x": [(3, 4)], "axis": [1]})[0]
    np.testing.assert_allclose(case.terms("outputs/y").ravel(), abs(case.inputs["x"]).sum(1), rtol=1e-6)
    case = golden_case("layers.linear-0")  # x . w + b: the product is rounded, and the sum
    x, w, b = (abs(case.inputs[n]) for n in ("inputs", "var:weights", "var:biases"))
    product = case.outputs["y"] - case.inputs["var:biases"]
    np.testing.assert_allclose(case.terms("outputs/y"), abs(product) + b + x @ w, rtol=1e-5)


def test_a_grid_gives_all_combinations():
    cases, skipped = make_cases("^conv2d-0", {"stride": [1, 2], "padding": ["SAME", "VALID"], "dtype": ["float64"]})
    found = [(c.attrs["strides"], c.attrs["padding"]) for c in cases]
    assert found == [(1, "SAME"), (1, "VALID"), (2, "SAME"), (2, "VALID")] and not skipped
    assert {c.dtype for c in cases} == {"float64"} == {c.outputs["y"].dtype.name for c in cases}
    assert cases[1].id == "conv2d-0.strides=1.padding=VALID.float64"
    _, refused = make_cases("^conv2d-0", {"w": [(3, 3, 5, 2)]})
    (reason,) = refused.values()
    assert reason.startswith("refused: conv2d: the input's channels")


def test_inputs_hold_the_same_numbers_in_every_precision():
    narrow, wide = (golden_cases("conv2d", {"dtype": [d]})[0] for d in ("float32", "float64"))
    assert wide.inputs["x"].dtype == np.float64
    np.testing.assert_array_equal(wide.inputs["x"].astype(np.float32), narrow.inputs["x"])
    np.testing.assert_array_equal(wide.inputs["x"], narrow.inputs["x"].astype(np.float64))


def test_another_seed_gives_other_inputs():
    (first, *_), (second, *_) = golden_cases("conv2d"), golden_cases("conv2d", seed=1)
    assert first.facts["sha256"] != second.facts["sha256"]
    assert (first.inputs["x"] != second.inputs["x"]).any()


def test_bad_questions_are_refused():
    with pytest.raises(NotFoundError, match="golden list"):
        golden_cases("no_such_op")
    with pytest.raises(InvalidArgumentError, match="float32.*\n.*int8"):
        make_cases(grid={"dtype": ["int8"]})
    with pytest.raises(InvalidArgumentError, match="No case is left"):
        make_cases(grid={"no_such_argument": [1]})


def made_by(tmp_path, name, environment, *arguments):
    """The hash of the files of a catalogue that a fresh process makes."""
    target = tmp_path / f"{name}.npz"
    command = [sys.executable, "-m", "npslim", "golden", "make", str(target), *arguments]
    process = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    return hashlib.sha256(target.read_bytes() + target.with_suffix(".json").read_bytes()).hexdigest()


ENVIRONMENTS = {
    "one thread": {"OPENBLAS_NUM_THREADS": "1"},
    "two threads": {"OPENBLAS_NUM_THREADS": "2"},
    "another kernel of BLAS": {"OPENBLAS_CORETYPE": "Haswell"},
    "a kernel of BLAS without AVX": {"OPENBLAS_CORETYPE": "Nehalem"},
    "NumPy without AVX2": {"NPY_DISABLE_CPU_FEATURES": "X86_V3"},
    "a C library without FMA": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX"},
    "another hash seed": {"PYTHONHASHSEED": "1"},
}


def test_bytes_depend_on_neither_threads_nor_kernels(tmp_path):
    some = ["--only", r"^(matmul|conv2d|layers\.batch_norm)-[01]\.", "--grid", "dtype=float32,float64"]
    names = ("one thread", "another kernel of BLAS")
    assert len({made_by(tmp_path, name, ENVIRONMENTS[name], *some) for name in names}) == 1


@pytest.mark.long
@pytest.mark.skipif(np.finfo(WIDE).nmant < 63, reason="long double is double here")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_of_the_whole_catalogue_depend_on_nothing(tmp_path, dtype):
    grid = ["--grid", f"dtype={dtype}"]
    hashes = {name: made_by(tmp_path, name, e, *grid) for name, e in {"as it is": {}, **ENVIRONMENTS}.items()}
    assert len(set(hashes.values())) == 1, hashes
