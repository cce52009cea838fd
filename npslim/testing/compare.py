"""Is an answer right? Each element may differ by what rounding can do to it, and the report says what is wrong.

The bound of an element is 4 * eps * the sum of the |terms| it is added up from, which is stored with the case.
"""

from dataclasses import dataclass, field

import numpy as np

from npslim.errors import InvalidArgumentError

FACTOR = 4
# eps of arithmetics that NumPy has no dtype for: `precision` takes these names too
PRECISIONS = {"bfloat16": 2.0**-7, "tf32": 2.0**-10, "float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}
_BINS = (0.25, 1.0, 4.0, 16.0, 2.0**10)  # of the histogram, in units of the bound


@dataclass
class Difference:
    """How one array differs from the right one; `problem` is a sentence, or None if all is within the bounds.

    worst: the largest error, in units of the bound. ulp: the largest error in units in the last place. histogram:
    {range of errors in units of the bound: elements}.
    """

    key: str
    problem: str | None = None
    index: tuple | None = None
    actual: object = None
    expected: object = None
    wrong: int = 0
    size: int = 0
    worst: float = 0.0
    ulp: float = 0.0
    histogram: dict = field(default_factory=dict)

    def describe(self):
        """Some lines for a reader."""
        lines = [f"{self.key}: {self.problem or 'right'}"]
        if self.index is not None:
            place = list(map(int, self.index))
            lines.append(f"  first at {place}: got {self.actual!s}, expected {self.expected!s}")
        if self.histogram:
            lines.append(f"  largest error {self.worst:.3g} of the bound, {self.ulp:.3g} ulp")
            lines.append("  error / bound  " + "  ".join(f"{k}: {n}" for k, n in self.histogram.items() if n))
        return "\n".join(lines)


class Mismatch(InvalidArgumentError, AssertionError):
    """An answer is not that of the golden case. `differences` and `cause` tell more."""

    def __init__(self, sentence, *rest, differences=(), cause=None, **parts):
        super().__init__(sentence, *rest, **parts)
        self.differences, self.cause = list(differences), cause


def eps_of(dtype, precision=None):
    """The rounding unit that counts: that of `dtype`, or of a `precision` that is lower. Raises for unknown names."""
    own = float(np.finfo(dtype).eps)
    if precision is None:
        return own
    if precision not in PRECISIONS:
        raise InvalidArgumentError("There is no such precision.", expected=", ".join(PRECISIONS), got=precision)
    return max(own, PRECISIONS[precision])


def bound_of(case, key, precision=None):
    """How far each element of the answer `key` may be off: an array, or 0 where it must be exact."""
    expected, terms = case.arrays[key], case.terms(key)
    if terms is None:
        return 0.0
    info = np.finfo(expected.dtype)
    with np.errstate(over="ignore"):
        return FACTOR * eps_of(expected.dtype, precision) * terms.astype(np.float64) + float(info.tiny)


def compared(actual, expected, bound, key="y"):
    """The `Difference` of two arrays. NaN must be NaN; infinities must be the same ones."""
    actual = np.asarray(actual)
    if actual.shape != expected.shape:
        return Difference(key, f"it has the shape {list(actual.shape)}, not {list(expected.shape)}")
    if not _same_kind(actual.dtype, expected.dtype):
        return Difference(key, f"it is {actual.dtype.name}, not {expected.dtype.name}")
    wide = np.clongdouble if expected.dtype.kind == "c" else np.longdouble
    a, b = (x.astype(wide) if x.dtype.kind in "fciub" else x for x in (actual, expected))
    bound = np.broadcast_to(np.asarray(bound, np.float64), expected.shape)
    with np.errstate(all="ignore"):
        error = np.abs(a - b).astype(np.float64)
        error = np.where(_same(a, b), 0.0, np.where(np.isfinite(error), error, np.inf))
        ratio = np.where(error == 0, 0.0, error / np.where(bound == 0, np.finfo(np.float64).tiny, bound))
    ratio = np.where(np.isfinite(b) | (error == 0), ratio, np.inf)
    wrong = ratio > 1
    found = Difference(key, size=expected.size, wrong=int(wrong.sum()))
    if expected.size:
        found.worst, found.ulp = float(ratio.max()), _in_ulp(error, expected)
        found.histogram = _histogram(ratio)
    if found.wrong:
        found.index = tuple(np.argwhere(wrong)[0])
        found.actual, found.expected = actual[found.index], expected[found.index]
        nans = int(np.isnan(a[wrong]).sum()) if actual.dtype.kind in "fc" else 0
        words = f"{found.wrong} of {found.size} elements are out of bounds"
        found.problem = words + (f", {nans} of them NaN" if nans else "")
    return found


def _same_kind(actual, expected):
    """Integers of any width may stand for each other, and so may 0 and 1 for booleans; floating dtypes may not."""
    if expected.kind in "fc":
        return actual == expected
    return actual.kind in "biu"


def _same(a, b):
    equal = a == b
    return equal | (np.isnan(a) & np.isnan(b)) if a.dtype.kind in "fc" and b.dtype.kind in "fc" else equal


def _in_ulp(error, expected):
    if expected.dtype.kind not in "fc":
        return float(error.max())
    size = np.abs(expected).astype(expected.real.dtype)
    good = np.isfinite(size) & np.isfinite(error)
    if not good.any():
        return float(error.max(initial=0))
    with np.errstate(over="ignore"):
        ulp = np.spacing(np.maximum(size[good], np.finfo(size.dtype).tiny)).astype(np.float64)
    worst = float((error[good] / ulp).max())
    return worst if np.isfinite(error).all() else np.inf


def _histogram(ratio):
    edges = (-1.0, 0.0, *_BINS, np.inf)
    labels = ["0", *(f"<={b:g}" for b in _BINS), f">{_BINS[-1]:g}"]
    counts = [int(((ratio > low) & (ratio <= high)).sum()) for low, high in zip(edges, edges[1:], strict=False)]
    return dict(zip(labels, counts, strict=True))


def differences(actual, case, precision=None):
    """A `Difference` for each answer of the case that `actual` holds; see `assert_matches` for what that may be."""
    answers = as_answers(actual, case)
    return [compared(array, case.arrays[key], bound_of(case, key, precision), key) for key, array in answers.items()]


def as_answers(actual, case):
    """{"outputs/y": array} of what a test has: one array, a sequence of the outputs, or a dictionary.

    A dictionary's keys are names of outputs, or full: "outputs/y", "gradients/x". Raises Mismatch for other names.
    """
    names = list(case.outputs)
    if isinstance(actual, dict):
        keys = {k if "/" in k and k.split("/")[0] in ("outputs", "gradients") else f"outputs/{k}": v
                for k, v in actual.items()}  # fmt: skip
    elif isinstance(actual, tuple | list) and len(names) > 1:
        keys = {f"outputs/{n}": v for n, v in zip(names, actual, strict=False)}
    else:
        keys = {f"outputs/{names[0]}": actual}
    unknown = set(keys) - set(case.answers)
    if unknown or not keys:
        raise Mismatch(f"{case.id} has no such answer.", expected=list(case.answers), got=sorted(unknown))
    return {k: np.asarray(v) for k, v in keys.items()}
