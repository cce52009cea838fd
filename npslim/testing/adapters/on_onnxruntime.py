"""ONNX Runtime: each case becomes a model of one node. It has no gradients here, so only values are compared.

An entry gives the node's type, its attributes, its inputs, and what is done with the output: ONNX knows channels first.
"""

import functools
from typing import Any

import numpy as np

from npslim.testing.adapters.common import Unmapped, answers_of, axes_of, found, imported, window_of

FORWARD_ONLY = True
OPSET = 18  # of the models; ReduceMax and its kin take their axes as an input from here on


def setup():
    """Import ONNX Runtime, and onnx, which writes the models. Raises MissingExtraError."""
    return imported("onnxruntime"), imported("onnx")


def answer(case):
    """The case in ONNX Runtime."""
    runtime, onnx = setup()
    type, attrs, inputs, finish = found(case, _table())(*case.inputs.values())
    if any(a.dtype.kind in "c" for a in inputs):
        raise Unmapped("no complex numbers")
    outputs = [f"y{i}" for i in range(len(case.outputs))]
    names = [f"x{i}" for i in range(len(inputs))]
    kind = onnx.helper.np_dtype_to_tensor_dtype
    node = onnx.helper.make_node(type, names, outputs, **attrs)
    wanted = [onnx.helper.make_tensor_value_info(n, kind(a.dtype), None)
              for n, a in zip(outputs, case.outputs.values(), strict=True)]  # fmt: skip
    given = [onnx.helper.make_tensor_value_info(n, kind(a.dtype), a.shape)
             for n, a in zip(names, inputs, strict=True)]  # fmt: skip
    graph = onnx.helper.make_graph([node], "case", given, wanted)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=9)
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own classes: a type or an attribute that it has no kernel for
        raise Unmapped(f"no kernel: {str(error).split(':')[-1].strip()[:80]}") from None
    ys = session.run(None, dict(zip(names, (np.asarray(a, order="C") for a in inputs), strict=True)))
    return answers_of(case, [finish(y) for y in ys], [])


def _same(y):
    return y


@functools.cache
def _table():
    def plain(type, **attrs):
        return lambda a, *xs: (type, attrs, xs, _same)

    names = {
        "abs": "Abs", "negative": "Neg", "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "reciprocal": "Reciprocal",
        "sign": "Sign", "floor": "Floor", "ceil": "Ceil", "rint": "Round", "sigmoid": "Sigmoid", "tanh": "Tanh",
        "relu": "Relu", "elu": "Elu", "selu": "Selu", "softplus": "Softplus", "softsign": "Softsign", "erf": "Erf",
        "sin": "Sin", "cos": "Cos", "tan": "Tan", "asin": "Asin", "acos": "Acos", "atan": "Atan", "sinh": "Sinh",
        "cosh": "Cosh", "asinh": "Asinh", "acosh": "Acosh", "atanh": "Atanh", "add": "Add", "subtract": "Sub",
        "multiply": "Mul", "realdiv": "Div", "pow": "Pow", "maximum": "Max", "minimum": "Min", "equal": "Equal",
        "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater", "greater_equal": "GreaterOrEqual",
        "logical_and": "And", "logical_or": "Or", "logical_not": "Not", "is_nan": "IsNaN", "is_inf": "IsInf",
        "where_v2": "Where", "identity": "Identity", "add_n": "Sum", "gather_nd": "GatherND",
    }  # fmt: skip
    table: dict[str, Any] = {name: plain(type) for name, type in names.items()}

    def reduced(type):
        def over(a, x):
            axes = np.array(axes_of(a, x.ndim), np.int64)
            return type, {"keepdims": int(a["keepdims"]), "noop_with_empty_axes": 1}, (x, axes), _same

        return over

    def window(a, x, *rest):
        w = window_of({"x": x, **{str(i): r for i, r in enumerate(rest)}}, a, "x")
        (top, bottom), (left, right) = w.pads
        attrs = {"strides": w.strides, "dilations": w.dilations, "pads": (top, left, bottom, right)}
        finish = _same if w.first else lambda y: y.transpose(0, 2, 3, 1)
        return w, attrs, x if w.first else x.transpose(0, 3, 1, 2), finish

    def conv2d(a, x, k):
        _, attrs, x, finish = window(a, x, k)
        return "Conv", attrs, (x, k.transpose(3, 2, 0, 1)), finish

    def depthwise(a, x, k):
        _, attrs, x, finish = window(a, x, k)
        kernel = k.transpose(2, 3, 0, 1).reshape(-1, 1, *k.shape[:2])
        return "Conv", {**attrs, "group": x.shape[1]}, (x, kernel), finish

    def pool(type):
        def pooled(a, x):
            w, attrs, x, finish = window(a, x)
            if type == "AveragePool" and attrs.pop("dilations") != (1, 1):
                raise Unmapped("no dilated average")
            return type, {**attrs, "kernel_shape": w.size}, (x,), finish

        return pooled

    def matmul(a, x, y):
        x = x.swapaxes(-1, -2) if a["transpose_a"] else x
        return "MatMul", {}, (x, y.swapaxes(-1, -2) if a["transpose_b"] else y), _same

    def bias_add(a, x, b):
        first = str(a["data_format"] or "").startswith("NC")
        return "Add", {}, (x, b.reshape(-1, *[1] * (x.ndim - 2)) if first else b), _same

    def normalization(a, x):
        n = 2 * a["depth_radius"] + 1
        attrs = {"size": n, "alpha": a["alpha"] * n, "beta": a["beta"], "bias": a["bias"]}
        if x.ndim < 3:
            raise Unmapped("only three dimensions or more")
        return "LRN", attrs, (np.moveaxis(x, -1, 1),), lambda y: np.moveaxis(y, 1, -1)

    def numbers(a, x):
        attrs = {"exclusive": int(a["exclusive"]), "reverse": int(a["reverse"])}
        return "CumSum", attrs, (x, np.array(a["axis"], np.int64)), _same

    def argument(type):
        def found_at(a, x):
            if np.dtype(a["output_type"]) != np.int64:
                raise Unmapped("only int64 results")
            return type, {"axis": a["axis"] or 0, "keepdims": 0}, (x,), _same

        return found_at

    table.update(
        matmul=matmul, conv2d=conv2d, depthwise_conv2d_native=depthwise, max_pool2d=pool("MaxPool"),
        avg_pool2d=pool("AveragePool"), bias_add=bias_add, local_response_normalization=normalization,
        cumsum=numbers, argmax=argument("ArgMax"), argmin=argument("ArgMin"),
        gather=lambda a, x, i: ("Gather", {"axis": a["axis"]}, (x, i), _same),
        softmax=lambda a, x: ("Softmax", {"axis": a["axis"]}, (x,), _same),
        log_softmax=lambda a, x: ("LogSoftmax", {"axis": a["axis"]}, (x,), _same),
        concat=lambda a, *xs: ("Concat", {"axis": a["axis"]}, xs, _same),
        transpose=lambda a, x: ("Transpose", {"perm": a["perm"]} if a["perm"] else {}, (x,), _same),
        leaky_relu=lambda a, x: ("LeakyRelu", {"alpha": a["alpha"]}, (x,), _same),
        einsum=lambda a, *xs: ("Einsum", {"equation": a["equation"]}, xs, _same),
        reduce_sum=reduced("ReduceSum"), reduce_mean=reduced("ReduceMean"), reduce_max=reduced("ReduceMax"),
        reduce_min=reduced("ReduceMin"), reduce_prod=reduced("ReduceProd"),
        reduce_logsumexp=reduced("ReduceLogSumExp"),
    )  # fmt: skip
    return table
