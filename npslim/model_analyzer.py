"""How large a model is: its variables, its operations, and a table of its layers."""

import math

from npslim.convert import is_state
from npslim.dtypes import as_dtype
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.shown import Shown
from npslim.spec import count


def tensor_description(var):
    """'(float32 3x3x64)' for a tensor, '(float32_ref 3x4)' for a variable; '?' for an unknown size."""
    name = as_dtype(var.dtype).name + ("_ref" if hasattr(var, "initializer") else "")
    sizes = var.get_shape().dims
    shape = "x".join("?" if n.value is None else str(n.value) for n in sizes or ())
    return f"({name} {shape})"


def analyze_ops(graph, print_info=False):
    """The number of all elements that the operations of `graph` put out, as far as sizes are known.

    print_info: print each operation with its outputs.
    """
    if print_info:
        print("---------\nOperations: name -> (type shapes) [size]\n---------")
    total = 0
    for node in graph.get_operations():
        size = sum(count(t.spec.shape) or 0 for t in node.outputs)
        total += size
        if print_info:
            print(node.name, "\t->", ", ".join(tensor_description(t) for t in node.outputs), f"[{size}]")
    return total


def analyze_vars(variables, print_info=False):
    """(elements, bytes) of all `variables`. print_info: print each of them."""
    if print_info:
        print("---------\nVariables: name (type shape) [size]\n---------")
    total = total_bytes = 0
    for var in variables:
        size = count(var.spec.shape) or 0
        size_in_bytes = size * var.spec.dtype.itemsize
        total, total_bytes = total + size, total_bytes + size_in_bytes
        if print_info:
            print(var.name, tensor_description(var), f"[{size}, bytes: {size_in_bytes}]")
    if print_info:
        print(f"Total size of variables: {total}\nTotal bytes of variables: {total_bytes}")
    return total, total_bytes


class Row:
    """One line of a Summary: a layer's scope, output, parameters, multiply-adds and bytes of activations."""

    def __init__(self, scope, output, parameters, multiply_adds, activation_bytes):
        self.scope, self.output, self.parameters = scope, output, parameters
        self.multiply_adds, self.activation_bytes = multiply_adds, activation_bytes


class Summary(Shown):
    """The table that `summary()` gives: `rows`, their totals, and the text of them all."""

    def __init__(self, rows, batch):
        self.rows, self.batch = rows, batch
        self.parameters = sum(row.parameters for row in rows)
        self.multiply_adds = sum(row.multiply_adds for row in rows)
        self.activation_bytes = sum(row.activation_bytes for row in rows)

    def __str__(self):
        head = ("scope", "output", "parameters", "multiply-adds", "activations")
        lines = [
            (row.scope, row.output, f"{row.parameters:,}", f"{row.multiply_adds:,}", _bytes(row.activation_bytes))
            for row in self.rows
        ]
        totals = ("total", f"batch of {self.batch}", f"{self.parameters:,}", f"{self.multiply_adds:,}",
                  _bytes(self.activation_bytes))  # fmt: skip
        widths = [max(len(line[i]) for line in (head, *lines, totals)) for i in range(len(head))]

        def shown(line):
            left = [cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True)]
            return "  ".join(left + [cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True)])

        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        return "\n".join([shown(head).rstrip(), rule, *map(shown, lines), rule, shown(totals)])

    __repr__ = __str__


def _bytes(n):
    for unit in ("B", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} GB"


def summary(graph=None, scope=None, batch=1):
    """A table of the layers of `graph` (the default one): scope, output shape, parameters, multiply-adds, activations.

    A layer is a scope that holds model variables; scopes without any are put together as `(other)`. Gradients, queues
    and initializers do not count. scope: only layers below it. batch: the size that unknown sizes of the first
    dimension count as. Multiply-adds are those of convolutions and matrix products; activations are the bytes that the
    layer's outputs take in a forward pass that keeps them all. Print it, or use its `rows`.
    """
    graph = graph or get_default_graph()
    layers = {}
    for variable in graph.get_collection(GraphKeys.MODEL_VARIABLES):
        layers.setdefault(variable.op.name.rpartition("/")[0], []).append(variable)
    nodes = [node for node in graph.get_operations() if _is_forward(node, scope)]
    rows = {name: Row(name, "", sum(count(v.spec.shape) or 0 for v in own), 0, 0) for name, own in layers.items()
            if scope is None or (name + "/").startswith(scope.rstrip("/") + "/")}  # fmt: skip
    other = Row("(other)", "", 0, 0, 0)
    for node in nodes:
        row = rows.get(_layer_of(node.name, rows), other)
        row.multiply_adds += multiply_adds(node, batch)
        for tensor in node.outputs:
            row.activation_bytes += _size(tensor.spec, batch) * tensor.spec.dtype.itemsize
            row.output = _shape(tensor.spec)
    shown = list(rows.values())
    if other.activation_bytes:
        other.output = ""
        shown.append(other)
    return Summary(shown, batch)


_NOT_FORWARD = ("gradients/", "save/", "init/")


def _is_forward(node, scope):
    """True for nodes that compute on data: no constants, state, initializers, gradients or updates."""
    if scope is not None and not node.name.startswith(scope.rstrip("/") + "/"):
        return False
    name = node.name
    outside = name.startswith(_NOT_FORWARD) or "_grad/" in name or "/Initializer/" in name or name.endswith("/read")
    bare = not node.outputs or node.type in ("Const", "Placeholder", "PlaceholderWithDefault", "VariableV2", "Assign")
    return not (outside or bare or any(is_state(t) for t in (*node.inputs, *node.outputs)))


def _layer_of(name, rows):
    """The innermost scope of `rows` that `name` lies in."""
    parts = name.split("/")
    for i in range(len(parts) - 1, 0, -1):
        inner = "/".join(parts[:i])
        if inner in rows:
            return inner
    return None


def _sizes(spec, batch):
    """The shape with `batch` for an unknown first size, and 1 for other unknown ones."""
    return tuple((batch if i == 0 else 1) if n is None else n for i, n in enumerate(spec.shape or ()))


def _size(spec, batch):
    """The number of elements, of floating tensors."""
    return math.prod(_sizes(spec, batch)) if spec.dtype.kind in "fc" else 0


def _shape(spec):
    return "?" if spec.shape is None else "x".join("?" if n is None else str(n) for n in spec.shape) or "scalar"


def multiply_adds(node, batch):
    """How many products a convolution or matrix product adds up, for unknown first sizes of `batch`; else 0."""
    kind, inputs = node.op.name, [_sizes(t.spec, batch) for t in node.inputs]
    result = _size(node.outputs[0].spec, batch)
    if kind == "matmul":
        return result * inputs[0][-2 if node.attrs.get("transpose_a") else -1]
    if kind == "tensordot":
        return result * math.prod(inputs[0][axis] for axis in node.attrs["axes_a"])
    if kind in ("conv2d", "conv3d"):
        return result * math.prod(inputs[1][:-1])
    if kind == "depthwise_conv2d_native":
        return result * math.prod(inputs[1][:-2])
    if kind in ("conv2d_transpose", "conv3d_transpose"):
        return math.prod(inputs[0]) * math.prod(inputs[1][:-1])
    return 0
