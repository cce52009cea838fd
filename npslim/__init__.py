"""npslim: TF-Slim without TensorFlow.

`import npslim as slim` gives slim's names (arg_scope, layers, losses, metrics, learning, evaluation, nets) and, since
there is no TensorFlow beside it, the words that every program needs to define and run a graph.
"""

from npslim import evaluation, layers, learning, losses, metrics, nets
from npslim.autograd import check_gradients, gradients
from npslim.checkpoint import Saver, latest_checkpoint
from npslim.dtypes import (
    as_dtype,
    complex64,
    complex128,
    float16,
    float32,
    float64,
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
from npslim.graph import (
    Graph,
    GraphKeys,
    IndexedSlices,
    Node,
    Tensor,
    add_to_collection,
    add_to_collections,
    colocate_with,
    control_dependencies,
    device,
    get_collection,
    get_collection_ref,
    get_default_graph,
    get_default_session,
    reset_default_graph,
    set_random_seed,
)
from npslim.initializers import (
    constant_initializer,
    glorot_normal_initializer,
    glorot_uniform_initializer,
    identity_initializer,
    ones_initializer,
    random_normal_initializer,
    random_uniform_initializer,
    truncated_normal_initializer,
    variance_scaling_initializer,
    xavier_initializer,
    xavier_initializer_conv2d,
    zeros_initializer,
)
from npslim.layers import (
    apply_regularization,
    avg_pool2d,
    avg_pool3d,
    batch_norm,
    bias_add,
    conv1d,
    conv2d,
    conv2d_in_plane,
    conv2d_transpose,
    conv3d,
    conv3d_transpose,
    convolution,
    convolution1d,
    convolution2d,
    convolution2d_in_plane,
    convolution2d_transpose,
    convolution3d,
    convolution3d_transpose,
    dropout,
    flatten,
    fully_connected,
    l1_l2_regularizer,
    l1_regularizer,
    l2_regularizer,
    layer_norm,
    max_pool2d,
    max_pool3d,
    one_hot_encoding,
    repeat,
    separable_conv2d,
    separable_convolution2d,
    softmax,
    stack,
    sum_regularizer,
    unit_norm,
)
from npslim.op import REGISTRY, constant_value, convert_to_tensor, op
from npslim.ops.activation import elu, leaky_relu, relu, relu6, selu, sigmoid, softplus, softsign
from npslim.ops.arrange import reverse, tile
from npslim.ops.control import case, cond, while_loop
from npslim.ops.counting import unique
from npslim.ops.create import constant, eye, fill, linspace, one_hot, ones, zeros
from npslim.ops.create import range_ as range
from npslim.ops.debug import Assert, Print, check_numerics, py_func
from npslim.ops.elementwise import (
    add,
    add_n,
    clip_by_value,
    divide,
    maximum,
    minimum,
    multiply,
    pow,
    squared_difference,
    subtract,
    truediv,
)
from npslim.ops.functions import (
    abs,
    ceil,
    exp,
    expm1,
    floor,
    log,
    log1p,
    negative,
    reciprocal,
    round,
    rsqrt,
    sign,
    sqrt,
    square,
)
from npslim.ops.indexing import boolean_mask, gather, gather_nd, scatter_nd
from npslim.ops.join import concat, split, unstack
from npslim.ops.linear import matmul, tensordot
from npslim.ops.logic import (
    cast,
    equal,
    greater,
    greater_equal,
    is_finite,
    is_inf,
    is_nan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    where,
)
from npslim.ops.norm import clip_by_average_norm, clip_by_global_norm, clip_by_norm, global_norm
from npslim.ops.normalize import l2_normalize, local_response_normalization, moments
from npslim.ops.padding import pad
from npslim.ops.quotients import mod
from npslim.ops.random import multinomial, random_normal, random_shuffle, random_uniform, truncated_normal
from npslim.ops.ranking import in_top_k, top_k
from npslim.ops.reduce import (
    argmax,
    argmin,
    count_nonzero,
    reduce_all,
    reduce_any,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
)
from npslim.ops.scan import cumsum
from npslim.ops.segment import (
    segment_max,
    segment_mean,
    segment_min,
    segment_sum,
    unsorted_segment_max,
    unsorted_segment_min,
    unsorted_segment_sum,
)
from npslim.ops.shape import (
    expand_dims,
    identity,
    ones_like,
    rank,
    reshape,
    shape,
    size,
    squeeze,
    stop_gradient,
    transpose,
    zeros_like,
)
from npslim.ops.slicing import slice_ as slice
from npslim.ops.slicing import strided_slice
from npslim.ops.softmax import (
    l2_loss,
    log_softmax,
    reduce_logsumexp,
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from npslim.ops.special import erf
from npslim.ops.state import (
    assign,
    assign_add,
    assign_sub,
    group,
    no_op,
    placeholder,
    placeholder_with_default,
    scatter_add,
    scatter_sub,
    scatter_update,
)
from npslim.ops.state import tuple_ as tuple
from npslim.ops.trigonometry import cos, cosh, sin, sinh, tan, tanh
from npslim.optimizers import AdamOptimizer, GradientDescentOptimizer, MomentumOptimizer, Optimizer
from npslim.scopes import (
    AUTO_REUSE,
    VariableScope,
    add_arg_scope,
    arg_scope,
    arg_scope_func_key,
    arg_scoped_arguments,
    current_arg_scope,
    get_variable_scope,
    has_arg_scope,
    name_scope,
    variable_scope,
)
from npslim.session import InteractiveSession, Session
from npslim.spec import Dimension, TensorShape
from npslim.variables import (
    Variable,
    add_model_variable,
    assert_global_step,
    assert_or_get_global_step,
    assign_from_values,
    assign_from_values_fn,
    create_global_step,
    filter_variables,
    get_global_step,
    get_local_variables,
    get_model_variables,
    get_or_create_global_step,
    get_trainable_variables,
    get_unique_variable,
    get_variable,
    get_variable_full_name,
    get_variables,
    get_variables_by_name,
    get_variables_by_suffix,
    get_variables_to_restore,
    global_variable,
    global_variables,
    global_variables_initializer,
    local_variable,
    local_variables,
    local_variables_initializer,
    model_variable,
    model_variables,
    report_uninitialized_variables,
    trainable_variables,
    variable,
    variables_initializer,
)

__all__ = [
    "AUTO_REUSE", "AdamOptimizer", "Assert", "Dimension", "GradientDescentOptimizer", "Graph", "GraphKeys",
    "IndexedSlices", "InteractiveSession", "MomentumOptimizer", "Node", "Optimizer", "Print", "REGISTRY", "Saver",
    "Session", "Tensor", "TensorShape", "Variable", "VariableScope", "abs", "add", "add_arg_scope",
    "add_model_variable", "add_n", "add_to_collection", "add_to_collections", "apply_regularization", "arg_scope",
    "arg_scope_func_key", "arg_scoped_arguments", "argmax", "argmin", "as_dtype", "assert_global_step",
    "assert_or_get_global_step", "assign", "assign_add", "assign_from_values", "assign_from_values_fn", "assign_sub",
    "avg_pool2d", "avg_pool3d", "batch_norm", "bias_add", "bool", "boolean_mask", "case", "cast", "ceil",
    "check_gradients", "check_numerics", "clip_by_average_norm", "clip_by_global_norm", "clip_by_norm",
    "clip_by_value", "colocate_with", "complex128", "complex64", "concat", "cond", "constant", "constant_initializer",
    "constant_value", "control_dependencies", "conv1d", "conv2d", "conv2d_in_plane", "conv2d_transpose", "conv3d",
    "conv3d_transpose", "convert_to_tensor", "convolution", "convolution1d", "convolution2d",
    "convolution2d_in_plane", "convolution2d_transpose", "convolution3d", "convolution3d_transpose", "cos", "cosh",
    "count_nonzero", "create_global_step", "cumsum", "current_arg_scope", "device", "divide", "dropout", "elu",
    "equal", "erf", "evaluation", "exp", "expand_dims", "expm1", "eye", "fill", "filter_variables", "flatten",
    "float16", "float32", "float64", "floor", "fully_connected", "gather", "gather_nd", "get_collection",
    "get_collection_ref", "get_default_graph", "get_default_session", "get_global_step", "get_local_variables",
    "get_model_variables", "get_or_create_global_step", "get_trainable_variables", "get_unique_variable",
    "get_variable", "get_variable_full_name", "get_variable_scope", "get_variables", "get_variables_by_name",
    "get_variables_by_suffix", "get_variables_to_restore", "global_norm", "global_variable", "global_variables",
    "global_variables_initializer", "glorot_normal_initializer", "glorot_uniform_initializer", "gradients", "greater",
    "greater_equal", "group", "has_arg_scope", "identity", "identity_initializer", "in_top_k", "int16", "int32",
    "int64", "int8", "is_finite", "is_inf", "is_nan", "l1_l2_regularizer", "l1_regularizer", "l2_loss",
    "l2_normalize", "l2_regularizer", "latest_checkpoint", "layer_norm", "layers", "leaky_relu", "learning", "less",
    "less_equal", "linspace", "local_response_normalization", "local_variable", "local_variables",
    "local_variables_initializer", "log", "log1p", "log_softmax", "logical_and", "logical_not", "logical_or",
    "logical_xor", "losses", "matmul", "max_pool2d", "max_pool3d", "maximum", "metrics", "minimum", "mod",
    "model_variable", "model_variables", "moments", "multinomial", "multiply", "name_scope", "negative", "nets",
    "no_op", "not_equal", "one_hot", "one_hot_encoding", "ones", "ones_initializer", "ones_like", "op", "pad",
    "placeholder", "placeholder_with_default", "pow", "py_func", "random_normal", "random_normal_initializer",
    "random_shuffle", "random_uniform", "random_uniform_initializer", "range", "rank", "reciprocal", "reduce_all",
    "reduce_any", "reduce_logsumexp", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "relu",
    "relu6", "repeat", "report_uninitialized_variables", "reset_default_graph", "reshape", "reverse", "round",
    "rsqrt", "scatter_add", "scatter_nd", "scatter_sub", "scatter_update", "segment_max", "segment_mean",
    "segment_min", "segment_sum", "selu", "separable_conv2d", "separable_convolution2d", "set_random_seed", "shape",
    "sigmoid", "sigmoid_cross_entropy_with_logits", "sign", "sin", "sinh", "size", "slice", "softmax",
    "softmax_cross_entropy_with_logits", "softplus", "softsign", "sparse_softmax_cross_entropy_with_logits", "split",
    "sqrt", "square", "squared_difference", "squeeze", "stack", "stop_gradient", "strided_slice", "string",
    "subtract", "sum_regularizer", "tan", "tanh", "tensordot", "tile", "top_k", "trainable_variables", "transpose",
    "truediv", "truncated_normal", "truncated_normal_initializer", "tuple", "uint16", "uint32", "uint64", "uint8",
    "unique", "unit_norm", "unsorted_segment_max", "unsorted_segment_min", "unsorted_segment_sum", "unstack",
    "variable", "variable_scope", "variables_initializer", "variance_scaling_initializer", "where", "while_loop",
    "xavier_initializer", "xavier_initializer_conv2d", "zeros", "zeros_initializer", "zeros_like",
]  # fmt: skip
