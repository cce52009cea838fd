import numpy as np


def filter_gradient(x, w, g):
    windows = np.lib.stride_tricks.sliding_window_view(x, w.shape[:2], axis=(1, 2))
    return np.einsum("nijcuv,nijo->uvco", windows, g)


def input_gradient(x, w, g):
    dx = np.zeros_like(x)
    for u in range(w.shape[0]):
        for v in range(w.shape[1]):
            dx[:, u : u + g.shape[1], v : v + g.shape[2]] += g @ w[u, v].T
    return dx
