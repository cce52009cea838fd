"""What is defined above is found from below: tables that modules fill when they are imported."""

from npslim.later import Table

REGISTRY = Table()  # name -> Op, in the order of definition; families of ops/ that nobody uses come when asked for
OPERATORS = Table()  # "__add__" -> the op that computes it, and some that tensors need; filled by ops/
EXPORTS = Table()  # what makes another form of a graph; modules above put their functions here
