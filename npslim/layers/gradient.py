"""A layer that changes gradients only."""

from npslim.convert import as_tensor
from npslim.ops.custom_gradient import custom_gradient


def scale_gradient(inputs, gradient_multiplier):
    """`inputs` (a tensor, or a list of them) as they are; their gradient is multiplied by `gradient_multiplier`."""
    several = isinstance(inputs, list | tuple)

    @custom_gradient
    def scaled(*tensors):
        return list(tensors), lambda *gs: [g * as_tensor(gradient_multiplier, g.spec.dtype) for g in gs]

    outputs = scaled(*(inputs if several else [inputs]))
    return outputs if several else outputs[0]
