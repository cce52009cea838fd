"""Pooling by loops: the elements of each window are written into a list, and looked at one after the other."""

import numpy as np

from npslim.registry import REGISTRY
from references.conv import by_dimension, first, last, meetings, output_sizes


def collected(sizes, ksize, strides, padding, data_format, dilations):
    """(sizes of the output, {place of the output: [place of the input, ...]})."""
    n = len(sizes)
    settings = (sizes, by_dimension(ksize, n, data_format), strides, padding, data_format, dilations)
    found = {}
    for out, _, place in meetings(*settings):
        found.setdefault(out, []).append(place)
    return output_sizes(*settings), found


def winners(x, found):
    """(example, place of the output, place of the input, channel) of each maximum, the first of equal ones."""
    for out, members in found.items():
        for b in range(x.shape[0]):
            for c in range(x.shape[-1]):
                yield b, out, max(members, key=lambda place, b=b, c=c: x[(b, *place, c)]), c


def max_pool(x, data_format, **settings):
    x = last(x, data_format)
    sizes, found = collected(x.shape[1:-1], data_format=data_format, **settings)
    y = np.zeros((len(x), *sizes, x.shape[-1]), x.dtype)
    for b, out, place, c in winners(x, found):
        y[(b, *out, c)] = x[(b, *place, c)]
    return first(y, data_format)


def max_pool_grad(x, g, data_format, **settings):
    x, g = last(x, data_format), last(g, data_format)
    total = np.zeros(x.shape, g.dtype)
    for b, out, place, c in winners(x, collected(x.shape[1:-1], data_format=data_format, **settings)[1]):
        total[(b, *place, c)] += g[(b, *out, c)]
    return first(total, data_format)


def max_pool_grad_grad(x, h, data_format, **settings):
    x, h = last(x, data_format), last(h, data_format)
    sizes, found = collected(x.shape[1:-1], data_format=data_format, **settings)
    y = np.zeros((len(x), *sizes, x.shape[-1]), h.dtype)
    for b, out, place, c in winners(x, found):
        y[(b, *out, c)] = h[(b, *place, c)]
    return first(y, data_format)


def avg_pool(x, data_format, **settings):
    x = last(x, data_format)
    sizes, found = collected(x.shape[1:-1], data_format=data_format, **settings)
    y = np.zeros((len(x), *sizes, x.shape[-1]), x.dtype)
    for out, members in found.items():
        y[:, *out] = np.mean([x[:, *place] for place in members], axis=0)
    return first(y, data_format)


def avg_pool_grad(like, g, data_format, **settings):
    g, total = last(g, data_format), np.zeros(last(like, data_format).shape, g.dtype)
    for out, members in collected(total.shape[1:-1], data_format=data_format, **settings)[1].items():
        for place in members:
            total[:, *place] += g[:, *out] / len(members)
    return first(total, data_format)


def max_pool_with_argmax(x, data_format, output_dtype, include_batch_in_index, **settings):
    y = max_pool(x, data_format, dilations=1, **settings)
    x, index = last(x, data_format), last(np.zeros(y.shape, output_dtype), data_format).copy()
    for b, out, place, c in winners(x, collected(x.shape[1:-1], data_format=data_format, dilations=1, **settings)[1]):
        here = (b if include_batch_in_index else 0, *place, c)
        index[(b, *out, c)] = np.ravel_multi_index(here, x.shape)
    return y, first(index, data_format)


for n in (2, 3):
    REGISTRY[f"max_pool{n}d"].reference = max_pool
    REGISTRY[f"max_pool{n}d_grad"].reference = max_pool_grad
    REGISTRY[f"max_pool{n}d_grad_grad"].reference = max_pool_grad_grad
    REGISTRY[f"avg_pool{n}d"].reference = avg_pool
    REGISTRY[f"avg_pool{n}d_grad"].reference = avg_pool_grad
REGISTRY["max_pool_with_argmax"].reference = max_pool_with_argmax
