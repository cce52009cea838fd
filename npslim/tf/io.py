"""`tf.io`."""

from npslim.data.tfrecord import TFRecordOptions, TFRecordWriter, tf_record_iterator
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
)
from npslim.tf import io_gfile as gfile
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
