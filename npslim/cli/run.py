"""Run a program that was written for TensorFlow 1 and slim, unchanged.

`import tensorflow as tf`, `from tensorflow.contrib import slim` and `import tf_slim` give npslim within it. What comes
after the program's name is the program's own command line.
"""

import argparse
import os
import runpy
import sys

from npslim.errors import NotFoundError
from npslim.tf.install import install

NAME = "run"
HELP = "run a TensorFlow 1 program unchanged"


def add_arguments(parser):
    """The program and its command line."""
    parser.add_argument("program", help="a Python file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the program's own arguments")


def run(args):
    """Run the program as the main one. Its exit status is the command's."""
    if not os.path.isfile(args.program):
        raise NotFoundError(f"{args.program}: there is no such file.", expected="a Python program", got=args.program)
    install()
    sys.argv = [args.program, *args.arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(args.program)))
    runpy.run_path(args.program, run_name="__main__")
