"""Every exception of npslim, and the one layout of its messages.

A message is a sentence that names the op, followed by the lines that apply:

    ShapeError: conv2d: the input's channels do not match the filter's.
      expected x.shape[3] == w.shape[2]
      got      3 != 4
      made at  train.py:15
      hint     NHWC is expected; pass data_format="NCHW" for the other order

The classes carry TensorFlow's names and are also the Python builtin that fits, so that old programs' `except` clauses
and a newcomer's expectations both hold.
"""


def layout(sentence, *, expected=None, got=None, made_at=None, hint=None):
    """The text of a message: `sentence` and one indented line for each part that is given."""
    lines = [sentence]
    for label, text in (("expected", expected), ("got", got), ("made at", made_at), ("hint", hint)):
        if text is not None:
            first, *rest = str(text).split("\n")
            lines.append(f"  {label:8s} {first}")
            lines.extend(f"           {line}" for line in rest)
    return "\n".join(lines)


def located(error, name, inputs, made_at):
    """`error` of a rule, its message led by the op's `name`; with the `inputs` and the line, where they are known."""
    first, *rest = error.message.split("\n")
    if not first.startswith(name):
        first = f"{name}: {first[:1].lower()}{first[1:]}"
    parts = _parts(rest)
    if inputs:
        parts.append(f"  inputs   {inputs}")
    if not any(part.startswith("  made at") for part in parts):
        parts.append(f"  made at  {made_at}")
    order = {"exp": 1, "got": 2, "inp": 3, "mad": 4, "hin": 5}
    parts.sort(key=lambda part: order.get(part.strip()[:3], 2))
    found = type(error)("")
    found.message = "\n".join([first, *parts])
    found.args = (found.message,)
    return found


def _parts(lines):
    """Lines grouped so that continuation lines stay with their part."""
    parts = []
    for line in lines:
        if line.startswith("           ") and parts:
            parts[-1] += "\n" + line
        else:
            parts.append(line)
    return parts


class OpError(Exception):
    """Base of all errors of npslim. `message` is the text; `op` and `node_def` name the node at fault, if one is.

    Keyword arguments are the parts of the layout: `expected`, `got`, `made_at`, `hint`. Old programs may give
    TensorFlow's three: node_def, op, message.
    """

    error_code = 2

    def __init__(self, sentence, *rest, op=None, expected=None, got=None, made_at=None, hint=None):
        if rest:  # TensorFlow's (node_def, op, message)
            op, sentence = rest
        self.message = layout(sentence, expected=expected, got=got, made_at=made_at, hint=hint)
        self.op = op
        super().__init__(self.message)

    @property
    def node_def(self):
        """The node at fault, or None."""
        return self.op

    def __str__(self):  # KeyError would print the repr of its message
        return self.message


class CancelledError(OpError):
    """The operation was cancelled."""

    error_code = 1


class UnknownError(OpError):
    """An error without a better class."""


class InvalidArgumentError(OpError, ValueError):
    """An argument, a feed or a value of a tensor is not one the op takes."""

    error_code = 3


class ArgumentTypeError(InvalidArgumentError, TypeError):
    """An argument of a Python type that cannot be used there."""


class ShapeError(InvalidArgumentError):
    """Shapes that do not fit together."""


class DTypeError(InvalidArgumentError, TypeError):
    """Element types that do not fit together."""


class ScopeError(InvalidArgumentError):
    """Misuse of an arg_scope, a name scope or a variable scope."""


class DeadlineExceededError(OpError, TimeoutError):
    """Waiting took longer than it was allowed to."""

    error_code = 4


class NotFoundError(OpError, KeyError):
    """A name, a file or an entry of a checkpoint does not exist."""

    error_code = 5


class AlreadyExistsError(OpError):
    """What was to be created exists."""

    error_code = 6


class PermissionDeniedError(OpError, PermissionError):
    """The system does not allow it."""

    error_code = 7


class ResourceExhaustedError(OpError, MemoryError):
    """Out of memory, or of room in a quota."""

    error_code = 8


class FailedPreconditionError(OpError, RuntimeError):
    """The state is not ready: an uninitialized variable, say."""

    error_code = 9


class AbortedError(OpError):
    """The operation was aborted by a concurrent one."""

    error_code = 10


class OutOfRangeError(OpError, IndexError):
    """Past the end: of the input, or of a queue that is closed and empty."""

    error_code = 11


class UnimplementedError(OpError, NotImplementedError):
    """Not supported by npslim."""

    error_code = 12


class InternalError(OpError, RuntimeError):
    """A promise inside npslim was broken."""

    error_code = 13


class UnavailableError(OpError):
    """Not available at the moment."""

    error_code = 14


class DataLossError(OpError, OSError):
    """Damaged or truncated data."""

    error_code = 15


class CheckpointWriteError(OpError, OSError):
    """A checkpoint could not be written; the one before it is intact."""

    error_code = 15


class UnauthenticatedError(OpError):
    """The request lacks valid credentials."""

    error_code = 16


class GraphError(OpError, ValueError):
    """Tensors of two graphs mixed, or a name that the graph does not hold."""

    error_code = 3


class GraphFinalizedError(OpError, RuntimeError):
    """The graph is finalized and cannot be changed."""

    error_code = 9


class GradientError(OpError, LookupError):
    """An op on the way back has no gradient rule."""

    error_code = 12


class MissingExtraError(OpError, ImportError):
    """An optional package is not installed."""

    error_code = 14


def nearest(name, names, n=3):
    """Up to `n` of `names` that are written almost like `name`: what a hint offers."""
    import difflib  # noqa: PLC0415 - only a message needs it

    return difflib.get_close_matches(name, names, n)


def missing_extra(package, extra, purpose):
    """The error for an optional `package`, naming the extra of npslim that brings it."""
    return MissingExtraError(
        f"{purpose} needs the package {package}, which is not installed.",
        hint=f"pip install 'npslim[{extra}]'",
    )


def range_of(origins):
    """Where something is from, in short: the only, both, or the first and the last of `origins`; None without any."""
    known = list(dict.fromkeys(origin for origin in origins if origin))
    if not known:
        return None
    return " and ".join(known) if len(known) < 3 else f"{known[0]} to {known[-1]}, {len(known)} in all"
