"""TensorFlow 1's names: `import npslim.tf as tf` in place of `import tensorflow as tf`.

Names only: each is npslim's own, or a function of `renamed.py` that passes its arguments on under npslim's names. What
is missing says so, with the nearest names. `install()` lets a program that imports tensorflow itself run unchanged.

before: everything that npslim has   next: python -m npslim run
"""

import importlib

import npslim as slim
from npslim import (
    AUTO_REUSE,
    Assert,
    Dimension,
    Graph,
    GraphKeys,
    IndexedSlices,
    InteractiveSession,
    Print,
    Session,
    Tensor,
    TensorShape,
    Variable,
    VariableScope,
    abs,
    add,
    add_n,
    add_to_collection,
    add_to_collections,
    assert_global_step,
    boolean_mask,
    case,
    ceil,
    clip_by_average_norm,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    colocate_with,
    complex64,
    cond,
    constant,
    constant_initializer,
    control_dependencies,
    cos,
    cosh,
    cumsum,
    device,
    divide,
    equal,
    erf,
    exp,
    expm1,
    eye,
    float16,
    float32,
    float64,
    floor,
    get_collection,
    get_collection_ref,
    get_default_graph,
    get_default_session,
    get_variable,
    get_variable_scope,
    global_norm,
    global_variables,
    global_variables_initializer,
    glorot_normal_initializer,
    glorot_uniform_initializer,
    greater,
    greater_equal,
    group,
    int16,
    int32,
    int64,
    is_finite,
    is_inf,
    is_nan,
    less,
    less_equal,
    local_variables,
    local_variables_initializer,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    mod,
    model_variables,
    multinomial,
    multiply,
    name_scope,
    negative,
    no_op,
    not_equal,
    one_hot,
    ones_initializer,
    orthogonal_initializer,
    pad,
    placeholder,
    placeholder_with_default,
    pow,
    py_func,
    random_normal,
    random_normal_initializer,
    random_uniform,
    random_uniform_initializer,
    range,
    reciprocal,
    report_uninitialized_variables,
    reset_default_graph,
    round,
    rsqrt,
    scatter_nd,
    segment_max,
    segment_mean,
    segment_min,
    segment_sum,
    set_random_seed,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    squared_difference,
    subtract,
    tan,
    tanh,
    tensordot,
    trainable_variables,
    truediv,
    truncated_normal,
    truncated_normal_initializer,
    tuple,
    uint8,
    uint16,
    unsorted_segment_max,
    unsorted_segment_min,
    unsorted_segment_sum,
    unstack,
    variable_scope,
    variables_initializer,
    where,
    while_loop,
    zeros_initializer,
)
from npslim.dtypes import (
    double,
    half,
    string,
)
from npslim.errors import (
    OpError,
)
from npslim.functional import foldl, foldr, map_fn, scan
from npslim.initializers import VarianceScaling as variance_scaling_initializer
from npslim.initializers import (
    uniform_unit_scaling_initializer,
)
from npslim.ops.activation import (
    log_sigmoid,
)
from npslim.ops.checks import (
    assert_equal,
    assert_greater,
    assert_greater_equal,
    assert_less,
    assert_less_equal,
    assert_negative,
    assert_non_negative,
    assert_non_positive,
    assert_none_equal,
    assert_positive,
    assert_rank,
    assert_rank_at_least,
    assert_type,
)
from npslim.ops.custom_gradient import (
    custom_gradient,
)
from npslim.ops.debug import (
    numpy_function,
)
from npslim.ops.elementwise import (
    accumulate_n,
    divide_no_nan,
    realdiv,
    saturate_cast,
)
from npslim.ops.files import (
    matching_files,
    read_file,
    write_file,
)
from npslim.ops.functions import (
    rint,
)
from npslim.ops.image_random import random_crop
from npslim.ops.linear import (
    diag,
    einsum,
    matrix_diag,
    trace,
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
from npslim.ops.quotients import (
    div,
    floordiv,
    floormod,
    truncatediv,
    truncatemod,
)
from npslim.ops.sparse import (
    SparseTensor,
    SparseTensorValue,
    sparse_fill_empty_rows,
    sparse_placeholder,
    sparse_reorder,
    sparse_reshape,
    sparse_retain,
    sparse_tensor_to_dense,
    sparse_to_dense,
)
from npslim.ops.special import (
    digamma,
    erfc,
    lgamma,
    polygamma,
)
from npslim.ops.state import (
    identity_n,
)
from npslim.ops.trigonometry import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
)
from npslim.queues.kinds import FIFOQueue, PaddingFIFOQueue, PriorityQueue, QueueBase, RandomShuffleQueue
from npslim.scopes import (
    variable_op_scope,
)
from npslim.tensor import Node as Operation
from npslim.tf.config import ConfigProto, GPUOptions, GraphOptions, OptimizerOptions, RunMetadata, RunOptions
from npslim.tf.install import install, uninstall
from npslim.tf.missing import reporter as _reporter
from npslim.tf.modes import (
    disable_eager_execution,
    disable_resource_variables,
    disable_v2_behavior,
    enable_resource_variables,
    executing_eagerly,
    init_scope,
    make_template,
    no_regularizer,
    resource_variables_enabled,
)
from npslim.tf.renamed import (
    add_check_numerics_ops,
    arg_max,
    arg_min,
    argmax,
    argmin,
    as_dtype,
    as_string,
    assign,
    assign_add,
    assign_sub,
    batch_to_space,
    batch_to_space_nd,
    bincount,
    cast,
    check_numerics,
    concat,
    confusion_matrix,
    convert_to_tensor,
    count_nonzero,
    count_up_to,
    cumprod,
    decode_base64,
    depth_to_space,
    diag_part,
    dynamic_stitch,
    encode_base64,
    expand_dims,
    fill,
    gather,
    gather_nd,
    get_local_variable,
    get_seed,
    get_static_value,
    gradients,
    identity,
    is_variable_initialized,
    linspace,
    make_tensor_proto,
    matmul,
    matrix_determinant,
    matrix_diag_part,
    matrix_inverse,
    matrix_transpose,
    meshgrid,
    norm,
    ones,
    ones_like,
    random_shuffle,
    rank,
    reduce_all,
    reduce_any,
    reduce_join,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
    reshape,
    reverse,
    scalar_mul,
    scatter_add,
    scatter_div,
    scatter_max,
    scatter_min,
    scatter_mul,
    scatter_sub,
    scatter_update,
    shape,
    size,
    slice,
    softplus,
    space_to_batch,
    space_to_batch_nd,
    space_to_depth,
    split,
    squeeze,
    stack,
    stop_gradient,
    strided_slice,
    string_split,
    string_strip,
    substr,
    tile,
    to_complex64,
    to_complex128,
    to_double,
    to_float,
    to_int32,
    to_int64,
    transpose,
    unique,
    unique_with_counts,
    verify_tensor_all_finite,
    where_v2,
    zeros,
    zeros_like,
)
from npslim.variables import (
    moving_average_variables,
)

__version__ = VERSION = "1.15.5"  # whose names these are
bool = slim.bool
newaxis = None

# Names of before TensorFlow 1.0, and of after 1.13 where both were used.
mul, sub, neg, pack, unpack, select = multiply, subtract, negative, stack, unstack, where
concat_v2, batch_matmul, reverse_v2, floor_div, lin_space = concat, matmul, reverse, floordiv, linspace
div_no_nan = divide_no_nan
all_variables, initialize_all_variables = global_variables, global_variables_initializer
initialize_local_variables, initialize_variables = local_variables_initializer, variables_initializer

_MODULES = set(
    """
    app bitwise compat contrib data debugging dtypes errors estimator flags gfile graph_util image initializers io
    layers linalg logging lookup losses manip math metrics nest nn python_io queue random resource_loader saved_model
    sparse strings summary test train
    """.split()
)

# Names that are looked up when they are first asked for: {module: names}, `name=here` where npslim calls it otherwise.
_ELSEWHERE = {
    "npslim.autograd.registered": "RegisterGradient",
    "npslim.data.readers":
        "FixedLengthRecordReader IdentityReader ReaderBase TFRecordReader TextLineReader WholeFileReader",
    "npslim.dtypes": "DType complex128 int8 uint32 uint64",
    "npslim.graph_def.importer": "import_graph_def",
    "npslim.graph_def.messages": "AttrValue GraphDef MetaGraphDef NodeDef",
    "npslim.graph_def.tensors": "make_ndarray",
    "npslim.lookup": "initialize_all_tables=tables_initializer tables_initializer",
    "npslim.ops.algebra": "matrix_solve",
    "npslim.ops.arrange": "reverse_sequence",
    "npslim.ops.checks": "assert_integer assert_near assert_rank_in assert_scalar",
    "npslim.ops.complex_numbers": "angle complex conj imag real",
    "npslim.ops.counting": "histogram_fixed_width histogram_fixed_width_bins setdiff1d",
    "npslim.ops.debug": "print=print_op",
    "npslim.ops.edit_distance": "edit_distance",
    "npslim.ops.rearrange":
        "argsort batch_gather broadcast_to dynamic_partition ensure_shape matrix_band_part roll sequence_mask sort",
    "npslim.ops.records": "decode_csv",
    "npslim.ops.sizes": "invert_permutation unravel_index",
    "npslim.ops.sparse_products": "sparse_tensor_dense_matmul sparse_to_indicator",
    "npslim.ops.strings": "regex_replace string_join string_to_hash_bucket_fast",
    "npslim.ops.tensor_array": "TensorArray",
    "npslim.partitioners":
        "fixed_size_partitioner min_max_variable_partitioner variable_axis_size_partitioner",
    "npslim.tf.config":
        "AggregationMethod DeviceSpec UnconnectedGradients VariableAggregation VariableSynchronization",
    "npslim.tf.modes":
        "NoGradient NotDifferentiable=NoGradient no_gradient=NoGradient op_scope",
    "npslim.tf.compat": "dimension_at_index dimension_value",
}  # fmt: skip
_SUMMARIES = {  # of before TensorFlow 1.0
    "scalar_summary": "scalar_summary", "histogram_summary": "histogram_summary", "image_summary": "image_summary",
    "audio_summary": "audio_summary", "merge_summary": "merge", "merge_all_summaries": "merge_all",
}  # fmt: skip


_PLACES = {
    name.partition("=")[0]: (module, name.partition("=")[2] or name)
    for module, names in _ELSEWHERE.items() for name in names.split()
}  # fmt: skip


def __getattr__(name):
    """Modules, and the names of `_ELSEWHERE`, when they are first asked for."""
    if name in _MODULES:
        return importlib.import_module(f"npslim.tf.{name}")
    if name in _PLACES:
        module, here = _PLACES[name]
        return getattr(importlib.import_module(module), here)
    if name in _SUMMARIES:
        return getattr(importlib.import_module("npslim.tf.summary"), _SUMMARIES[name])
    if name in ("Summary", "Event", "HistogramProto"):
        return getattr(importlib.import_module("npslim.tf.summary"), name)
    return _report(name)


def __dir__():
    return sorted({*globals(), *_MODULES, *_PLACES, *_SUMMARIES})


_report = _reporter(__name__, __dir__)
