"""Checks of arguments: what passes, and what the messages say."""

import pytest

from npslim.arguments import check_choice, check_function
from npslim.errors import ArgumentTypeError, InvalidArgumentError


def test_functions_pass():
    check_function(print, "fn")
    check_function(int, "fn", optional=True)
    check_function(None, "fn", optional=True)


@pytest.mark.parametrize("value, optional", [(None, False), (3, True)])
def test_what_cannot_be_called(value, optional):
    with pytest.raises(ArgumentTypeError) as raised:
        check_function(value, "activation_fn", optional)
    lines = str(raised.value).split("\n")
    assert lines[0] == "activation_fn cannot be called."
    assert lines[2].split() == ["got", repr(value)] and lines[3].split()[0:2] == ["made", "at"]
    assert "test_arguments.py" in lines[3]


def test_choices():
    check_choice("PR", ("ROC", "PR"), "curve")
    with pytest.raises(
        InvalidArgumentError, match=r"Unknown curve\.\n  expected ROC or PR\n  got      'AUC'\n  made at .*test_a"
    ):
        check_choice("AUC", ("ROC", "PR"), "curve")
    with pytest.raises(TypeError, match=r"Unknown mode\."):
        check_choice(None, ("FAN_IN",), "mode", ArgumentTypeError)
