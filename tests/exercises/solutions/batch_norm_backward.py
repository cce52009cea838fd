import numpy as np


def batch_norm_backward(g, x, gamma, epsilon=1e-3):
    rate = 1 / np.sqrt(x.var(axis=0) + epsilon)
    normed = (x - x.mean(axis=0)) * rate
    dx = gamma * rate * (g - g.mean(axis=0) - normed * (g * normed).mean(axis=0))
    return dx, (g * normed).sum(axis=0), g.sum(axis=0)
