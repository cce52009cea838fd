"""`tf.io`."""

from npslim.data.tfrecord import TFRecordOptions, TFRecordWriter, tf_record_iterator
from npslim.graph_def.export import write_graph
from npslim.graph_def.tensors import make_ndarray
from npslim.ops.files import matching_files, read_file, write_file
from npslim.ops.image_codec import (
    decode_bmp,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    encode_jpeg,
    encode_png,
)
from npslim.ops.parsing import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    VarLenFeature,
    decode_raw,
    parse_example,
    parse_single_example,
    parse_single_sequence_example,
    string_to_number,
)
from npslim.ops.records import decode_csv
from npslim.tf import io_gfile as gfile
from npslim.tf.missing import reporter
from npslim.tf.renamed import decode_base64, encode_base64, is_jpeg, make_tensor_proto

MakeNdarray = make_ndarray  # its name in tensor_util

__getattr__ = reporter(__name__, lambda: globals())
