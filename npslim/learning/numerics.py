"""Finding the op that a NaN came from: every node's result is looked at, and the first bad one is reported."""

import numpy as np

from npslim.convert import is_state
from npslim.errors import InvalidArgumentError
from npslim.plan import make_plan
from npslim.session import Session


class NumericsSession(Session):
    """A session whose runs stop where the first NaN or infinity shows that reaches the loss or a variable.

    Runs are made of the textbook's kernels, one node at a time, and take several times as long. An infinity that a
    later op takes away again, as `where` may, is no fault and stops nothing.
    """

    def _run(self, leaves, feeds, failed=None):
        if failed is not None:  # an input thread
            return super()._run(leaves, feeds, failed)
        plan = make_plan(tuple(dict.fromkeys(leaves)), tuple(feeds), "plain", self.device)
        values, causes = dict(feeds), {}
        try:
            for event in self._stepped(plan, feeds):
                values.update(zip(event.node.outputs, event.outputs, strict=True))
                cause = _cause(event, causes)
                if cause and event.phase == "update":
                    raise _report(cause, f"the variable {event.node.inputs[0].op.name} would get it")
        except InvalidArgumentError as error:
            cause = None if error.op is None else next((causes[t] for t in error.op.inputs if t in causes), None)
            if cause is None or error.op.type != "CheckNumerics":
                raise
            raise _report(cause, error.message.split("\n")[0]) from None
        return [self._value(leaf, values) for leaf in leaves]

    def _value(self, leaf, values):
        if not hasattr(leaf, "spec"):  # a node
            return None
        value = self.store.cell(leaf.op.name).initialized() if is_state(leaf) else values[leaf]
        value = np.array(value) if isinstance(value, np.ndarray) else value
        return value[()] if isinstance(value, np.ndarray) and not value.ndim else value


def _report(cause, consequence):
    node, what, inputs = cause
    error = InvalidArgumentError(
        f"{what} came from {node.name} ({node.type}): {consequence}", expected="finite values", got=inputs,
        made_at=node.made_at,
    )  # fmt: skip
    error.op = node
    return error


def _cause(event, causes):
    """(node, what, inputs) of the node that the event's values that are not finite come from; None if all are finite.

    causes: {tensor: cause} of those before, to which this adds.
    """
    bad = [(t, y) for t, y in zip(event.node.outputs, event.outputs, strict=True) if _not_finite(y)]
    if not bad:
        return None
    cause = next((causes[t] for t in event.node.inputs if t in causes), None) or _described(event, bad[0][1])
    causes.update((t, cause) for t, _ in bad)
    return cause


def _described(event, bad):
    counts = ((int(np.isnan(bad).sum()), "NaN"), (int(np.isinf(bad).sum()), "infinite"))
    what = f"{' and '.join(f'{n} {word}' for n, word in counts if n)} of {bad.size} values"
    shown = [f"{t.name} {_range(x)}" for t, x in zip(event.node.inputs, event.inputs, strict=True)]
    return event.node, what, ", ".join(shown) or "no inputs"


def _not_finite(value):
    return isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fc" and not np.isfinite(value).all()


def _range(value):
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind not in "fiu" or not value.size:
        return "-"
    return f"{list(np.shape(value))} from {np.min(value):.6g} to {np.max(value):.6g}"
