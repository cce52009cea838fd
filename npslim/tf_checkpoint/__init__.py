"""TensorFlow's own checkpoints, read and written without TensorFlow. Both kinds are made of LevelDB's tables.

V2, a *bundle*, is an index and files of bytes, V1 is tables of values. In both, a partitioned variable is kept in
slices, each under a key that encodes name and extents.

The readers are used like `hdf5.Reader`. bfloat16, which NumPy does not have, is read as float32, exactly.
"""

from npslim.tf_checkpoint.bundle import INDEX, BundleReader, data_path, encode, prefix_of
from npslim.tf_checkpoint.common import slice_key
from npslim.tf_checkpoint.slices import SlicesReader, shards_of

__all__ = ["INDEX", "BundleReader", "SlicesReader", "data_path", "encode", "prefix_of", "shards_of", "slice_key"]
