"""Loops as TensorFlow 1 writes them: a circle of nodes, which becomes one `while_loop`.

    Enter -> Merge -> Switch -> Identity -> the body -> NextIteration -> Merge again
               |        ^   \\-> Exit
               cond -> LoopCond

Each variable of the loop has one such row; an Enter without a Merge brings a value from outside that stays the same. A
*frame* is all that lies between the Enters and the Exits of one loop; frames lie in frames.

before: conditions.py   next: importer.py
"""

from npslim.errors import InvalidArgumentError, ShapeError, UnimplementedError
from npslim.ops.logic import logical_and
from npslim.ops.while_loop import while_loop

ENTERS, EXITS = {"Enter", "RefEnter"}, {"Exit", "RefExit"}
MERGES, NEXTS = {"Merge", "RefMerge"}, {"NextIteration", "RefNextIteration"}
LOOPING = ENTERS | EXITS | NEXTS | {"LoopCond"}


def is_of_loop(importer, key):
    """Whether the node `key` is a Merge or Switch of a loop, and not of a condition."""
    sources = importer.sources[key]
    if importer.node_defs[key].op in MERGES:
        return any(importer.node_defs[name].op in NEXTS for name, _ in sources)
    return importer.node_defs[key].op.endswith("Switch") and importer.node_defs[sources[1][0]].op == "LoopCond"


def frames_of(importer, order):
    """{name: names of the frames that the node lies in, the outermost first}, for names in an order without circles."""
    found = {}
    for key in order:
        op = importer.node_defs[key].op
        sources = [name for name, _ in importer.sources[key] if importer.node_defs[name].op not in NEXTS]
        frame = max((found[name] for name in sources), key=len, default=())
        if op in ENTERS:
            frame = (*frame, importer.node_defs[key].attr["frame_name"].s)
        elif op in EXITS:
            if not frame:
                raise InvalidArgumentError("An Exit ends no loop.", expected="a value of a loop", got=key)
            frame = frame[:-1]
        found[key] = frame
    return found


class Loop:
    """The loop of the frame `frame`: its nodes by their parts."""

    def __init__(self, importer, frame):
        self.importer, self.frame = importer, frame
        self.defs, self.sources = importer.node_defs, importer.sources
        inside = [key for key in importer.order if importer.frames[key] == frame]
        self.enters = [key for key in inside if self.defs[key].op in ENTERS]
        self.merges = [key for key in inside if self.defs[key].op in MERGES and is_of_loop(importer, key)]
        tests = [key for key in inside if self.defs[key].op == "LoopCond"]
        if len(tests) != 1 or not self.merges:
            raise UnimplementedError(
                "A loop is not as while_loop makes it.", expected="one LoopCond", got=tests or frame
            )
        self.test = tests[0]
        self.switches = {  # of a variable, by its Merge
            self.sources[key][0][0]: key for key in inside
            if self.defs[key].op.endswith("Switch") and is_of_loop(importer, key)
        }  # fmt: skip
        ends = [key for key in importer.order if self.defs[key].op in EXITS]
        self.exits = {  # the Merge of the same variable, by Exit
            key: self.sources[switch][0][0] for key in ends
            if importer.frames[switch := self.sources[key][0][0]] == frame
        }  # fmt: skip

    def define(self):
        """{name of an Exit: the tensor it gives}."""
        first, enters = [], {}
        for merge in self.merges:
            (enter,) = (name for name, _ in self.sources[merge] if self.defs[name].op in ENTERS)
            enters[merge] = enter
            first.append(self.importer.output(*self.sources[enter][0]))
        given = {key: self.importer.output(*self.sources[key][0]) for key in self.enters if key not in enters.values()}
        holds = self.importer.conditions.holds([self.sources[key][0] for key in self.enters])

        def test(*values):
            inner = self.importer.inside(self.frame, given | dict(zip(self.merges, values, strict=True)))
            found = inner.value(self.sources[self.test][0])
            return found if holds is None else logical_and(holds, found)

        def body(*values):
            state = dict(zip(self.merges, values, strict=True))
            both = {self.switches[merge]: (None, value) for merge, value in state.items() if merge in self.switches}
            inner = self.importer.inside(self.frame, given | state | both)
            return [inner.value(self._next(merge)) for merge in self.merges]

        found = _looped(test, body, first, self.frame[-1].decode(errors="replace"))
        return {key: found[self.merges.index(merge)] for key, merge in self.exits.items()}

    def _next(self, merge):
        """What the variable of `merge` is on the next turn."""
        (key,) = (name for name, _ in self.sources[merge] if self.defs[name].op in NEXTS)
        return self.sources[key][0]


def _looped(test, body, first, name):
    """`while_loop` with shapes that stay, or else, as far as needed, change from turn to turn."""
    name = name.rpartition("/")[0] or name
    same = [None if x.op.op.name == "empty_rows" else x.spec.shape for x in first]
    sizes = [None if shape is None else [None] * len(shape) for shape in same]
    for shapes in (same, sizes, [None] * len(first)):
        try:
            found = while_loop(test, body, first, shape_invariants=shapes, name=f"{name}/", return_same_structure=True)
        except ShapeError:
            if shapes == [None] * len(first):
                raise
        else:
            return list(found)
    raise InvalidArgumentError("A loop cannot be defined.", got=name)
