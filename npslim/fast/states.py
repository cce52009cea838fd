"""Variables are found by one step, and read together where nothing between could change them.

A step costs some microseconds beyond its work, and finding and reading is hardly any.

before: plan.py   next: rewrite.py
"""

from npslim.errors import OpError
from npslim.plan import Step


def gather_states(draft):
    """One step finds all cells, and reads what is read before anything may change; steps that do nothing are gone."""
    cells, found, reads = [], set(), []
    steps = [reads]  # of those that read, a list in the place of the first one
    for step in draft.plan.steps:
        if step.node.op.name == "variable":
            cells.append(step)
            found.update(step.outputs)
        elif step.node.op.name == "read" and found.issuperset(step.inputs):
            if not reads and reads is not steps[0]:
                steps.append(reads)
            reads.append(step)
        elif step.node.op.name != "no_op":
            steps.append(step)
            if _may_change_a_variable(step):
                reads = []
    first, *others = steps
    begin = [_finding(cells, first)] if cells else []
    draft.plan.steps[:] = begin + [_reading(step) if isinstance(step, list) else step for step in others]


def _may_change_a_variable(step):
    op = step.node.op
    return (op.refs and not op.only_reads) or (op.stateful and op.name != "placeholder")


def _finding(steps, reads):
    """The step that finds the cells of `steps` and does the `reads`."""
    names, cells = [step.node.name for step in steps], [step.outputs[0] for step in steps]
    places = [cells.index(step.inputs[0]) for step in reads]
    nodes = [step.node for step in reads]

    def find(run):
        found = list(map(run.store.cell, names))
        return (*found, *_values(nodes, [found[place] for place in places]))

    find.label = f"finds {len(names)} variables, reads {len(nodes)}"
    return Step(steps[0].node, find, (), (*cells, *(step.outputs[0] for step in reads)), ("run",), rewritten=True)


def _reading(steps):
    """The step that does all of these reads."""
    nodes = [step.node for step in steps]

    def read(*cells):
        return _values(nodes, cells)

    read.label = f"reads {len(nodes)} variables"
    inputs, outputs = tuple(step.inputs[0] for step in steps), tuple(step.outputs[0] for step in steps)
    return Step(steps[0].node, read, inputs, outputs, (), rewritten=True)


def _values(nodes, cells):
    """The values of the cells; an error is one of the node that reads it."""
    values = []
    try:
        for cell in cells:
            values.append(cell.initialized())
    except OpError as error:
        error.op = nodes[len(values)]
        raise
    return tuple(values)
