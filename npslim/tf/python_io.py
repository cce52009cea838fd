"""`tf.python_io`: TFRecords read and written from Python."""

from npslim.data.tfrecord import TFRecordCompressionType, TFRecordOptions, TFRecordWriter, tf_record_iterator
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
