"""The packages of the wheel: npslim, and the examples, which `python -m npslim demo` runs, as `npslim.examples`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["npslim", "npslim.*"]), "npslim.examples"],
    package_dir={"npslim.examples": "examples"},
)
