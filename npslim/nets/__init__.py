"""Nets, as TF-Slim has them."""

from npslim.nets import lenet

__all__ = ["lenet"]
