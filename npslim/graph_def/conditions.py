"""Conditions as TensorFlow 1 writes them: Switch sends a value to one of two sides, Merge takes the one that comes.

npslim computes both sides and takes the value of the right one, so a side may only compute: a side that changes a
variable is refused. Where the condition is known, one side is all there is. Loops are not read.

before: variables.py   next: importer.py
"""

from npslim.errors import UnimplementedError
from npslim.op import constant_value
from npslim.ops.logic import cast
from npslim.ops.shape import identity
from npslim.ops.state import no_op
from npslim.ops.switch import merge_sides

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
        made = convert(n)
        if sides and n.changes_state:
            raise UnimplementedError(
                "A variable is changed inside of a condition.", expected="sides that only compute", got=name
            )
        return made

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


def _root(condition):
    """The tensor that a condition's name stands for: identities of it are made for every condition."""
    while condition.op.op.name == "identity":
        condition = condition.op.inputs[0]
    return condition
