"""Optimizers under TensorFlow's names, with its slots and orders of operation."""

from npslim.optimizers.adaptive import (
    AdadeltaOptimizer,
    AdagradDAOptimizer,
    AdagradOptimizer,
    RMSPropOptimizer,
)
from npslim.optimizers.averaged import MovingAverageOptimizer
from npslim.optimizers.base import Optimizer, hyperparameter, like, summed_rows
from npslim.optimizers.classic import AdamOptimizer, GradientDescentOptimizer, MomentumOptimizer
from npslim.optimizers.proximal import FtrlOptimizer, ProximalAdagradOptimizer, ProximalGradientDescentOptimizer

__all__ = [
    "AdadeltaOptimizer", "AdagradDAOptimizer", "AdagradOptimizer", "AdamOptimizer", "FtrlOptimizer",
    "GradientDescentOptimizer", "MomentumOptimizer", "MovingAverageOptimizer", "Optimizer",
    "ProximalAdagradOptimizer", "ProximalGradientDescentOptimizer", "RMSPropOptimizer", "hyperparameter", "like",
    "summed_rows",
]  # fmt: skip
