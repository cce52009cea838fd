"""What is defined above is found from below: tables that modules fill when they are imported."""

from npslim.later import Table

REGISTRY = Table()  # name -> Op, in the order of definition; families of ops/ that nobody uses come when asked for
OPERATORS = Table()  # "__add__" -> the op that computes it, and some that tensors need; filled by ops/
ABOVE = Table()  # functions that modules above put here for those below: gradients, and other forms of a graph
