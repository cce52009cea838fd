"""Exercise: a step of momentum.

Check with: python -m npslim exercise check momentum.py
"""


def momentum_step(w, a, g, learning_rate, momentum, nesterov=False):
    """(w, a) after a step: the average `a` gathers the gradients `g`, the weights `w` follow the average.

    nesterov: look ahead by one more share of the new average. Inputs are left as they are.
    """
    raise NotImplementedError
