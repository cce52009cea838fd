"""Microseconds that a node costs beyond its kernel, and a run beyond its nodes.

python bench/overhead.py [rounds]

Chains of 2,000 nodes on arrays of 10, whose size is known while defining or is not, are run warm, at one thread. What
their plain kernels take alone, called one after the other on the same arrays, is taken off; variables are read without
a kernel, so reading is overhead. CPU seconds, the fastest of the rounds, both sides taken in turn.
"""

import sys
import time

import numpy as np

import npslim as slim
from npslim.plan import bind

LENGTH, RUNS = 2000, 200
CHAINS = {  # the functions that add the next node, in turn
    "tanh": lambda v: [slim.tanh],
    "identity": lambda v: [slim.identity],
    "square, sqrt": lambda v: [slim.square, slim.sqrt],
    "reshape": lambda v: [lambda x: slim.reshape(x, [2, -1]), lambda x: slim.reshape(x, [-1])],
    "sub, mul by a constant": lambda v: [lambda x: x - np.float32(0.5), lambda x: x * np.float32(2)],
    "add a variable": lambda v: [lambda x: x + v],
    "add a new read of it": lambda v: [lambda x: x + v.read_value()],
    "tanh, floor": lambda v: [slim.tanh, slim.floor],
}


def fastest(rounds, *functions):
    """The least CPU seconds of a call of each."""
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for i, function in enumerate(functions):
            began = time.process_time()
            function()
            best[i] = min(best[i], time.process_time() - began)
    return best


def kernels_alone(session, fetch, feeds):
    """A function that calls the plain kernels of a run, each with the arrays that it has there."""
    events = [event for event in session.step(fetch, feeds) if not event.node.op.stateful]
    calls = [(bind(event.node), event.inputs) for event in events if event.node.op.name != "constant"]

    def run():
        with np.errstate(all="ignore"):
            for kernel, inputs in calls:
                kernel(*inputs)

    return run


def of_nodes(make, kernels, rounds, shape):
    """(µs of a node of the chain, µs of its kernel alone)."""
    x = np.linspace(0.1, 1, 10, dtype=np.float32)
    with slim.Graph().as_default():
        first = last = slim.placeholder(slim.float32, shape)
        functions = make(slim.Variable(x, name="v"))
        for i in range(LENGTH):
            last = functions[i % len(functions)](last)
        session = slim.Session(kernels=kernels, threads=1)
        session.run(slim.global_variables_initializer())
        run, alone = lambda: session.run(last, {first: x}), kernels_alone(session, last, {first: x})
        run()
        return (1e6 * seconds / LENGTH for seconds in fastest(rounds, run, alone))


def of_a_run(kernels, rounds):
    """µs of a run of one addition of scalars, without and with a feed."""
    with slim.Graph().as_default():
        a = slim.placeholder_with_default(np.float32(1), [])
        b = a + np.float32(2)
        session = slim.Session(kernels=kernels, threads=1)
        bare = lambda: [session.run(b) for _ in range(RUNS)]  # noqa: E731
        fed = lambda: [session.run(b, {a: np.float32(3)}) for _ in range(RUNS)]  # noqa: E731
        return (1e6 * seconds / RUNS for seconds in fastest(rounds, bare, fed))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    for kernels in ("plain", "fast"):
        print(f"| {kernels} kernels | µs a node | its kernel alone | beyond it |\n| --- | --- | --- | --- |")
        for name, make in CHAINS.items():
            for size in (10, None):
                whole, alone = of_nodes(make, kernels, rounds, [size])
                print(f"| {name}, size {size or '?'} | {whole:.2f} | {alone:.2f} | {whole - alone:.2f} |")
        bare, fed = of_a_run(kernels, rounds)
        print(f"\nA run of one addition: {bare:.1f} µs, with a feed {fed:.1f} µs.\n")


if __name__ == "__main__":
    main()
