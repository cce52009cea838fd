"""STATE. What a session keeps from run to run: a cell for each variable or queue, and how often each random node drew.

before: plan.py   next: run.py
"""

import os
import threading
import zlib

import numpy as np

from npslim.errors import FailedPreconditionError


class Cell:
    """The state of one stateful node: a variable's array, a queue ... `value` is None before it is initialized."""

    __slots__ = ("name", "value", "lock", "release")

    def __init__(self, name):
        self.name = name
        self.value = None
        self.lock = threading.RLock()
        self.release = None  # what to call when the session is closed

    def initialized(self):
        """The value. Raises FailedPreconditionError before there is one.

        Taken under the lock: an update writes into an array only while it has the lock and nobody holds the array.
        """
        with self.lock:
            value = self.value
        if value is None:
            raise FailedPreconditionError(
                f"Attempting to use uninitialized value {self.name}.",
                hint="run global_variables_initializer(), or restore a checkpoint, first",
            )
        return value


class Store:
    """The cells of a session by name, and how often each random node has drawn."""

    def __init__(self):
        self.cells = {}
        self.draws = {}
        self.entropy = int.from_bytes(os.urandom(8), "little")
        self.gates = []  # where the threads that fill queues can be brought to rest
        self.saved = {}  # what a checkpoint holds of queues, readers and iterators that are not made yet
        self.input_fingerprint = None  # of the input pipelines: a checkpoint of others is not taken up, see resume.py
        self.lock = threading.Lock()

    def cell(self, name):
        """The cell `name`, made when first asked for."""
        cell = self.cells.get(name)
        if cell is None:
            with self.lock:
                cell = self.cells.setdefault(name, Cell(name))
        return cell

    def take_up(self, name, made):
        """Bring `made`, the new value of the cell `name`, to where a checkpoint left it, if one did."""
        saved = self.saved.pop(name, None)
        if saved is not None:
            made.restore(*saved)
        return made

    def generator(self, node, ticket=None):
        """The generator for this draw of `node`: Philox, keyed by graph seed and op seed, counted by draws.

        The bits depend on nothing else: not on other nodes, threads, or the order of runs. A run that works on an
        element of a queue has a `ticket`, its number, and counts by that.
        """
        if ticket is None:
            with self.lock:
                ticket = self.draws[node.name] = self.draws.get(node.name, 0) + 1
            return np.random.Generator(np.random.Philox(key=self.key(node), counter=[0, ticket, 0, 0]))
        return np.random.Generator(np.random.Philox(key=self.key(node), counter=[0, ticket, 1, 0]))

    def key(self, node):
        """The two words that key the node's stream of random numbers."""
        graph_seed, op_seed = node.graph.seed, node.attrs.get("seed")
        if op_seed is None:
            op_seed = zlib.crc32(node.name.encode())
            graph_seed = self.entropy if graph_seed is None else graph_seed
        return philox_key(graph_seed or 0, op_seed)


def philox_key(first, second):
    """The key of a Philox generator from two seeds of any size and sign."""
    return np.array([first % 2**64, second % 2**64], np.uint64)  # a list NumPy may turn into floats
