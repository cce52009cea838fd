"""Assignments of arrays that nobody else will see: the variable takes the array over, where the plain kernel copies it.

Most of what initializers do is such an assignment: the copies took as long as drawing the numbers.
"""

import numpy as np

from npslim.spec import compatible


def take_over(steps, groups, last, lent):
    """Let assignments take over their value where it is in memory of its own that nobody uses afterwards.

    groups: which slots share memory, and which step made it. last: {slot: the step after which nobody reads it}.
    lent: the slots whose memory is an arena's.
    """
    members = groups.members()
    for i, step in enumerate(steps):
        if step.node.op.name == "assign" and not step.rewritten:
            group = groups.find(step.inputs[1])
            own = groups.owner[group] is not None and lent.isdisjoint(members[group])
            if own and all(last.get(slot, i + 1) <= i for slot in members[group]):
                step.kernel = _taking(step.kernel, step.node.attrs["validate_shape"])


def _taking(plain, validate_shape):
    def assign(ref, value, *, node):
        own = type(value) is np.ndarray and value.base is None and value.flags.writeable and value.flags.c_contiguous
        if not own or (validate_shape and not compatible(value.shape, node.inputs[0].spec.shape)):
            return plain(ref, value, node=node)
        with ref.lock:
            ref.value = value
            return value

    assign.label = "takes the array over"
    return assign
