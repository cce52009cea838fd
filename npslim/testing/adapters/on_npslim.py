"""npslim itself, on the kernels that sessions run by default."""

from npslim.testing.rerun import rerun


def setup():
    """Nothing to import."""


def answer(case):
    """The case on the fast kernels."""
    return rerun(case, kernels="fast")
