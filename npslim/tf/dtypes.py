"""`tf.dtypes`."""

from npslim.dtypes import (
    DType,
    complex64,
    complex128,
    double,
    float16,
    float32,
    float64,
    half,
    int8,
    int16,
    int32,
    int64,
    string,
    uint8,
    uint16,
    uint32,
    uint64,
)
from npslim.dtypes import bool_ as bool
from npslim.ops.complex_numbers import complex
from npslim.ops.elementwise import saturate_cast
from npslim.tf.missing import reporter
from npslim.tf.renamed import as_dtype, as_string, cast

__getattr__ = reporter(__name__, lambda: globals())
