"""Clusterings by medoids, and how well two clusterings agree."""

import functools

import numpy as np

from npslim.backend import special_module, to_host
from npslim.op import op
from npslim.spec import Spec


@op(alike=(), differentiable=False, host=("labels",))
def medoids(distances, labels, *, margin_multiplier, score, swaps):
    """(assigned, by_class, margin): pairs (example, its medoid) `[n, 2]` for the clustering that violates the margin
    most, and for the classes; the violated clustering's margin, a scalar.
    """
    distances, labels = to_host(distances), np.unique(labels, return_inverse=True)[1]
    value = functools.partial(_value, distances, labels, margin_multiplier, SCORES[score])
    chosen = _chosen_greedily(value, len(labels), labels.max(initial=0) + 1)
    if swaps:
        chosen = _improved_by_swaps(value, distances, chosen)
    everyone = np.arange(len(labels))
    nearest = _nearest(distances, chosen)
    margin = margin_multiplier * (1.0 - SCORES[score](labels, nearest))
    return (
        np.stack([everyone, nearest], axis=1),
        np.stack([everyone, _medoids_of_classes(distances, labels)], axis=1),
        distances.dtype.type(margin),
    )


@medoids.shape
def _(distances, labels):
    pairs = Spec((labels.shape[0] if labels.shape else None, 2), np.dtype(np.int64))
    return pairs, pairs, Spec((), distances.dtype)


medoids.cases(
    lambda rng: (np.abs(rng.normal(size=(6, 6))), np.array([0, 0, 1, 1, 2, 2])),
    margin_multiplier=1.0, score="nmi", swaps=True,
)  # fmt: skip
medoids.cases(
    lambda rng: (np.abs(rng.normal(size=(6, 6))), np.array([0, 0, 1, 1, 2, 2])),
    margin_multiplier=1.0, score="ami", swaps=True,
)  # fmt: skip


@medoids.properties
def _(result, distances, labels, *, margin_multiplier, score, swaps):
    """Everyone has a nearest medoid, each class's medoid is its best member, and the margin is that of the score."""
    assigned, by_class, margin = result
    chosen = np.unique(assigned[:, 1])
    assert len(chosen) <= len(np.unique(labels))  # noqa: S101
    nearest = [min(chosen, key=lambda j, i=i: distances[i, j]) for i in range(len(labels))]
    assert assigned.tolist() == [[i, j] for i, j in enumerate(nearest)]  # noqa: S101
    for i, j in by_class:
        members = np.flatnonzero(labels == labels[i])
        costs = {int(m): distances[members, m].sum() for m in members}
        assert costs[int(j)] == min(costs.values())  # noqa: S101
    assert abs(margin - margin_multiplier * (1 - SCORES[score](labels, assigned[:, 1]))) < 1e-6  # noqa: S101


def _nearest(distances, chosen):
    """The medoid of each example, by its number among the examples."""
    return np.asarray(chosen)[np.argmin(distances[:, chosen], axis=1)]


def _value(distances, labels, margin_multiplier, score, chosen):
    """The energy of the clustering by the medoids `chosen`, with its margin."""
    nearest = _nearest(distances, chosen)
    energy = -distances[np.arange(len(labels)), nearest].sum()
    return energy + margin_multiplier * (1.0 - score(labels, nearest))


def _chosen_greedily(value, n, count):
    """`count` medoids, one after the other, each the best addition."""
    chosen = []
    for _ in range(count):
        candidates = [i for i in range(n) if i not in chosen]
        values = [value([*chosen, i]) for i in candidates]
        chosen.append(candidates[int(np.argmax(values))])
    return chosen


def _improved_by_swaps(value, distances, chosen, rounds=5):
    """Swap a medoid for a member of its cluster where that is better, at most `rounds` times over all."""
    for _ in range(rounds):
        before = list(chosen)
        for k, medoid in enumerate(before):
            members = np.flatnonzero(_nearest(distances, chosen) == medoid)
            options = [[*chosen[:k], int(i), *chosen[k + 1 :]] for i in members if i == medoid or i not in chosen]
            if options:
                chosen = max(options, key=value)
        if chosen == before:
            return chosen
    return chosen


def _medoids_of_classes(distances, labels):
    """For each example the member of its class that is nearest to all others of it."""
    best = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        best[members] = members[np.argmin(distances[np.ix_(members, members)].sum(axis=0))]
    return best


# ---- how well two clusterings agree: 1 for the same, 0 or less for unrelated ones


def _contingency(a, b):
    """How many examples are in class i of `a` and class j of `b`."""
    a, b = (np.unique(x, return_inverse=True)[1] for x in (a, b))
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1)
    return table


def _entropy(counts):
    shares = counts[counts > 0] / counts.sum()
    return -(shares * np.log(shares)).sum()


def _information(table):
    """The mutual information of the rows and columns of `table`."""
    return _entropy(table.sum(1)) + _entropy(table.sum(0)) - _entropy(table.ravel())


def normalized_mutual_information(a, b):
    """Mutual information over the mean of the entropies."""
    table = _contingency(a, b)
    mean = (_entropy(table.sum(1)) + _entropy(table.sum(0))) / 2
    return 1.0 if mean == 0 else _information(table) / mean


def adjusted_mutual_information(a, b):
    """The same, with what chance would give taken off (Vinh et al., 2010)."""
    table = _contingency(a, b)
    mean = (_entropy(table.sum(1)) + _entropy(table.sum(0))) / 2
    expected = _expected_information(table.sum(1), table.sum(0))
    return 1.0 if mean == expected else (_information(table) - expected) / (mean - expected)


def _expected_information(rows, columns):
    """The mean mutual information of random clusterings with these sizes: a sum over the hypergeometric law."""
    n, total, gammaln = rows.sum(), 0.0, special_module(rows).gammaln
    for a in rows:
        for b in columns:
            nij = np.arange(max(1, a + b - n), min(a, b) + 1)
            log_p = (
                gammaln(a + 1) + gammaln(b + 1) + gammaln(n - a + 1) + gammaln(n - b + 1) - gammaln(n + 1)
                - gammaln(nij + 1) - gammaln(a - nij + 1) - gammaln(b - nij + 1) - gammaln(n - a - b + nij + 1)
            )  # fmt: skip
            total += (nij / n * np.log(n * nij / (a * b)) * np.exp(log_p)).sum()
    return total


def adjusted_rand_index(a, b):
    """The share of pairs that both treat alike, with what chance would give taken off (Hubert & Arabie, 1985)."""
    table = _contingency(a, b)

    def pairs(counts):
        return (counts * (counts - 1) / 2).sum()

    both, of_a, of_b = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    expected = of_a * of_b / max(pairs(table.sum(keepdims=True)), 1)
    most = (of_a + of_b) / 2
    return 1.0 if most == expected else (both - expected) / (most - expected)


def _same(a, b):
    """1 if the two are the same clustering, else 0."""
    table = _contingency(a, b) > 0
    return float((table.sum(0) == 1).all() and (table.sum(1) == 1).all())


SCORES = {
    "nmi": normalized_mutual_information,
    "ami": adjusted_mutual_information,
    "ari": adjusted_rand_index,
    "vmeasure": normalized_mutual_information,  # the harmonic mean of homogeneity and completeness is the same number
    "const": _same,
}
