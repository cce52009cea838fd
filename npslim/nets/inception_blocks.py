"""How the Inception nets are written down: a block is a list of branches, a branch a list of steps.

    [[conv("0a_1x1", 64)],
     [conv("0a_1x1", 48), conv("0b_5x5", 64)],
     [avg_pool("0a_3x3"), conv("0b_1x1", 32)]]

Branch i is made in the variable scope Branch_i, and the branches' outputs are concatenated along the channels. A step
is a function of (net, depth): `depth` turns a number of channels of the paper into the one asked for.
"""

import re
from collections.abc import Callable

from npslim.errors import InvalidArgumentError
from npslim.layers import avg_pool2d, conv2d, max_pool2d
from npslim.ops.join import concat
from npslim.scopes import variable_scope


def kernel_of(scope):
    """[h, w] of a scope that ends with them, as "Conv2d_0b_1x7" does."""
    found = re.search(r"(\d+)x(\d+)$", scope)
    if found is None:
        raise InvalidArgumentError("The scope's name says no kernel size.", expected="...HxW", got=scope)
    return [int(size) for size in found.groups()]


def conv(place, channels, kernel=None, prefix="Conv2d_", **options):
    """The step of a convolution in the scope `prefix` + `place`, whose kernel size is in its name unless given."""
    scope = prefix + place
    return lambda net, depth: conv2d(net, depth(channels), kernel or kernel_of(scope), scope=scope, **options)


def avg_pool(place, **options):
    """The step of an average pooling in the scope AvgPool_`place`."""
    return lambda net, depth: avg_pool2d(net, kernel_of(place), scope="AvgPool_" + place, **options)


def max_pool(place, **options):
    """The step of a max pooling in the scope MaxPool_`place`."""
    return lambda net, depth: max_pool2d(net, kernel_of(place), scope="MaxPool_" + place, **options)


def fork(*steps):
    """The step of several convolutions of one input, concatenated."""
    return lambda net, depth: concat([step(net, depth) for step in steps], 3)


def mixed(net, scope, branches, depth: Callable[[int], int] = int):
    """The block of those `branches` under the variable scope `scope`."""
    with variable_scope(scope):
        return concat(merge(net, branches, depth), 3)


def merge(net, branches, depth: Callable[[int], int] = int):
    """The branches' outputs, as a list."""
    outputs = []
    for i, steps in enumerate(branches):
        with variable_scope(f"Branch_{i}"):
            out = net
            for step in steps:
                out = step(out, depth)
            outputs.append(out)
    return outputs


def run_to(final_endpoint, net, stages, depth: Callable[[int], int] = int):
    """(net, end_points) after `stages`, pairs of an end point and what makes it, up to `final_endpoint`.

    What makes it is a step, or a list of branches. Raises ValueError if no stage is named `final_endpoint`.
    """
    names = [name for name, _ in stages]
    if final_endpoint not in names:
        raise InvalidArgumentError(
            f"Unknown final endpoint {final_endpoint}.", expected=", ".join(names), got=repr(final_endpoint)
        )
    end_points = {}
    for name, made_by in stages[: names.index(final_endpoint) + 1]:
        net = mixed(net, name, made_by, depth) if isinstance(made_by, list) else made_by(net, depth)
        end_points[name] = net
    return net, end_points


def scaled_depth(depth_multiplier, min_depth):
    """`depth` for a net of `depth_multiplier` times the paper's channels. Raises ValueError unless it is positive."""
    if depth_multiplier <= 0:
        raise InvalidArgumentError("depth_multiplier is not greater than zero.", got=depth_multiplier)
    return lambda channels: max(int(channels * depth_multiplier), min_depth)


def window_within(net, size):
    """[h, w] of a pooling of that `size`, or of all of `net` where it is smaller; `size` where unknown."""
    known = net.get_shape().as_list()[1:3]
    return size if None in known else [min(a, b) for a, b in zip(known, size, strict=True)]
