"""A reference that other code is tested against: golden cases, and a comparison that says what is wrong.

    from npslim.testing import assert_matches, golden_case

    case = golden_case("conv2d-0")
    assert_matches(my_conv2d(**case.inputs, **case.attrs), case)

`python -m npslim golden make` writes a catalogue for other languages; docs/golden.md is the guide.
"""

import functools
import re

from npslim.autograd import check_gradients
from npslim.errors import InvalidArgumentError, NotFoundError
from npslim.testing.case import GoldenCase
from npslim.testing.compare import Difference, Mismatch, differences
from npslim.testing.diagnose import diagnose
from npslim.testing.files import read_case, read_catalogue, write_case, write_catalogue
from npslim.testing.make import make_cases, pattern_of
from npslim.testing.rerun import rerun
from npslim.testing.runner import Result, run_cases

__all__ = [
    "Difference", "GoldenCase", "Mismatch", "Result", "assert_matches", "check_gradients", "diagnose", "differences",
    "golden_case", "golden_cases", "make_cases", "read_case", "read_catalogue", "rerun", "run_cases", "write_case",
    "write_catalogue",
]  # fmt: skip


def assert_matches(actual, case, precision=None):
    """Raise Mismatch, an AssertionError, unless `actual` is the case's answer within what rounding can do.

    actual: an array, a sequence of the outputs, or {name of an output, or "gradients/x": array}. An element may be off
    by 4 * eps * the sum of the |terms| it is added up from; integers and booleans must be equal. precision: the name
    of a narrower arithmetic that is allowed for: "float16", "bfloat16", "tf32". The message names the first element
    that is wrong, the largest error, the spread of errors, and the likely cause.
    """
    __tracebackhide__ = True
    found = [d for d in differences(actual, case, precision) if d.problem]
    if found:
        cause = diagnose(actual, case, precision)
        lines = "\n".join(d.describe() for d in found)
        hint = cause and f"likely cause: {cause}"
        raise Mismatch(f"{case.id} does not match.", got=lines, hint=hint, differences=found, cause=cause)


def golden_cases(pattern, grid=None, seed=0):
    """The golden cases whose ids hold the regular expression, made once; a name alone stands for all its cases.

    Raises NotFoundError if there are none.
    """
    return list(_made(pattern, tuple((k, tuple(v)) for k, v in (grid or {}).items()), seed))


@functools.cache
def _made(pattern, grid, seed):
    try:
        made, _ = make_cases(pattern_of(pattern), dict(grid), seed)
    except InvalidArgumentError:
        made = []
    if not made:
        raise NotFoundError("There are no such golden cases.", expected="see python -m npslim golden list", got=pattern)
    return tuple(made)


def golden_case(id):
    """The golden case of that id. Raises NotFoundError if there is none."""
    return golden_cases(f"^{re.escape(id)}$")[0]
