"""The clustering loss of Song et al. (2017, Deep Metric Learning via Facility Location).

A few examples, the medoids, stand for all others; the energy of a choice of medoids is minus the sum of everyone's
distance to the nearest. The loss asks the true classes to have more energy than any other clustering, by a margin that
grows with how wrong that clustering is.
"""

from npslim.arguments import check_choice
from npslim.convert import as_tensor
from npslim.losses.metric_learning import pairwise_distances
from npslim.ops.clustering import SCORES, medoids
from npslim.ops.debug import Print
from npslim.ops.elementwise import maximum
from npslim.ops.indexing import gather_nd
from npslim.ops.reduce import reduce_sum
from npslim.ops.shape import reshape


def cluster_loss(
    labels, embeddings, margin_multiplier, enable_pam_finetuning=True, margin_type="nmi", print_losses=False
):
    """`max(energy of the worst clustering + margin_multiplier * (1 - its score) - energy of the classes, 0)`.

    labels: `[n]` or `[n, 1]` integers. embeddings: `[n, dim]`. margin_type: the score, "nmi", "ami", "ari", "vmeasure"
    or "const" (a margin of 1 for any other clustering). enable_pam_finetuning: improve the greedy choice of medoids by
    swapping. Returns a scalar. Raises ValueError for another margin_type.
    """
    check_choice(margin_type, SCORES, "margin_type")
    labels = reshape(as_tensor(labels), [-1])
    distances = pairwise_distances(embeddings)
    assigned, by_class, margin = medoids(
        distances, labels, margin_multiplier=float(margin_multiplier), score=margin_type, swaps=enable_pam_finetuning
    )
    energy = -reduce_sum(gather_nd(distances, assigned))
    energy_of_classes = -reduce_sum(gather_nd(distances, by_class))
    if print_losses:
        energy = Print(energy, ["clustering score:", energy, "of the classes:", energy_of_classes, "margin:", margin])
    return maximum(energy + margin - energy_of_classes, 0.0, name="clustering_loss")
