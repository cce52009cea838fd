"""Training: `create_train_op` ties a loss to an optimizer; `train` runs the loop, saves, and resumes."""

from npslim.learning.loop import train, train_step
from npslim.learning.train_op import (
    add_gradients_summaries,
    clip_gradient_norms,
    create_train_op,
    make_train_op,
    multiply_gradients,
)

__all__ = [
    "add_gradients_summaries", "clip_gradient_norms", "create_train_op", "make_train_op", "multiply_gradients",
    "train", "train_step",
]  # fmt: skip
