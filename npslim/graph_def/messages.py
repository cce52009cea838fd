"""TensorFlow's messages of a graph: GraphDef, NodeDef, AttrValue, TensorProto, MetaGraphDef and their parts.

Each has the fields that describe a graph and its values; what else a file holds is kept and written again.
Source: the .proto files of TensorFlow's core/framework and core/protobuf (names and numbers of the fields).

before: ../proto.py   next: tensors.py
"""

from npslim.proto import Message
from npslim.proto_fields import fields_of


class Dim(Message):
    """The size of one dimension, -1 if not known, and perhaps its name."""

    FIELDS = fields_of("1 size int64", "2 name string")


class TensorShapeProto(Message):
    """A static shape: `dim`, or `unknown_rank`."""

    Dim = Dim
    FIELDS = fields_of("2 dim {}*", "3 unknown_rank bool", dim=Dim)


class TensorProto(Message):
    """An array: its elements are the bytes in `tensor_content`, or the numbers in the list for its dtype."""

    FIELDS = fields_of(
        "1 dtype int32", "2 tensor_shape {}", "3 version_number int32", "4 tensor_content bytes", "5 float_val float*",
        "6 double_val double*", "7 int_val int32*", "8 string_val bytes*", "9 scomplex_val float*",
        "10 int64_val int64*", "11 bool_val bool*", "12 dcomplex_val double*", "13 half_val int32*",
        "16 uint32_val int64*", "17 uint64_val uint64*", tensor_shape=TensorShapeProto,
    )  # fmt: skip


class NameAttrList(Message):
    """A function by its name, with attributes."""

    FIELDS = fields_of("1 name string", "2 attr map", attr=lambda: AttrValue())


class ListValue(Message):
    """The values of an attribute that is a list: one of the fields."""

    FIELDS = fields_of(
        "2 s bytes*", "3 i int64*", "4 f float*", "5 b bool*", "6 type int32*", "7 shape {}*", "8 tensor {}*",
        "9 func {}*", shape=TensorShapeProto, tensor=TensorProto, func=NameAttrList,
    )  # fmt: skip


class AttrValue(Message):
    """The value of an attribute: one of the fields."""

    ListValue = ListValue
    FIELDS = fields_of(
        "1 list {} value", "2 s bytes value", "3 i int64 value", "4 f float value", "5 b bool value",
        "6 type int32 value", "7 shape {} value", "8 tensor {} value", "9 placeholder string value", "10 func {} value",
        list=ListValue, shape=TensorShapeProto, tensor=TensorProto, func=NameAttrList,
    )  # fmt: skip


class NodeDef(Message):
    """A node: its name, its op, its inputs ("node", "node:1", or "^node" for a control input), its attributes."""

    FIELDS = fields_of(
        "1 name string", "2 op string", "3 input string*", "4 device string", "5 attr map", attr=AttrValue
    )  # fmt: skip


class VersionDef(Message):
    """Which version of the format a graph was written in, and which ones may read it."""

    FIELDS = fields_of("1 producer int32", "2 min_consumer int32", "3 bad_consumers int32*")


class FunctionDefLibrary(Message):
    """The functions that nodes call; kept, not looked into."""


class GraphDef(Message):
    """A graph: its nodes, in any order."""

    FIELDS = fields_of(
        "1 node {}*", "2 library {}", "3 version int32", "4 versions {}",
        node=NodeDef, library=FunctionDefLibrary, versions=VersionDef,
    )  # fmt: skip


# ---- a graph with what belongs to it


class NodeList(Message):
    """Members of a collection that are tensors or nodes, by name."""

    FIELDS = fields_of("1 value string*")


class BytesList(Message):
    """Members of a collection that are strings or messages."""

    FIELDS = fields_of("1 value bytes*")


class Int64List(Message):
    """Members of a collection that are whole numbers."""

    FIELDS = fields_of("1 value int64*")


class FloatList(Message):
    """Members of a collection that are numbers."""

    FIELDS = fields_of("1 value float*")


class Any(Message):
    """A message of any type, by the address of its type and its bytes."""

    FIELDS = fields_of("1 type_url string", "2 value bytes")


class AnyList(Message):
    """Members of a collection that are messages, with their types."""

    FIELDS = fields_of("1 value {}*", value=Any)


class CollectionDef(Message):
    """The members of a collection, in the list for their kind."""

    FIELDS = fields_of(
        "1 node_list {} kind", "2 bytes_list {} kind", "3 int64_list {} kind", "4 float_list {} kind",
        "5 any_list {} kind", node_list=NodeList, bytes_list=BytesList, int64_list=Int64List, float_list=FloatList,
        any_list=AnyList,
    )  # fmt: skip


class VariableDef(Message):
    """A variable, by the names of its nodes."""

    FIELDS = fields_of(
        "1 variable_name string", "2 initializer_name string", "3 snapshot_name string", "5 is_resource bool",
        "6 initial_value_name string", "7 trainable bool", "8 synchronization int32", "9 aggregation int32",
    )  # fmt: skip


class SaverDef(Message):
    """A Saver, by the names of its nodes."""

    LEGACY, V1, V2 = 0, 1, 2  # the formats of checkpoints
    FIELDS = fields_of(
        "1 filename_tensor_name string", "2 save_tensor_name string", "3 restore_op_name string", "4 max_to_keep int32",
        "5 sharded bool", "6 keep_checkpoint_every_n_hours float", "7 version int32",
    )  # fmt: skip


class CooSparse(Message):
    """A SparseTensor, by the names of its parts."""

    FIELDS = fields_of(
        "1 values_tensor_name string", "2 indices_tensor_name string", "3 dense_shape_tensor_name string"
    )  # fmt: skip


class TensorInfo(Message):
    """A tensor of a signature, or a SparseTensor."""

    CooSparse = CooSparse
    FIELDS = fields_of(
        "1 name string encoding", "2 dtype int32", "3 tensor_shape {}", "4 coo_sparse {} encoding",
        tensor_shape=TensorShapeProto, coo_sparse=CooSparse,
    )  # fmt: skip


class SignatureDef(Message):
    """Which tensors are the inputs and outputs of a use of the graph."""

    FIELDS = fields_of(
        "1 inputs map", "2 outputs map", "3 method_name string", "4 defaults map", inputs=TensorInfo,
        outputs=TensorInfo, defaults=TensorProto,
    )  # fmt: skip


class MetaInfoDef(Message):
    """Who wrote the graph, and what for."""

    FIELDS = fields_of(
        "1 meta_graph_version string", "4 tags string*", "5 tensorflow_version string",
        "6 tensorflow_git_version string", "7 stripped_default_attrs bool",
    )  # fmt: skip


class AssetFileDef(Message):
    """A file that a graph reads, and the tensor that holds its path."""

    FIELDS = fields_of("1 tensor_info {}", "2 filename string", tensor_info=TensorInfo)


class SavedObjectGraph(Message):
    """TensorFlow 2's objects; kept, not looked into."""


class MetaGraphDef(Message):
    """A graph with its Saver, collections, signatures and files."""

    MetaInfoDef = MetaInfoDef
    FIELDS = fields_of(
        "1 meta_info_def {}", "2 graph_def {}", "3 saver_def {}", "4 collection_def map", "5 signature_def map",
        "6 asset_file_def {}*", "7 object_graph_def {}", meta_info_def=MetaInfoDef, graph_def=GraphDef,
        saver_def=SaverDef, collection_def=CollectionDef, signature_def=SignatureDef, asset_file_def=AssetFileDef,
        object_graph_def=SavedObjectGraph,
    )  # fmt: skip


class SavedModel(Message):
    """Graphs with one set of variables: what a folder that TensorFlow exported holds."""

    FIELDS = fields_of("1 saved_model_schema_version int64", "2 meta_graphs {}*", meta_graphs=MetaGraphDef)
