"""How many floating-point operations a node takes: two for each product that is added up, one for each element else."""

import math


def flops(op, attrs, inputs, outputs):
    """The operations of `op` (a name) for inputs and outputs of these shapes; None where a size is unknown.

    Products of matrices and convolutions count what the definition says, whatever algorithm computes them.
    """
    if any(shape is None or None in shape for shape in (*inputs, *outputs)):
        return None
    if op in _SUMS:
        return 2 * _SUMS[op](attrs, inputs, outputs)
    if op in _FREE or not outputs:
        return 0
    return _PASSES.get(op, 1) * max(math.prod(shape) for shape in (*inputs, *outputs))


def node_flops(node):
    """`flops` of a node by what is known of its shapes."""
    inputs, outputs = ([t.spec.shape for t in tensors] for tensors in (node.inputs, node.outputs))
    return flops(node.op.name, node.attrs, inputs, outputs)


def show_count(number):
    """'2.57 G', '130 M' ...; '?' for None."""
    if number is None:
        return "?"
    for unit in ("", "k", "M", "G"):
        if number < 1000:
            return f"{number:.3g} {unit}".rstrip()
        number /= 1000
    return f"{number:.3g} T"


def _matmul(attrs, inputs, outputs):
    return math.prod(outputs[0]) * inputs[0][-2 if attrs.get("transpose_a") else -1]


_SUMS = {  # op -> how many products are added up
    "matmul": _matmul,
    "conv2d": lambda attrs, inputs, outputs: math.prod(outputs[0]) * math.prod(inputs[1][:-1]),
    "conv2d_backprop_input": lambda attrs, inputs, outputs: math.prod(inputs[2]) * math.prod(inputs[1][:-1]),
    "conv2d_backprop_filter": lambda attrs, inputs, outputs: math.prod(inputs[2]) * math.prod(inputs[1][:-1]),
    "depthwise_conv2d_native": lambda attrs, inputs, outputs: math.prod(outputs[0]) * math.prod(inputs[1][:2]),
    "depthwise_conv2d_native_backprop_input": lambda attrs, inputs, _: math.prod(inputs[2]) * math.prod(inputs[1][:2]),
    "depthwise_conv2d_native_backprop_filter": lambda attrs, inputs, _: math.prod(inputs[2]) * math.prod(inputs[1][:2]),
}
_PASSES = {  # op -> operations on each element
    "fused_batch_norm": 7, "fused_batch_norm_grad": 9, "softmax": 5, "softmax_cross_entropy_with_logits": 7,
    "apply_gradient_descent": 2, "apply_momentum": 4, "apply_adam": 11,
}  # fmt: skip
_FREE = {"reshape", "identity", "read", "constant", "placeholder", "variable", "transpose", "concat", "zeros_like"}
