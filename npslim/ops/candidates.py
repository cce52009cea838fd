"""Losses of very many classes by a few drawn ones: candidate samplers, noise-contrastive estimation, sampled softmax.

A sampler draws classes of given probabilities: it looks uniform numbers up in the sums of the probabilities.
Gutmann & Hyvärinen 2012 (JMLR 13, noise-contrastive estimation), Jean et al. 2015 (arXiv:1412.2007, sampled softmax).
"""

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError
from npslim.op import op
from npslim.ops.embedding import embedding_lookup
from npslim.ops.functions import expm1, log, log1p
from npslim.ops.indexing import gather
from npslim.ops.join import concat
from npslim.ops.linear import matmul
from npslim.ops.logic import cast, equal
from npslim.ops.reduce import reduce_any, reduce_sum
from npslim.ops.shape import expand_dims, ones_like, reshape, shape, stop_gradient, zeros_like
from npslim.ops.softmax import sigmoid_cross_entropy_with_logits, softmax_cross_entropy_with_logits
from npslim.scopes import name_scope
from npslim.spec import Spec

_INT64 = np.dtype(np.int64)
_LOWEST = float(np.finfo(np.float32).min)


@op(type="CandidateSampler", random=True, differentiable=False, host=("sums",))
def draw_classes(sums, *, count, unique, seed=None, rng=None):
    """(classes int64 `[count]`, how many draws that took). sums: `[classes]`, the probabilities added up, the last 1.

    unique: each class once, those that come again are drawn again.
    """
    if not unique:
        return np.searchsorted(sums, rng.random(count), side="right"), np.array(count, _INT64)
    found, tries = {}, 0
    while len(found) < count:
        tries += 1
        found.setdefault(int(np.searchsorted(sums, rng.random(), side="right")))
    return np.array(list(found), _INT64), np.array(tries, _INT64)


@draw_classes.shape
def _(sums, *, count):
    return Spec((count,), _INT64), Spec((), _INT64)


@draw_classes.properties
def _(result, sums, *, count, unique, **attrs):
    classes, tries = result
    assert 0 <= classes.min() and classes.max() < len(sums) and tries >= count  # noqa: S101
    if unique:
        assert len(set(classes.tolist())) == count  # noqa: S101
    else:
        share = np.bincount(classes, minlength=len(sums)) / count
        assert np.abs(share - np.diff(sums, prepend=0)).max() < 5 * np.sqrt(0.25 / count)  # noqa: S101


draw_classes.cases(lambda rng: (np.array([0.2, 0.2, 0.9, 1.0]),), count=4000, unique=False, gradient=False)
draw_classes.cases(lambda rng: (np.array([0.2, 0.3, 0.9, 1.0]),), count=3, unique=True, gradient=False)


def log_uniform_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max, seed=None, name=None):
    """Classes drawn with probabilities log((k + 2) / (k + 1)) / log(range_max + 1): small numbers, the frequent words.

    true_classes: int64 `[b, num_true]`. Returns (drawn classes int64 `[num_sampled]`, how often the true classes are
    expected among them `[b, num_true]`, and the drawn ones `[num_sampled]`). unique: no class comes twice. Raises
    ValueError if there are fewer classes than are to be drawn.
    """
    weights = np.diff(np.log(np.arange(1, range_max + 2)))
    return _sampled(true_classes, weights, num_sampled, unique, seed, name or "LogUniformCandidateSampler")


def uniform_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max, seed=None, name=None):
    """Classes drawn with equal probabilities; see `log_uniform_candidate_sampler`."""
    weights = np.ones(range_max)
    return _sampled(true_classes, weights, num_sampled, unique, seed, name or "UniformCandidateSampler")


def fixed_unigram_candidate_sampler(
    true_classes, num_true, num_sampled, unique, range_max, vocab_file="", distortion=1.0, num_reserved_ids=0,
    num_shards=1, shard=0, unigrams=(), seed=None, name=None,
):  # fmt: skip
    """Classes drawn by given counts to the power `distortion`; see `log_uniform_candidate_sampler`.

    vocab_file: a class a line, its count behind the last comma; or unigrams: the counts. num_reserved_ids: so many
    classes before these are never drawn. num_shards, shard: only each num_shards-th class, from `shard` on.
    """
    if bool(vocab_file) == bool(len(unigrams)):
        raise InvalidArgumentError(
            "The counts come from vocab_file or from unigrams.", expected="one of them",
            got="both" if vocab_file else "neither", made_at=user_line(),
        )  # fmt: skip
    if vocab_file:
        with open(vocab_file, encoding="utf-8") as file:
            unigrams = [float(line.rpartition(",")[2]) for line in file if line.strip()]
    weights = np.concatenate([np.zeros(num_reserved_ids), np.asarray(unigrams, float) ** distortion])
    if len(weights) != range_max:
        raise InvalidArgumentError(
            "There must be a count for each class.", expected=range_max, got=len(weights), made_at=user_line()
        )
    weights[np.arange(range_max) % num_shards != shard] = 0
    return _sampled(true_classes, weights, num_sampled, unique, seed, name or "FixedUnigramCandidateSampler")


def _sampled(true_classes, weights, count, unique, seed, name):
    """(drawn, expected count of the true classes, expected count of the drawn ones)."""
    if unique and np.count_nonzero(weights) < count:
        raise InvalidArgumentError(
            "There are fewer classes than are to be drawn.", expected=f"num_sampled <= {np.count_nonzero(weights)}",
            got=count, hint="unique=False draws a class several times", made_at=user_line(),
        )  # fmt: skip
    shares = weights / weights.sum()
    sums = np.cumsum(shares)
    sums[np.flatnonzero(shares)[-1] :] = 1.0
    with name_scope(name):
        drawn, tries = draw_classes(as_tensor(sums), count=count, unique=unique, seed=seed)
        shares = as_tensor(shares.astype(np.float32))

        def expected(classes):
            share = gather(shares, classes)
            return -expm1(cast(tries, np.float32) * log1p(-share)) if unique else share * float(count)

        return drawn, expected(as_tensor(true_classes)), expected(drawn)


def nce_loss(
    weights, biases, labels, inputs, num_sampled, num_classes, num_true=1, sampled_values=None,
    remove_accidental_hits=False, partition_strategy="mod", name="nce_loss",
):  # fmt: skip
    """The noise-contrastive loss of each example, `[b]`: is a class the true one, or was it drawn?

    weights: `[num_classes, dim]`, or a list of parts; biases: `[num_classes]`; labels: int64 `[b, num_true]`; inputs:
    `[b, dim]`. sampled_values: what a candidate sampler gave; unless given, classes are drawn log-uniformly, so their
    numbers should fall with their frequency. remove_accidental_hits: drawn classes that are true ones do not count.
    """
    with name_scope(name, "nce_loss"):
        targets, logits = _some_logits(
            weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
            remove_accidental_hits, partition_strategy, None,
        )  # fmt: skip
        return reduce_sum(sigmoid_cross_entropy_with_logits(labels=targets, logits=logits), axis=1)


def sampled_softmax_loss(
    weights, biases, labels, inputs, num_sampled, num_classes, num_true=1, sampled_values=None,
    remove_accidental_hits=True, partition_strategy="mod", name="sampled_softmax_loss", seed=None,
):  # fmt: skip
    """The softmax cross entropy of each example, `[b]`, over the true classes and some drawn ones: see `nce_loss`."""
    with name_scope(name, "sampled_softmax_loss"):
        targets, logits = _some_logits(
            weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled_values,
            remove_accidental_hits, partition_strategy, seed,
        )  # fmt: skip
        return softmax_cross_entropy_with_logits(labels=targets, logits=logits)


def _some_logits(
    weights, biases, labels, inputs, num_sampled, num_classes, num_true, sampled, remove_hits, strategy, seed
):  # fmt: skip
    """(targets, logits), `[b, num_true + num_sampled]`: of the true classes and the drawn ones, less log(expected)."""
    labels = reshape(cast(labels, _INT64), [-1, num_true])
    if sampled is None:
        sampled = log_uniform_candidate_sampler(labels, num_true, num_sampled, True, num_classes, seed)
    drawn, of_true, of_drawn = (stop_gradient(x) for x in sampled)
    drawn, ids = cast(drawn, _INT64), reshape(labels, [-1])
    inputs, places = as_tensor(inputs), concat([ids, drawn], axis=0)
    rows = embedding_lookup(weights, places, partition_strategy=strategy)
    shifts = embedding_lookup(biases, places, partition_strategy=strategy)
    n = shape(ids)[0]
    near = reshape(rows[:n], concat([shape(labels), shape(inputs)[1:]], axis=0))
    near = reduce_sum(near * expand_dims(inputs, axis=1), axis=2) + reshape(shifts[:n], shape(labels))
    far = matmul(inputs, rows[n:], transpose_b=True) + shifts[n:]
    if remove_hits:
        hit = reduce_any(equal(expand_dims(labels, axis=2), reshape(drawn, [1, 1, -1])), axis=1)
        far = far + cast(hit, inputs.spec.dtype) * _LOWEST
    near, far = near - log(of_true), far - log(of_drawn)
    return concat([ones_like(near) / float(num_true), zeros_like(far)], axis=1), concat([near, far], axis=1)
