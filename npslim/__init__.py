"""npslim: TF-Slim without TensorFlow.

`import npslim as slim` gives slim's names (arg_scope, layers, losses, metrics, learning, evaluation, nets) and, since
there is no TensorFlow beside it, the words that every program needs to define and run a graph.
"""

import typing as _typing

from npslim import layers
from npslim.autograd import check_gradients, gradients
from npslim.convert import constant_value, convert_to_tensor
from npslim.defaults import get_default_session
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
    add_to_collection,
    add_to_collections,
    colocate_with,
    control_dependencies,
    device,
    get_collection,
    get_collection_ref,
    get_default_graph,
    reset_default_graph,
    set_random_seed,
)
from npslim.graph_keys import GraphKeys
from npslim.indexed_slices import IndexedSlices
from npslim.initializers import (
    constant_initializer,
    glorot_normal_initializer,
    glorot_uniform_initializer,
    identity_initializer,
    ones_initializer,
    orthogonal_initializer,
    random_normal_initializer,
    random_uniform_initializer,
    truncated_normal_initializer,
    variance_scaling_initializer,
    xavier_initializer,
    xavier_initializer_conv2d,
    zeros_initializer,
)
from npslim.later import names_later as _names_later
from npslim.layers import (
    GDN,
    RevBlock,
    apply_regularization,
    avg_pool2d,
    avg_pool3d,
    batch_norm,
    bias_add,
    bucketize,
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
    dense_to_sparse,
    dropout,
    embed_sequence,
    flatten,
    fully_connected,
    gdn,
    group_norm,
    images_to_sequence,
    instance_norm,
    l1_l2_regularizer,
    l1_regularizer,
    l2_regularizer,
    layer_norm,
    legacy_fully_connected,
    legacy_linear,
    legacy_relu,
    linear,
    max_pool2d,
    max_pool3d,
    maxout,
    one_hot_encoding,
    poincare_normalize,
    pool,
    recompute_grad,
    repeat,
    rev_block,
    safe_embedding_lookup_sparse,
    scale_gradient,
    separable_conv2d,
    separable_convolution2d,
    sequence_to_images,
    softmax,
    spatial_softmax,
    stack,
    sum_regularizer,
    unit_norm,
    utils,
)
from npslim.moving_averages import ExponentialMovingAverage
from npslim.op import op
from npslim.ops.activation import elu, leaky_relu, relu, relu6, selu, sigmoid, softplus, softsign
from npslim.ops.arrange import reverse, reverse_sequence, tile
from npslim.ops.cond import case, cond
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
from npslim.ops.indexing import boolean_mask, gather, gather_nd, scatter_nd, where
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
)
from npslim.ops.normalize import l2_normalize, local_response_normalization, moments
from npslim.ops.padding import pad
from npslim.ops.random import multinomial, random_normal, random_shuffle, random_uniform, truncated_normal
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
from npslim.ops.while_loop import while_loop
from npslim.profiler import profile
from npslim.registry import ABOVE as _ABOVE
from npslim.registry import REGISTRY
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
from npslim.shown import VIEWS as _VIEWS
from npslim.spec import Dimension, TensorShape
from npslim.tensor import Node, Tensor
from npslim.variables import (
    Variable,
    VariableDeviceChooser,
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

# What a program asks for later is imported then: {module: names}; without names, the module itself.
_MODULES = (
    "data data.data_decoder data.data_provider data.dataset data.dataset_data_provider data.parallel_reader "
    "data.prefetch_queue data.tfexample_decoder doctor evaluation image learning losses metrics nets "
    "preprocessing queues rnn_cell show summaries training"
).split()
_LATER = {
    **{f"npslim.{module}": "" for module in _MODULES},
    "npslim.checkpoint": "Saver assign_from_checkpoint assign_from_checkpoint_fn latest_checkpoint",
    "npslim.functional": "foldl foldr map_fn scan",
    "npslim.layers.optimize": "OPTIMIZER_CLS_NAMES OPTIMIZER_SUMMARIES adaptive_clipping_fn optimize_loss",
    "npslim.layers.summaries": (
        "summarize_activation summarize_activations summarize_biases summarize_collection "
        "summarize_tensor summarize_tensors summarize_variables summarize_weights"
    ),
    "npslim.model_analyzer": "summary",
    "npslim.ops.norm": "clip_by_average_norm clip_by_global_norm clip_by_norm global_norm",
    "npslim.ops.quotients": "mod",
    "npslim.ops.ranking": "in_top_k top_k",
    "npslim.ops.special": "erf",
    "npslim.optimizers": (
        "AdadeltaOptimizer AdagradDAOptimizer AdagradOptimizer AdamOptimizer FtrlOptimizer "
        "GradientDescentOptimizer MomentumOptimizer MovingAverageOptimizer Optimizer ProximalAdagradOptimizer "
        "ProximalGradientDescentOptimizer RMSPropOptimizer"
    ),
    "npslim.rnn": "bidirectional_dynamic_rnn dynamic_rnn static_bidirectional_rnn static_rnn",
    "npslim.schedules": (
        "cosine_decay cosine_decay_restarts exponential_decay inverse_time_decay linear_cosine_decay "
        "natural_exp_decay noisy_linear_cosine_decay piecewise_constant polynomial_decay"
    ),
}

if _typing.TYPE_CHECKING:
    from npslim import (
        data,
        doctor,
        evaluation,
        image,
        learning,
        losses,
        metrics,
        model_analyzer,
        nets,
        preprocessing,
        queues,
        rnn_cell,
        show,
        summaries,
        training,
    )
    from npslim.checkpoint import Saver, assign_from_checkpoint, assign_from_checkpoint_fn, latest_checkpoint
    from npslim.data import (
        data_decoder,
        data_provider,
        dataset,
        dataset_data_provider,
        parallel_reader,
        prefetch_queue,
        tfexample_decoder,
    )
    from npslim.functional import foldl, foldr, map_fn, scan
    from npslim.layers import (
        OPTIMIZER_CLS_NAMES,
        OPTIMIZER_SUMMARIES,
        adaptive_clipping_fn,
        optimize_loss,
        summarize_activation,
        summarize_activations,
        summarize_biases,
        summarize_collection,
        summarize_tensor,
        summarize_tensors,
        summarize_variables,
        summarize_weights,
    )
    from npslim.model_analyzer import summary
    from npslim.ops.norm import clip_by_average_norm, clip_by_global_norm, clip_by_norm, global_norm
    from npslim.ops.quotients import mod
    from npslim.ops.ranking import in_top_k, top_k
    from npslim.ops.special import erf
    from npslim.optimizers import (
        AdadeltaOptimizer,
        AdagradDAOptimizer,
        AdagradOptimizer,
        AdamOptimizer,
        FtrlOptimizer,
        GradientDescentOptimizer,
        MomentumOptimizer,
        MovingAverageOptimizer,
        Optimizer,
        ProximalAdagradOptimizer,
        ProximalGradientDescentOptimizer,
        RMSPropOptimizer,
    )
    from npslim.rnn import bidirectional_dynamic_rnn, dynamic_rnn, static_bidirectional_rnn, static_rnn
    from npslim.schedules import (
        cosine_decay,
        cosine_decay_restarts,
        exponential_decay,
        inverse_time_decay,
        linear_cosine_decay,
        natural_exp_decay,
        noisy_linear_cosine_decay,
        piecewise_constant,
        polynomial_decay,
    )
else:
    __getattr__, __dir__ = _names_later(__name__, _LATER)

# Tables of modules below that modules above add to.
REGISTRY.later.append("npslim.metrics.curves")
_ABOVE.later.append("npslim.tf_summary")
_VIEWS.append("npslim.show.views")

__all__ = [
    "AUTO_REUSE", "AdadeltaOptimizer", "AdagradDAOptimizer", "AdagradOptimizer", "AdamOptimizer", "Assert",
    "Dimension", "ExponentialMovingAverage", "FtrlOptimizer", "GDN", "GradientDescentOptimizer", "Graph",
    "GraphKeys", "IndexedSlices", "InteractiveSession", "MomentumOptimizer", "MovingAverageOptimizer", "Node",
    "OPTIMIZER_CLS_NAMES", "OPTIMIZER_SUMMARIES", "Optimizer", "Print", "ProximalAdagradOptimizer",
    "ProximalGradientDescentOptimizer", "REGISTRY", "RMSPropOptimizer", "RevBlock", "Saver", "Session",
    "Tensor", "TensorShape", "Variable", "VariableDeviceChooser", "VariableScope", "abs",
    "adaptive_clipping_fn", "add", "add_arg_scope", "add_model_variable", "add_n", "add_to_collection",
    "add_to_collections", "apply_regularization", "arg_scope", "arg_scope_func_key", "arg_scoped_arguments",
    "argmax", "argmin", "as_dtype", "assert_global_step", "assert_or_get_global_step", "assign", "assign_add",
    "assign_from_checkpoint", "assign_from_checkpoint_fn", "assign_from_values", "assign_from_values_fn",
    "assign_sub", "avg_pool2d", "avg_pool3d", "batch_norm", "bias_add", "bidirectional_dynamic_rnn", "bool",
    "boolean_mask", "bucketize", "case", "cast", "ceil", "check_gradients", "check_numerics",
    "clip_by_average_norm", "clip_by_global_norm", "clip_by_norm", "clip_by_value", "colocate_with",
    "complex128", "complex64", "concat", "cond", "constant", "constant_initializer", "constant_value",
    "control_dependencies", "conv1d", "conv2d", "conv2d_in_plane", "conv2d_transpose", "conv3d",
    "conv3d_transpose", "convert_to_tensor", "convolution", "convolution1d", "convolution2d",
    "convolution2d_in_plane", "convolution2d_transpose", "convolution3d", "convolution3d_transpose", "cos",
    "cosh", "cosine_decay", "cosine_decay_restarts", "count_nonzero", "create_global_step", "cumsum",
    "current_arg_scope", "data", "data_decoder", "data_provider", "dataset", "dataset_data_provider",
    "dense_to_sparse", "device", "divide", "doctor", "dropout", "dynamic_rnn", "elu", "embed_sequence", "equal",
    "erf", "evaluation", "exp", "expand_dims", "expm1", "exponential_decay", "eye", "fill", "filter_variables",
    "flatten", "float16", "float32", "float64", "floor", "foldl", "foldr", "fully_connected", "gather",
    "gather_nd", "gdn", "get_collection", "get_collection_ref", "get_default_graph", "get_default_session",
    "get_global_step", "get_local_variables", "get_model_variables", "get_or_create_global_step",
    "get_trainable_variables", "get_unique_variable", "get_variable", "get_variable_full_name",
    "get_variable_scope", "get_variables", "get_variables_by_name", "get_variables_by_suffix",
    "get_variables_to_restore", "global_norm", "global_variable", "global_variables",
    "global_variables_initializer", "glorot_normal_initializer", "glorot_uniform_initializer", "gradients",
    "greater", "greater_equal", "group", "group_norm", "has_arg_scope", "identity", "identity_initializer", "image",
    "images_to_sequence", "in_top_k", "instance_norm", "int16", "int32", "int64", "int8", "inverse_time_decay",
    "is_finite", "is_inf", "is_nan", "l1_l2_regularizer", "l1_regularizer", "l2_loss", "l2_normalize",
    "l2_regularizer", "latest_checkpoint", "layer_norm", "layers", "leaky_relu", "learning",
    "legacy_fully_connected", "legacy_linear", "legacy_relu", "less", "less_equal", "linear",
    "linear_cosine_decay", "linspace", "local_response_normalization", "local_variable", "local_variables",
    "local_variables_initializer", "log", "log1p", "log_softmax", "logical_and", "logical_not", "logical_or",
    "logical_xor", "losses", "map_fn", "matmul", "max_pool2d", "max_pool3d", "maximum", "maxout", "metrics",
    "minimum", "mod", "model_analyzer", "model_variable", "model_variables", "moments", "multinomial",
    "multiply", "name_scope", "natural_exp_decay", "negative", "nets", "no_op", "noisy_linear_cosine_decay",
    "not_equal", "one_hot", "one_hot_encoding", "ones", "ones_initializer", "ones_like", "op", "optimize_loss",
    "orthogonal_initializer", "pad", "parallel_reader", "piecewise_constant", "placeholder",
    "placeholder_with_default", "poincare_normalize", "polynomial_decay", "pool", "pow", "prefetch_queue",
    "preprocessing", "profile", "py_func", "queues", "random_normal", "random_normal_initializer", "random_shuffle",
    "random_uniform",
    "random_uniform_initializer", "range", "rank", "reciprocal", "recompute_grad", "reduce_all", "reduce_any",
    "reduce_logsumexp", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "relu", "relu6",
    "repeat", "report_uninitialized_variables", "reset_default_graph", "reshape", "rev_block", "reverse",
    "reverse_sequence", "rnn_cell", "round", "rsqrt", "safe_embedding_lookup_sparse", "scale_gradient", "scan",
    "scatter_add", "scatter_nd", "scatter_sub", "scatter_update", "segment_max", "segment_mean", "segment_min",
    "segment_sum", "selu", "separable_conv2d", "separable_convolution2d", "sequence_to_images",
    "set_random_seed", "shape", "show", "sigmoid", "sigmoid_cross_entropy_with_logits", "sign", "sin", "sinh", "size",
    "slice", "softmax", "softmax_cross_entropy_with_logits", "softplus", "softsign",
    "sparse_softmax_cross_entropy_with_logits", "spatial_softmax", "split", "sqrt", "square",
    "squared_difference", "squeeze", "stack", "static_bidirectional_rnn", "static_rnn", "stop_gradient",
    "strided_slice", "string", "subtract", "sum_regularizer", "summaries", "summarize_activation",
    "summarize_activations", "summarize_biases", "summarize_collection", "summarize_tensor",
    "summarize_tensors", "summarize_variables", "summarize_weights", "summary", "tan", "tanh", "tensordot",
    "tfexample_decoder", "tile", "top_k", "trainable_variables", "training", "transpose", "truediv",
    "truncated_normal", "truncated_normal_initializer", "tuple", "uint16", "uint32", "uint64", "uint8",
    "unique", "unit_norm", "unsorted_segment_max", "unsorted_segment_min", "unsorted_segment_sum", "unstack", "utils",
    "variable", "variable_scope", "variables_initializer", "variance_scaling_initializer", "where",
    "while_loop", "xavier_initializer", "xavier_initializer_conv2d", "zeros", "zeros_initializer", "zeros_like",
]  # fmt: skip
