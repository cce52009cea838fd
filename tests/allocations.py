"""What each node of a run allocates: for the tests of buffers."""

import tracemalloc


def one_by_one(works):
    """In place of what runs steps side by side: what two threads allocate at once cannot be told apart."""
    for work in works:
        work()


def allocated(session, fetch, feeds):
    """{(name of a node, type): (bytes at most beyond what was there, bytes of its largest output)} of one more run."""
    (plan,) = [plan for (fetches, _), plan in session._plans.items() if fetch in fetches]
    found = {}

    def watched(node, kernel):
        def call(*inputs, **context):
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            result = kernel(*inputs, **context)
            size = tracemalloc.get_traced_memory()[1] - before
            outputs = result if isinstance(result, tuple) else (result,)
            output = max((getattr(y, "nbytes", 0) for y in outputs), default=0)
            found[node.name, node.type] = max(found.get((node.name, node.type), (0, 0)), (size, output))
            return result

        return call

    for step in plan.steps:
        step.kernel = one_by_one if step.sides else watched(step.node, step.kernel)
        for part in step.parts if step.sides else ():
            part.kernel = watched(part.node, part.kernel)
    tracemalloc.start()
    try:
        session.run(fetch, feeds)
    finally:
        tracemalloc.stop()
    return found
