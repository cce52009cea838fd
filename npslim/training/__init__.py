"""`slim.training`: training in a monitored session, with hooks."""

from npslim.training import training

__all__ = ["training"]
