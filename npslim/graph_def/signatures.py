"""Signatures of a SavedModel: which tensors are the inputs and outputs of a use of its graph, by name, dtype and shape.

before: meta_export.py   next: saved_model.py
"""

from npslim.convert import constant_value
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.graph_def.messages import SignatureDef, TensorInfo
from npslim.graph_def.tensors import NUMBERS, make_tensor_proto, number_of, shape_proto
from npslim.ops.sparse import SparseTensor
from npslim.tensor import Tensor
from npslim.variables import Variable

PREDICT_METHOD_NAME = "tensorflow/serving/predict"
CLASSIFY_METHOD_NAME = "tensorflow/serving/classify"
REGRESS_METHOD_NAME = "tensorflow/serving/regress"


def build_tensor_info(tensor):
    """The TensorInfo of a tensor, a variable or a SparseTensor: its name, dtype and static shape."""
    if isinstance(tensor, SparseTensor):
        made = TensorInfo(dtype=number_of(tensor.values.spec.dtype))
        shape = tensor.indices.spec.shape
        made.tensor_shape.CopyFrom(shape_proto(None if not shape or shape[1] is None else (None,) * shape[1]))
        made.coo_sparse.values_tensor_name = tensor.values.name
        made.coo_sparse.indices_tensor_name = tensor.indices.name
        made.coo_sparse.dense_shape_tensor_name = tensor.dense_shape.name
        return made
    if not isinstance(tensor, Tensor | Variable):
        raise ArgumentTypeError("A signature is made of tensors.", expected="a tensor", got=repr(tensor))
    made = TensorInfo(name=tensor.name, dtype=number_of(tensor.spec.dtype))
    made.tensor_shape.CopyFrom(shape_proto(tensor.spec.shape))
    return made


def get_tensor_from_tensor_info(tensor_info, graph=None, import_scope=None):
    """The tensor, or SparseTensor, of a graph that a TensorInfo describes. Raises KeyError, ValueError."""
    graph = graph or get_default_graph()

    def named(name):
        return graph.get_tensor_by_name(f"{import_scope.rstrip('/')}/{name}" if import_scope else name)

    encoding = tensor_info.WhichOneof("encoding")
    if encoding == "name":
        return named(tensor_info.name)
    if encoding != "coo_sparse":
        raise InvalidArgumentError("The TensorInfo names no tensor.", expected="name or coo_sparse", got=encoding)
    names = tensor_info.coo_sparse
    parts = names.indices_tensor_name, names.values_tensor_name, names.dense_shape_tensor_name
    with graph.as_default():
        return SparseTensor(*map(named, parts))


def build_signature_def(inputs=None, outputs=None, method_name=None, defaults=None):
    """A SignatureDef of {key: TensorInfo} for inputs and outputs. defaults: {key: constant}, for inputs not given."""
    made = SignatureDef(inputs=inputs or {}, outputs=outputs or {}, method_name=method_name or "")
    for key, tensor in (defaults or {}).items():
        value = constant_value(tensor)
        if value is None:
            raise InvalidArgumentError(f"The default of {key!r} is no constant.", expected="a constant", got=tensor)
        made.defaults[key].CopyFrom(make_tensor_proto(value))
    return made


def predict_signature_def(inputs, outputs):
    """The signature of any use: {key: tensor} for inputs and outputs. Raises ValueError for none of them."""
    for name, given in (("inputs", inputs), ("outputs", outputs)):
        if not given:
            raise InvalidArgumentError(f"Prediction {name} cannot be None or empty.", expected="{key: tensor}")
    taken, given = ({key: build_tensor_info(tensor) for key, tensor in part.items()} for part in (inputs, outputs))
    return build_signature_def(taken, given, PREDICT_METHOD_NAME)


def classification_signature_def(examples, classes, scores):
    """The signature of a classifier of Examples in bytes: names of classes, float32 scores, or one of the two."""
    if classes is None and scores is None:
        raise InvalidArgumentError("Classification classes and scores cannot both be None.", expected="one of them")
    outputs = {} if classes is None else {"classes": _info("Classification classes", classes, "string")}
    if scores is not None:
        outputs["scores"] = _info("Classification scores", scores, "float32")
    inputs = {"inputs": _info("Classification examples", examples, "string")}
    return build_signature_def(inputs, outputs, CLASSIFY_METHOD_NAME)


def regression_signature_def(examples, predictions):
    """The signature of a regression from Examples in bytes to float32 predictions."""
    return build_signature_def(
        {"inputs": _info("Regression examples", examples, "string")},
        {"outputs": _info("Regression predictions", predictions, "float32")}, REGRESS_METHOD_NAME,
    )  # fmt: skip


def _info(what, tensor, dtype):
    """The TensorInfo of `tensor`, which must have this dtype. Raises ValueError."""
    if not isinstance(tensor, Tensor):
        raise ArgumentTypeError(f"{what} must be a tensor.", expected=dtype, got=repr(tensor))
    found = build_tensor_info(tensor)
    if found.dtype != NUMBERS[dtype]:
        raise InvalidArgumentError(f"{what} must be of type {dtype}.", expected=dtype, got=tensor.dtype.name)
    return found


def is_valid_signature(signature_def):
    """Whether a SignatureDef is one of the three kinds, with the tensors that belong to it."""
    if signature_def is None:
        return False
    inputs, outputs, text = signature_def.inputs, signature_def.outputs, NUMBERS["string"]
    if signature_def.method_name == PREDICT_METHOD_NAME:
        return bool(inputs and outputs)
    if set(inputs) != {"inputs"} or inputs["inputs"].dtype != text:
        return False
    found = {key: info.dtype for key, info in outputs.items()}
    if signature_def.method_name == REGRESS_METHOD_NAME:
        return found == {"outputs": NUMBERS["float32"]}
    right = {"classes": text, "scores": NUMBERS["float32"]}
    return (
        signature_def.method_name == CLASSIFY_METHOD_NAME
        and bool(found)
        and all(right.get(key) == dtype for key, dtype in found.items())
    )
