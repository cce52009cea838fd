"""ONNX's own node tests: data that another project generated, run through npslim wherever its operators map.

`pytest -m long -s tests/test_onnx_nodes.py` runs all of them and prints how many passed, and why others do not map.
"""

import contextlib
import importlib
import warnings
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx_nodes  # noqa: E402

FEW = "conv averagepool maxpool batch_normalization softmax gemm reduce_log_sum_exp slice transpose cumsum lrn"
ROUNDED_OTHERWISE = {"test_attention_4d_causal_fp16_expanded"}  # float16, one unit in the last place


def all_cases():
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return collect_testcases(None)


def cases_of(modules):
    """The cases of some operators: all of them take 13 seconds to generate."""
    node = importlib.import_module("onnx.backend.test.case.node")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            importlib.import_module(f"onnx.backend.test.case.node.{name}")
    return list(node._NodeTestCases)


def outcome(case):
    """ "passed", "failed: ..." or "unmapped: ...": every data set must be met within the case's own tolerance."""
    for inputs, expected in case.data_sets:
        try:
            found = onnx_nodes.run_model(case.model, inputs)
        except onnx_nodes.Unmapped as reason:
            return f"unmapped: {reason}"
        except Exception as error:  # whatever it is, it is this case's failure
            return f"failed: {type(error).__name__}: {str(error)[:200]}"
        for actual, right in zip(found, map(np.asarray, expected), strict=True):
            problem = difference(actual, right, case)
            if problem:
                return f"failed: {problem}"
    return "passed"


def difference(actual, right, case):
    if actual.dtype != right.dtype or actual.shape != right.shape:
        return f"{actual.dtype} {actual.shape} for {right.dtype} {right.shape}"
    if right.dtype.kind in "fc":
        good = np.allclose(actual, right, rtol=case.rtol, atol=case.atol, equal_nan=True)
        return None if good else f"off by {np.nanmax(np.abs(actual - right))}"
    return None if np.array_equal(actual, right) else "other numbers"


def outcomes(cases):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the cases were made for other libraries: casts that overflow, empty slices
        return {case.name: outcome(case) for case in cases}


def check(found, least):
    counts = Counter(o.split(":")[0] for o in found.values())
    failed = {n: o for n, o in found.items() if o.startswith("failed") and n not in ROUNDED_OTHERWISE}
    assert not failed, "\n".join(f"{name}: {o}" for name, o in failed.items())
    assert counts["passed"] >= least
    return counts


def test_node_tests_of_some_operators():
    check(outcomes(cases_of(FEW.split())), 50)


@pytest.mark.long
def test_all_node_tests_of_onnx(capsys):
    found = outcomes(all_cases())
    counts = check(found, 1000)
    mapped = counts["passed"] + counts["failed"]
    with capsys.disabled():
        print(f"\nONNX: {len(found)} node tests, {mapped} map, {counts['passed']} passed")
        for reason, n in Counter(o for o in found.values() if o.startswith("unmapped")).most_common(30):
            print(f"{n:5} {reason}")


def test_what_does_not_map_says_why():
    from onnx import helper

    node = helper.make_node("Attention", ["q", "k", "v"], ["y"])
    with pytest.raises(onnx_nodes.Unmapped, match="no counterpart of Attention"):
        onnx_nodes.run_node(node, [np.zeros((1, 2, 2))] * 3, 23)
    with contextlib.suppress(onnx_nodes.Unmapped):
        onnx_nodes.only({"mode": "CRD"}, mode=("DCR",))
        pytest.fail("CRD is refused")
