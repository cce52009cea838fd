"""The commands of `python -m npslim`, one module each: `NAME`, `HELP`, `add_arguments(parser)` and `run(args)`."""

import argparse
import os
import sys

from npslim.cli import ckpt, data, demo, evaluate, exercise, golden, plot, port, report, run, train, tune
from npslim.errors import OpError

COMMANDS = (demo, train, evaluate, plot, report, ckpt, data, run, port, golden, tune, exercise)


def main(argv=None):
    """Run a command; returns its exit status. An error of npslim is printed without a traceback."""
    parser = argparse.ArgumentParser(prog="python -m npslim", description="TF-Slim without TensorFlow.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in COMMANDS:
        command = commands.add_parser(module.NAME, help=module.HELP, description=module.__doc__)
        command.set_defaults(run=module.run)
        module.add_arguments(command)
    args = parser.parse_args(argv)
    try:
        status = args.run(args) or 0
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever reads has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OpError as error:
        print(f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ()), sep="\n", file=sys.stderr)
        return 1
