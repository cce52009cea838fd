"""Conditions as TensorFlow 1 writes them: Switch sends a value to one of two sides, Merge takes the one that comes.

npslim computes both sides and takes the value of the right one. A side may assign to variables, add to them and
subtract from them: that has its effect where the condition holds. Other changes of state are refused there. Where the
condition is known, one side is all there is.

before: tables.py   next: loops.py
"""

import functools

from npslim.convert import constant_value
from npslim.errors import UnimplementedError
from npslim.ops.logic import cast, logical_and, logical_not
from npslim.ops.shape import identity, zeros_like
from npslim.ops.state import no_op
from npslim.ops.switch import assign_if, merge_sides

_ASSIGNMENTS = {"Assign", "AssignVariableOp"}
_UPDATES = _ASSIGNMENTS | {"AssignAdd", "AssignSub", "AssignAddVariableOp", "AssignSubVariableOp"}
ORDERLY = {"Switch", "RefSwitch", "Merge", "RefMerge", "Assert"}  # ops that mean something else inside a condition


class Conditions:
    """Which sides of which conditions the values of an import belong to: {(condition, side)} by node and output."""

    def __init__(self):
        self._of_output = {}
        self._of_node = {}

    def of(self, sources, controls):
        """The sides that a node lies on: all that its inputs `(name, index)` and the nodes of `controls` lie on."""
        found = [self._of_output.get(source, self._of_node.get(source[0], frozenset())) for source in sources]
        found += [self._of_node.get(name, frozenset()) for name in controls]
        return frozenset().union(*found)

    def put(self, name, sides):
        """Say what the node `name` lies on."""
        if sides:
            self._of_node[name] = sides

    def convert(self, n, convert, sources, controls):
        """The outputs of the node `n`, which `convert` would import if there were no conditions."""
        name, op = n.node_def.name, n.node_def.op
        sides = self.of(sources, controls)
        if op in ("Switch", "RefSwitch"):
            condition = _root(n.input(1))
            for i, side in enumerate((False, True)):
                self._of_output[name, i] = sides | {(condition, side)}
            self.put(name, sides)
            if n.is_ref(0):
                no_op(name=n.name)  # the state itself goes on, to whoever reads it
                return n.ref(0), n.ref(0)
            made = identity(n.input(0), name=n.name)
            return made, made
        if op in ("Merge", "RefMerge"):
            return self._merge(n, sources)
        self.put(name, sides)
        if sides and op == "Assert":
            return no_op(name=n.name)  # it would stop runs that do not come there
        if sides and op in _UPDATES:
            return self._update(n, sides, convert)
        made = convert(n)
        if sides and n.changes_state:
            raise UnimplementedError(
                "A variable is changed inside of a condition.",
                expected=f"sides that only compute, or {', '.join(sorted(_UPDATES))}", got=f"{op} {name}",
            )  # fmt: skip
        return made

    def holds(self, sources):
        """A boolean tensor: whether a run comes to the sides that `sources` lie on; None if they lie on none."""
        return _holds(self.of(sources, ()))

    @staticmethod
    def _update(n, sides, convert):
        """A change of a variable on one side: of nothing, or not at all, where the run does not come there."""
        with n.scope():
            holds = _holds(sides)
            if n.node_def.op not in _ASSIGNMENTS:
                n.put(1, merge_sides(holds, zeros_like(n.input(1)), n.input(1)))
                return convert(n)
        n.ignore("validate_shape")
        return assign_if(n.ref(0), holds, n.input(1), name=n.name)

    def _merge(self, n, sources):
        if len(n) != 2:
            raise UnimplementedError("Only conditions with two sides can be read.", expected="2 inputs", got=len(n))
        a, b = (self.of([source], ()) for source in sources)
        for condition, side in sorted(a, key=lambda pair: -pair[0].op.index):  # the innermost comes first
            if (condition, not side) in b:
                break
        else:
            raise UnimplementedError(
                "This Merge ends no condition: it is part of a loop, perhaps.", expected="sides of one Switch",
                got=n.node_def.name,
            )  # fmt: skip
        self.put(n.node_def.name, (a & b) - {(condition, False), (condition, True)})
        on_true, on_false = n.inputs if side else n.inputs[::-1]
        known = constant_value(condition)
        if known is not None:
            made = identity(on_true if known else on_false, name=n.name)
        else:
            made = merge_sides(condition, on_false, on_true, name=n.name)

        def index():
            with n.scope():
                return cast(condition if not side else ~condition, "int32")

        return made, index


def _holds(sides):
    """The conjunction of sides, a boolean tensor; None for no sides."""
    ordered = sorted(sides, key=lambda pair: (pair[0].op.index, pair[1]))
    parts = [condition if side else logical_not(condition) for condition, side in ordered]
    return functools.reduce(logical_and, parts) if parts else None


def _root(condition):
    """The tensor that a condition's name stands for: identities of it are made for every condition."""
    while condition.op.op.name == "identity":
        condition = condition.op.inputs[0]
    return condition
