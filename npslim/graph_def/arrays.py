"""Converters for the ops that compute with numbers and move them: arithmetic, shapes, slices, reductions.

before: source.py   next: network.py
"""

from npslim.errors import UnimplementedError
from npslim.graph_def.source import direct, imports
from npslim.op import constant
from npslim.ops import (
    arrange,
    blocks,
    counting,
    create,
    elementwise,
    indexing,
    join,
    linear,
    logic,
    padding,
    quotients,
    ranking,
    reduce,
    scan,
    shape,
    sizes,
    slicing,
    state,
)

direct(
    Neg="negative", Abs="abs", Sign="sign", Square="square", Reciprocal="reciprocal", Inv="reciprocal", Sqrt="sqrt",
    Rsqrt="rsqrt", Exp="exp", Expm1="expm1", Log="log", Log1p="log1p", Floor="floor", Ceil="ceil", Rint="rint",
    Round="round", Sin="sin", Cos="cos", Tan="tan", Asin="asin", Acos="acos", Atan="atan", Sinh="sinh", Cosh="cosh",
    Tanh="tanh", Asinh="asinh", Acosh="acosh", Atanh="atanh", Atan2="atan2", Erf="erf", Erfc="erfc", Lgamma="lgamma",
    Digamma="digamma", Polygamma="polygamma", Add="add", AddV2="add", Sub="subtract", Mul="multiply",
    MulNoNan="multiply_no_nan", RealDiv="realdiv", DivNoNan="divide_no_nan", Pow="pow", Maximum="maximum",
    Minimum="minimum", SquaredDifference="squared_difference", AddN="add_n", FloorDiv="floordiv", FloorMod="mod",
    TruncateDiv="truncatediv", TruncateMod="truncatemod", Mod="truncatemod", Equal="equal", NotEqual="not_equal",
    Less="less", LessEqual="less_equal", Greater="greater", GreaterEqual="greater_equal", LogicalAnd="logical_and",
    LogicalOr="logical_or", LogicalNot="logical_not", BitwiseAnd="bitwise_and", BitwiseOr="bitwise_or",
    BitwiseXor="bitwise_xor", Invert="invert", IsFinite="is_finite", IsInf="is_inf", IsNan="is_nan", Select="where",
    SelectV2="where_v2", Where="where_true", ZerosLike="zeros_like", OnesLike="ones_like", Rank="rank",
    StopGradient="stop_gradient", PreventGradient="identity", Tile="tile", GatherNd="gather_nd", ScatterNd="scatter_nd",
    UnsortedSegmentSum="unsorted_segment_sum", UnsortedSegmentMax="unsorted_segment_max",
    UnsortedSegmentMin="unsorted_segment_min", Reshape="reshape", Diag="diag", DiagPart="diag_part",
    MatrixDiag="matrix_diag", MatrixDiagPart="matrix_diag_part", IdentityN="identity_n", Snapshot="identity",
    InvertPermutation="invert_permutation", BroadcastGradientArgs="broadcast_gradient_args",
    BroadcastArgs="broadcast_args", DynamicStitch="dynamic_stitch", ParallelDynamicStitch="dynamic_stitch",
    Slice="slice", Range="range_of",
)  # fmt: skip


@imports("Const")
def _(n):
    return constant(value=n.array("value"), name=n.name)


@imports("Identity", "DebugGradientIdentity")
def _(n):
    return state.read(n.ref(0), name=n.name) if n.is_ref(0) else shape.identity(n.input(0), name=n.name)


@imports("Div")
def _(n):
    whole = n.input(0).spec.dtype.kind in "iu"
    return (quotients.truncatediv if whole else elementwise.realdiv)(*n.inputs, name=n.name)


@imports("Cast")
def _(n):
    return logic.cast_(n.input(0), dtype=n.dtype("DstT"), name=n.name)


@imports("ClipByValue")
def _(n):
    with n.scope():
        below = elementwise.minimum(n.input(0), n.input(2))
    return elementwise.maximum(below, n.input(1), name=n.name)


# ---- shapes


@imports("Shape")
def _(n):
    return shape.shape(n.input(0), out_type=n.dtype("out_type", 3), name=n.name)


@imports("ShapeN")
def _(n):
    return shape.shape_n(*n.inputs, out_type=n.dtype("out_type", 3), name=n.name)


@imports("Size")
def _(n):
    return shape.size(n.input(0), out_type=n.dtype("out_type", 3), name=n.name)


@imports("Transpose")
def _(n):
    return shape.transpose(n.input(0), perm=n.numbers(1), name=n.name)


@imports("ConjugateTranspose")
def _(n):
    return shape.transpose(n.input(0), perm=n.numbers(1), conjugate=True, name=n.name)


@imports("ExpandDims")
def _(n):
    return shape.expand_dims(n.input(0), axis=_scalar(n.numbers(1)), name=n.name)


def _scalar(number):
    return number[0] if isinstance(number, tuple) and len(number) == 1 else number


@imports("Squeeze")
def _(n):
    return shape.squeeze(n.input(0), axis=n.integers("squeeze_dims", ()) or None, name=n.name)


@imports("BroadcastTo")
def _(n):
    return logic.broadcast_like(n.input(0), n.like(1), name=n.name)


@imports("SpaceToBatchND")
def _(n):
    return blocks.space_to_batch_nd(n.input(0), n.input(1), n.input(2), name=n.name)


@imports("BatchToSpaceND")
def _(n):
    return blocks.batch_to_space_nd(n.input(0), n.input(1), n.input(2), name=n.name)


def _tuple(numbers):
    return numbers if isinstance(numbers, tuple) else (numbers,)


@imports("SpaceToDepth")
def _(n):
    n.only("data_format", "s", b"NHWC")
    return blocks.space_to_depth(n.input(0), block_size=n.integer("block_size"), name=n.name)


@imports("DepthToSpace")
def _(n):
    n.only("data_format", "s", b"NHWC")
    return blocks.depth_to_space(n.input(0), block_size=n.integer("block_size"), name=n.name)


# ---- joining and taking apart


@imports("ConcatV2")
def _(n):
    return join.concat(*n.inputs[:-1], axis=_scalar(n.numbers(-1)), name=n.name)


@imports("Concat")
def _(n):
    return join.concat(*n.inputs[1:], axis=_scalar(n.numbers(0)), name=n.name)


@imports("ConcatOffset")
def _(n):
    return sizes.concat_offset(*n.inputs[1:], axis=_scalar(n.numbers(0)), name=n.name)


@imports("Pack")
def _(n):
    return join.stack(*n.inputs, axis=n.integer("axis", 0), name=n.name)


@imports("Unpack")
def _(n):
    return join.unpack(n.input(0), num=n.integer("num"), axis=n.integer("axis", 0), name=n.name)


@imports("Split")
def _(n):
    return join.split_evenly(n.input(1), num=n.integer("num_split"), axis=_scalar(n.numbers(0)), name=n.name)


@imports("SplitV")
def _(n):
    num = n.integer("num_split")
    return join.split_by_sizes(n.input(0), n.input(1), num=num, axis=_scalar(n.numbers(2)), name=n.name)


# ---- slices and padding


def _key(n, begin, end, strides):
    """The index, as Python would write it, that three vectors and five masks mean."""
    parts = []
    for i in (begin, end, strides):
        value = n.input(i)
        known = value.spec.known
        whole = known is not None and known.dtype == value.spec.dtype
        parts.append(known.tolist() if whole else value)
    masks = [n.integer(f"{name}_mask", 0) for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")]
    return slicing.key_of(*parts, *masks)


@imports("StridedSlice")
def _(n):
    with n.scope():
        key = _key(n, 1, 2, 3)
    return slicing.get_item(n.input(0), key, name=n.name)


@imports("StridedSliceGrad")
def _(n):
    with n.scope():
        numbers, plan, missing = slicing.taken_apart(_key(n, 1, 2, 3))
        numbers = join.stack(*numbers)
    return slicing.strided_slice_grad(n.input(4), numbers, n.like(0), plan=plan, missing=missing, name=n.name)


@imports("Pad")
def _(n):
    return padding.pad_by(n.input(0), n.input(1), name=n.name)


@imports("PadV2")
def _(n):
    return padding.pad_by(n.input(0), n.input(1), value=n.known(2).item(), name=n.name)


@imports("MirrorPad")
def _(n):
    return padding.pad_by(n.input(0), n.input(1), mode=n.text("mode"), name=n.name)


@imports("ReverseV2")
def _(n):
    return arrange.reverse(n.input(0), axis=_tuple(n.numbers(1)), name=n.name)


# ---- making and choosing


@imports("Fill")
def _(n):
    return create.fill(*n.inputs, name=n.name)


@imports("LinSpace")
def _(n):
    with n.scope():
        numbers = create.linspace(*n.inputs)
    return shape.identity(numbers, name=n.name)


@imports("OneHot")
def _(n):
    on, off = n.known(2), n.known(3)
    return create.one_hot_of(
        n.input(0), n.input(1), on_value=on.item(), off_value=off.item(), axis=n.integer("axis", -1), dtype=on.dtype,
        name=n.name,
    )  # fmt: skip


@imports("Gather")
def _(n):
    n.ignore("validate_indices")
    return indexing.gather(*n.inputs, name=n.name)


@imports("GatherV2", "ResourceGather")
def _(n):
    n.ignore("validate_indices")
    n.only("batch_dims", "i", 0)
    axis = _scalar(n.numbers(2)) if len(n) > 2 else 0
    return indexing.gather(n.input(0), n.input(1), axis=axis, name=n.name)


@imports("MatrixDiagV3", "MatrixDiagPartV3")
def _(n):
    n.ignore("align")
    plain = {1: 0, 2: -1, 3: -1} if n.node_def.op == "MatrixDiagV3" else {1: 0}
    found = {i: n.numbers(i) for i in plain}
    if found != plain:
        raise UnimplementedError("npslim has the main diagonal alone.", expected=plain, got=found)
    return (linear.matrix_diag if len(plain) > 1 else linear.matrix_diag_part)(n.input(0), name=n.name)


@imports("Unique")
def _(n):
    return counting.unique(n.input(0), name=n.name)


# ---- reductions


def _reduction(made):
    def convert(n):
        keepdims = n.flag("keep_dims", False)
        axis = _tuple(n.numbers(1))
        return made(n.input(0), axis=axis, keepdims=keepdims, name=n.name)

    return convert


for _type, _made in {
    "Mean": reduce.reduce_mean, "Prod": reduce.reduce_prod, "Max": reduce.reduce_max, "Min": reduce.reduce_min,
    "Any": reduce.reduce_any, "All": reduce.reduce_all,
}.items():  # fmt: skip
    imports(_type)(_reduction(_made))


@imports("Sum")
def _(n):
    axis = n.input(1)
    if axis.spec.known is not None and axis.spec.known.dtype == axis.spec.dtype:
        return _reduction(reduce.reduce_sum)(n)
    return sizes.sum_over(n.input(0), axis, keepdims=n.flag("keep_dims", False), name=n.name)


@imports("ArgMax", "ArgMin")
def _(n):
    made = reduce.argmax if n.node_def.op == "ArgMax" else reduce.argmin
    axis = _scalar(n.numbers(1)) if len(n) > 1 else 0
    return made(n.input(0), axis=axis, output_type=n.dtype("output_type", 9), name=n.name)


@imports("Cumsum", "Cumprod")
def _(n):
    made = scan.cumsum if n.node_def.op == "Cumsum" else scan.cumprod
    exclusive, reverse = n.flag("exclusive", False), n.flag("reverse", False)
    return made(n.input(0), axis=_scalar(n.numbers(1)), exclusive=exclusive, reverse=reverse, name=n.name)


@imports("TopK", "TopKV2")
def _(n):
    k = n.integer("k") if n.node_def.op == "TopK" else n.numbers(1)
    n.ignore("index_type")
    return ranking.top_k_of(n.input(0), k=k, sorted=n.flag("sorted", True), name=n.name)


@imports("InTopK", "InTopKV2")
def _(n):
    k = n.integer("k") if n.node_def.op == "InTopK" else n.numbers(2)
    return ranking.in_top_k(n.input(0), n.input(1), k=k, name=n.name)


# ---- products


@imports("MatMul")
def _(n):
    a, b = n.flag("transpose_a", False), n.flag("transpose_b", False)
    return linear.matmul(*n.inputs, transpose_a=a, transpose_b=b, name=n.name)


@imports("BatchMatMul", "BatchMatMulV2")
def _(n):
    a, b = n.flag("adj_x", False), n.flag("adj_y", False)
    if (a or b) and n.input(0).spec.dtype.kind == "c":
        raise UnimplementedError(
            "npslim has no adjoint of complex matrices here.", expected="real numbers", got="complex"
        )
    return linear.matmul(*n.inputs, transpose_a=a, transpose_b=b, name=n.name)


@imports("Einsum")
def _(n):
    return linear.einsum(n.text("equation"), *n.inputs, name=n.name)
