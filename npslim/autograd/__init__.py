"""GRADIENTS. The backward pass is more graph: gradient rules are written with ops."""

from npslim.autograd.check import check_gradients
from npslim.autograd.reverse import gradients

__all__ = ["check_gradients", "gradients"]
