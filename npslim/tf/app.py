"""`app.run`: read the flags, call `main(argv)`, and end the program with what it returns."""

import sys

from npslim.tf import flags as flags

__all__ = ["UsageError", "flags", "run"]


class UsageError(Exception):
    """The command line makes no sense to the program; `app.run` prints the message and exits with 1."""


def run(main=None, argv=None):
    """Read the flags of `argv` (`sys.argv` if None), call `main` (the program's own if None), exit with its result.

    `main` takes the program's name and what is no flag.
    """
    main = main or sys.modules["__main__"].main  # pyright: ignore[reportAttributeAccessIssue]
    try:
        rest = flags.FLAGS(list(sys.argv if argv is None else argv), known_only=True)
    except flags.FlagsError as error:
        print(f"FATAL Flags parsing error:\n{error}\nPass --help to see the flags.", file=sys.stderr)
        sys.exit(1)
    try:
        sys.exit(main(rest))
    except UsageError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
