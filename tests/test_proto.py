"""Messages: bytes worked out by hand from the wire format's description, and files that TensorFlow wrote."""

import copy
from pathlib import Path

import numpy as np
import pytest

from npslim import errors
from npslim.graph_def import messages
from npslim.graph_def.messages import AttrValue, GraphDef, NodeDef, TensorProto, TensorShapeProto
from npslim.graph_def.tensors import make_ndarray, make_tensor_proto

GOLDEN = Path(__file__).parent / "golden" / "graph_def"
BY_HAND = [
    (NodeDef(name="a", op="NoOp"), b"\x0a\x01a\x12\x04NoOp"),
    (NodeDef(input=["x", "^y"]), b"\x1a\x01x\x1a\x02^y"),
    (NodeDef(attr={"k": AttrValue(i=3)}), b"\x2a\x07\x0a\x01k\x12\x02\x18\x03"),
    (AttrValue(i=0), b"\x18\x00"),
    (AttrValue(i=-1), b"\x18" + b"\xff" * 9 + b"\x01"),
    (AttrValue(f=1.0), b"\x25\x00\x00\x80\x3f"),
    (AttrValue(b=False), b"\x28\x00"),
    (AttrValue(list=AttrValue.ListValue(i=[1, 300])), b"\x0a\x05\x1a\x03\x01\xac\x02"),
    (AttrValue(list=AttrValue.ListValue()), b"\x0a\x00"),
    (TensorShapeProto(unknown_rank=True), b"\x18\x01"),
    (TensorShapeProto(dim=[TensorShapeProto.Dim(size=5)]), b"\x12\x02\x08\x05"),
    (TensorProto(double_val=[2.0]), b"\x32\x08" + b"\x00" * 7 + b"\x40"),
    (TensorProto(dtype=0), b""),
]


@pytest.mark.parametrize("message, data", BY_HAND, ids=range(len(BY_HAND)))
def test_bytes(message, data):
    assert message.SerializeToString() == data
    assert type(message).FromString(data) == message
    assert message.ByteSize() == len(data)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.pb")), ids=lambda path: path.stem)
def test_a_file_of_tensorflow_survives(path):
    data = path.read_bytes()
    graph = GraphDef.FromString(data)
    again = graph.SerializeToString()
    assert len(again) == len(data) and GraphDef.FromString(again) == graph


def test_numbers_in_packed_and_single_form():
    assert list(TensorProto.FromString(b"\x38\x01\x38\x02").int_val) == [1, 2]
    assert list(TensorProto.FromString(b"\x3a\x02\x01\x02").int_val) == [1, 2]


def test_unknown_fields_are_kept():
    data = b"\x0a\x01a\xf8\x01\x07\xfa\x01\x02hi\xfd\x01abcd"
    node = NodeDef.FromString(data)
    assert node.name == "a" and node.SerializeToString() == data
    assert copy.deepcopy(node).SerializeToString() == data


def test_a_oneof_holds_one():
    attr = AttrValue(i=3)
    attr.s = b"x"
    assert attr.WhichOneof("value") == "s" and not attr.HasField("i") and attr.i == 0
    attr.list.i.append(1)  # reaches its parent, which held nothing of the kind
    assert attr.WhichOneof("value") == "list" and attr.s == b""


def test_as_old_programs_build_a_graph():
    graph = GraphDef()
    graph.versions.producer = 27
    node = graph.node.add()
    node.name, node.op = "x", "Placeholder"
    node.attr["dtype"].type = 1
    node.attr["shape"].shape.dim.add(size=-1)
    graph.node.extend([NodeDef(name="y", op="Identity", input=["x"])])
    graph.node[1].attr["T"].CopyFrom(AttrValue(type=1))
    read = GraphDef.FromString(graph.SerializeToString())
    assert read == graph and read.versions.producer == 27
    assert [n.name for n in read.node] == ["x", "y"] and read.node[0].attr["shape"].shape.dim[0].size == -1
    del graph.node[:]
    assert not graph.node
    graph.MergeFrom(read)
    graph.MergeFrom(read)
    assert len(graph.node) == 4
    with pytest.raises(TypeError, match="same type"):
        graph.CopyFrom(node)


def test_a_copy_is_its_own():
    node = NodeDef(name="a", attr={"k": AttrValue(i=3)})
    graph = GraphDef(node=[node])
    node.attr["k"].i = 4
    node.name = "b"
    assert graph.node[0].attr["k"].i == 3 and graph.node[0].name == "a"


@pytest.mark.parametrize(
    "assign, error",
    [
        (lambda node: setattr(node, "name", 3), TypeError),
        (lambda node: setattr(node, "nmae", "x"), AttributeError),
        (lambda node: setattr(node, "input", ["x"]), AttributeError),
        (lambda node: node.attr.__setitem__("k", AttrValue()), ValueError),
        (lambda node: setattr(node.attr["k"], "i", 2**63), ValueError),
        (lambda node: node.attr["k"].list.i.append("x"), TypeError),
        (lambda node: NodeDef(names="x"), ValueError),
        (lambda node: node.HasField("name"), ValueError),
    ],
)
def test_misuse_is_refused(assign, error):
    with pytest.raises(error):
        assign(NodeDef())


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\x05a", b"\x0a", b"\x0a" + b"\xff" * 11, b"\x08\x01", b"\x0a\x01\xff", b"\x0b",
        b"\x00\x01", b"\x2a\x05\x0a\x01k\x12\x02", b"\x2a\x01\x0a", b"\x2d\x00\x00\x00\x00",
    ],
)  # fmt: skip
def test_damage_is_told(data):
    with pytest.raises(errors.DataLossError):
        NodeDef.FromString(data)


def test_nesting_has_an_end():
    data = b""
    for _ in range(300):
        data = (
            messages.NameAttrList(name="f").SerializeToString()
            + b"\x12"
            + _counted(b"\x12" + _counted(b"\x52" + _counted(data)))
        )
    with pytest.raises(errors.DataLossError, match="nested"):
        messages.NameAttrList.FromString(data)


def _counted(data):
    size, prefix = len(data), bytearray()
    while size > 127:
        prefix.append(size & 127 | 128)
        size >>= 7
    return bytes(prefix) + bytes([size]) + data


# ---- tensors

DTYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 complex128".split()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3)])
def test_arrays_come_back(dtype, shape):
    array = (np.arange(np.prod(shape)) * (1 + (2j if "complex" in dtype else 0))).reshape(shape).astype(dtype)
    proto = TensorProto.FromString(make_tensor_proto(array).SerializeToString())
    found = make_ndarray(proto)
    assert found.dtype == array.dtype and found.shape == shape and np.array_equal(found, array)


def test_strings_come_back():
    proto = make_tensor_proto([b"a", b"\xff"])
    assert list(proto.string_val) == [b"a", b"\xff"] and make_ndarray(proto).tolist() == [b"a", b"\xff"]


@pytest.mark.parametrize(
    "proto, values",
    [
        (TensorProto(dtype=1, float_val=[2.5]), [2.5, 2.5, 2.5, 2.5]),
        (TensorProto(dtype=1, float_val=[1, 2]), [1, 2, 2, 2]),
        (TensorProto(dtype=1), [0, 0, 0, 0]),
        (TensorProto(dtype=19, half_val=[0x3C00, 0xC000]), [1, -2, -2, -2]),
        (TensorProto(dtype=14, half_val=[0x3F80, 0x4049]), [1, 3.140625, 3.140625, 3.140625]),
        (TensorProto(dtype=14, tensor_content=b"\x80\x3f\x00\x00\x49\x40\x80\x7f"), [1, 0, 3.140625, np.inf]),
        (TensorProto(dtype=10, bool_val=[True]), [True] * 4),
        (TensorProto(dtype=4, int_val=[255]), [255] * 4),
        (TensorProto(dtype=23, uint64_val=[2**64 - 1]), [2**64 - 1] * 4),
        (TensorProto(dtype=8, scomplex_val=[1, 2]), [1 + 2j] * 4),
        (TensorProto(dtype=7), [b""] * 4),
    ],
)
def test_short_lists_are_filled_up(proto, values):
    proto.tensor_shape.dim.add(size=2)
    proto.tensor_shape.dim.add(size=2)
    assert make_ndarray(proto).ravel().tolist() == values


@pytest.mark.parametrize(
    "proto",
    [
        TensorProto(dtype=1, float_val=[1, 2]), TensorProto(dtype=1, tensor_content=b"abc"),
        TensorProto(dtype=10, tensor_content=b"\x02"), TensorProto(dtype=8, scomplex_val=[1]),
        TensorProto(dtype=1, tensor_shape=TensorShapeProto(unknown_rank=True)),
        TensorProto(dtype=1, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=2**40)])),
        TensorProto(dtype=1, tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=-2)])),
        TensorProto(dtype=7, tensor_content=b"a"),
    ],
)  # fmt: skip
def test_damaged_tensors_are_told(proto):
    with pytest.raises(errors.DataLossError):
        make_ndarray(proto)


def test_a_dtype_that_numpy_lacks_is_named():
    with pytest.raises(errors.UnimplementedError, match="qint8"):
        make_ndarray(TensorProto(dtype=11))
