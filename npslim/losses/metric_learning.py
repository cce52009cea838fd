"""Losses that learn distances: embeddings of one class are drawn together, others pushed apart.

They return their value and put it into no collection, as in TF-Slim.
"""

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import float32
from npslim.errors import InvalidArgumentError
from npslim.ops.create import range_
from npslim.ops.debug import Print
from npslim.ops.elementwise import add, maximum, multiply, truediv
from npslim.ops.functions import exp, log, sqrt, square
from npslim.ops.join import concat
from npslim.ops.linear import matmul
from npslim.ops.logic import cast, equal, greater, less_equal, logical_and, logical_not, where
from npslim.ops.reduce import reduce_any, reduce_max, reduce_mean, reduce_min, reduce_sum
from npslim.ops.shape import expand_dims, reshape, shape, transpose, zeros_like
from npslim.ops.softmax import softmax_cross_entropy_with_logits
from npslim.ops.sparse import SparseTensor, sparse_tensor_to_dense


def contrastive_loss(labels, embeddings_anchor, embeddings_positive, margin=1.0):
    """Pull pairs of one class together, push others to a distance of `margin` (Hadsell, Chopra & LeCun, 2006).

    labels: `[n]`, 1 where the pair is of one class, else 0. embeddings_*: `[n, dim]`. Returns a scalar, the mean of
    `labels * d ** 2 + (1 - labels) * max(margin - d, 0) ** 2`.
    """
    anchors, positives = as_tensor(embeddings_anchor), as_tensor(embeddings_positive)
    labels = cast(as_tensor(labels), dtype=anchors.spec.dtype)
    distances = sqrt(reduce_sum(square(anchors - positives), axis=1))
    of_pairs = labels * square(distances)
    of_others = (1.0 - labels) * square(maximum(margin - distances, 0.0))
    return reduce_mean(of_pairs + of_others, name="contrastive_loss")


def pairwise_distances(feature, squared=False):
    """The distances between all rows of `feature` `[n, dim]`: `[n, n]`, exact zeros on the diagonal."""
    feature = as_tensor(feature)
    lengths = reduce_sum(square(feature), axis=1, keepdims=True)
    squares = maximum(lengths + transpose(lengths) - 2.0 * matmul(feature, feature, transpose_b=True), 0.0)
    off_diagonal = 1.0 - _diagonal(squares)
    if squared:
        return squares * off_diagonal
    zero = less_equal(squares, zeros_like(squares))
    roots = sqrt(squares + cast(zero, dtype=squares.spec.dtype) * 1e-16)
    return roots * cast(logical_not(zero), dtype=squares.spec.dtype) * off_diagonal


def _diagonal(x):
    """The identity matrix of the size and dtype of `x`."""
    numbers = range_(shape(x)[0])
    return cast(equal(expand_dims(numbers, axis=1), numbers), dtype=x.spec.dtype)


def _same_class(labels):
    """Where two examples are of one class: `[n, n]` bool, from `[n]` or `[n, 1]`."""
    column = reshape(as_tensor(labels), [-1, 1])
    return equal(column, transpose(column))


def triplet_semihard_loss(labels, embeddings, margin=1.0):
    """For every pair of one class, the nearest negative that is farther than the pair, or else the farthest negative,
    has to be farther by `margin` (Schroff et al., 2015, FaceNet).

    labels: `[n]` or `[n, 1]` integers. embeddings: `[n, dim]`, of length 1 by rights. Returns a scalar: the mean over
    the pairs of `max(d(pair) - d(negative) + margin, 0)`, of squared distances.
    """
    distances = pairwise_distances(embeddings, squared=True)
    same = _same_class(labels)
    negative = cast(logical_not(same), dtype=distances.spec.dtype)
    # [i, j, k]: the pair of anchor i with j, against the candidate k
    of_pair, of_candidate = expand_dims(distances, axis=2), expand_dims(distances, axis=1)
    farther = logical_and(greater(of_candidate, of_pair), expand_dims(logical_not(same), axis=1))
    semihard = _masked_minimum(of_candidate + zeros_like(of_pair), cast(farther, dtype=distances.spec.dtype), 2)
    hardest = _masked_maximum(distances, negative, 1) + zeros_like(distances)
    chosen = where(reduce_any(farther, axis=2), semihard, hardest)
    positive = cast(same, dtype=distances.spec.dtype) - _diagonal(distances)
    terms = maximum((margin + distances - chosen) * positive, 0.0)
    return truediv(reduce_sum(terms), reduce_sum(positive), name="triplet_semihard_loss")


def _masked_minimum(x, mask, axis):
    """The least x along `axis` where `mask` is 1; the greatest of all where it is nowhere."""
    highest = reduce_max(x, axis=axis, keepdims=True)
    return reduce_min((x - highest) * mask, axis=axis) + reduce_max(x, axis=axis)


def _masked_maximum(x, mask, axis):
    """The greatest x along `axis` where `mask` is 1, with that axis of size 1."""
    lowest = reduce_min(x, axis=axis, keepdims=True)
    return reduce_max((x - lowest) * mask, axis=axis, keepdims=True) + lowest


def npairs_loss(labels, embeddings_anchor, embeddings_positive, reg_lambda=0.002, print_losses=False):
    """Each anchor has to be most similar to the positives of its class (Sohn, 2016).

    labels: `[n]` integers. embeddings_*: `[n, dim]`, the positive of the same row has the anchor's class. Returns a
    scalar: the cross entropy of the products with the classes, plus reg_lambda / 4 times the mean squared lengths.
    print_losses: show both parts at each run. Raises ValueError for labels of another rank.
    """
    labels = as_tensor(labels)
    if labels.spec.rank != 1:
        raise InvalidArgumentError("npairs_loss: labels have rank 1.", expected="[n]", got=labels, made_at=user_line())
    return _npairs(_same_class(labels), embeddings_anchor, embeddings_positive, reg_lambda, print_losses)


def npairs_loss_multilabel(sparse_labels, embeddings_anchor, embeddings_positive, reg_lambda=0.002, print_losses=False):
    """`npairs_loss` for examples of several classes: two are as similar as they share classes.

    sparse_labels: a list of n SparseTensors `[classes]` (or `[1, classes]`) with ones at an example's classes.
    Raises TypeError for anything else.
    """
    rows = [SparseTensor.from_value(sp) for sp in sparse_labels]
    has = cast(concat([reshape(sparse_tensor_to_dense(sp), [1, -1]) for sp in rows], 0), dtype=float32.dtype)
    shared = matmul(has, has, transpose_b=True)
    return _npairs(shared, embeddings_anchor, embeddings_positive, reg_lambda, print_losses)


def _npairs(shared, anchors, positives, reg_lambda, print_losses):
    anchors, positives = as_tensor(anchors), as_tensor(positives)
    lengths = reduce_mean(reduce_sum(square(anchors), 1)) + reduce_mean(reduce_sum(square(positives), 1))
    penalty = multiply(0.25 * reg_lambda, lengths, name="l2loss")
    similarity = matmul(anchors, positives, transpose_b=True)
    shared = cast(shared, dtype=similarity.spec.dtype)
    targets = shared / reduce_sum(shared, 1, keepdims=True)
    entropy = reduce_mean(softmax_cross_entropy_with_logits(targets, similarity), name="xentropy")
    if print_losses:
        entropy = Print(entropy, ["cross entropy:", entropy, "l2loss:", penalty])
    return add(penalty, entropy, name="add_1")


def lifted_struct_loss(labels, embeddings, margin=1.0):
    """Every pair of one class against all negatives of both at once, smoothly (Song et al., 2016).

    labels: `[n]` or `[n, 1]` integers. embeddings: `[n, dim]`. Returns a scalar: over the pairs (i, j) of one class,
    half the mean of `max(J, 0) ** 2` where `J = log(sum exp(margin - d_ik) + sum exp(margin - d_jl)) + d_ij`, the sums
    over the negatives k of i and l of j.
    """
    distances = pairwise_distances(embeddings)
    same = _same_class(labels)
    negative = cast(logical_not(same), dtype=distances.spec.dtype)
    top = _masked_maximum(margin - distances, negative, 1)
    row = reduce_sum(exp(margin - distances - top) * negative, axis=1, keepdims=True)  # relative to exp(top)
    highest = maximum(top, transpose(top))
    of_anchor = row * exp(top - highest)
    pushed = log(of_anchor + transpose(of_anchor)) + highest
    positive = cast(same, dtype=distances.spec.dtype) - _diagonal(distances)
    pairs = reduce_sum(positive) / 2.0
    total = reduce_sum(square(maximum((pushed + distances) * positive, 0.0)))
    return truediv(0.25 * total, pairs, name="liftedstruct_loss")
