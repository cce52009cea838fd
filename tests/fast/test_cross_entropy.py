"""Cross entropy and softmax in one pass, and the gradient in one step: the bits of the plain kernels."""

import numpy as np
import pytest

import npslim as slim
from npslim.fast import cross_entropy
from npslim.ops.softmax import softmax, softmax_cross_entropy_with_logits, sparse_softmax_cross_entropy_with_logits

NORMAL = np.random.default_rng(4).normal(size=(37, 10))
LOGITS = {
    "usual": NORMAL,
    "large": NORMAL * 1e4,
    "equal": np.zeros((5, 7)),
    "one class": NORMAL[:, :1],
    "one row": NORMAL[:1],
    "none": np.zeros((0, 4)),
    "infinite": np.array([[np.inf, 0, 1], [-np.inf, 2, 2], [-np.inf] * 3, [np.inf, np.inf, 0]]),
    "not a number": np.array([[np.nan, 0, 1], [3, 2, 2]]),
    "images": np.random.default_rng(5).normal(size=(3, 4, 5, 6)),
}


def loss_of(kind, logits, labels, weights):
    """The sum of weighted losses; the weights make the cotangents differ."""
    if kind == "sparse":
        losses = sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    else:
        losses = softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return losses, slim.reduce_sum(losses * weights)


def labels_for(kind, shape, rng):
    numbers = rng.integers(0, shape[-1], shape[:-1])
    if kind == "sparse":
        return numbers
    return np.eye(shape[-1])[numbers] if kind == "one-hot" else rng.uniform(0, 2, shape) * (rng.random(shape) < 0.7)


def both(fetches, feeds):
    with np.errstate(all="ignore"):
        return [slim.Session(kernels=name).run(fetches, feeds) for name in ("plain", "fast")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LOGITS)
@pytest.mark.parametrize("kind", ["one-hot", "shares", "sparse"])
@pytest.mark.parametrize("known", [True, False])
def test_losses_and_gradients_have_the_bits_of_the_plain_kernels(kind, name, dtype, known, monkeypatch):
    if not known:
        monkeypatch.setattr(cross_entropy, "BLOCK", 16)  # some rows at a time
    rng, given = np.random.default_rng(1), LOGITS[name]
    shape = given.shape if known else [None, *given.shape[1:]]
    logits = slim.placeholder(dtype, shape)
    labels = slim.placeholder("int32" if kind == "sparse" else dtype, shape[:-1] if kind == "sparse" else shape)
    weights = slim.constant(rng.normal(size=given.shape[:-1]), dtype)
    losses, total = loss_of(kind, logits * 1.0, labels, weights)
    fetches = [losses, total, slim.gradients(total, logits)[0]]
    feeds = {logits: given, labels: labels_for(kind, given.shape, rng)}
    for plain, fast in zip(*both(fetches, feeds), strict=True):
        assert plain.dtype == fast.dtype == dtype and plain.shape == fast.shape
        np.testing.assert_array_equal(plain, fast)


def test_half_precision_is_left_to_the_plain_kernels():
    logits, labels = slim.placeholder("float16", [37, 10]), slim.placeholder("float16", [37, 10])
    losses, total = loss_of("one-hot", logits, labels, slim.constant(1.0, "float16"))
    fetches = [losses, *slim.gradients(total, logits)]
    for plain, fast in zip(*both(fetches, {logits: NORMAL, labels: np.eye(10)[:1].repeat(37, 0)}), strict=True):
        np.testing.assert_array_equal(plain, fast)


@pytest.mark.parametrize("kind", ["one-hot", "sparse"])
def test_the_plan_says_what_is_fused(kind):
    logits = slim.placeholder("float32", [None, 4])
    labels = slim.placeholder(*(("int64", [None]) if kind == "sparse" else ("float32", [None, 4])))
    losses, total = loss_of(kind, logits, labels, 1.0)
    plan = slim.Session().explain(slim.gradients(total, logits), {logits: 0, labels: 0})
    name = "fast sparse_softmax_cross_entropy" if kind == "sparse" else "fast softmax_cross_entropy"
    assert plan.count(name) == 2 and plan.count(name + "_grad") == 1
    types = [line.split()[2] for line in plan.splitlines()[1:]]
    assert "Softmax" not in types and plan.count("fuses") == 2


@pytest.mark.parametrize("kind", ["one-hot", "sparse"])
def test_a_tensor_on_the_way_can_be_fetched(kind):
    rng = np.random.default_rng(3)
    logits = slim.placeholder("float32", [37, 10])
    labels = slim.placeholder(*(("int64", [37]) if kind == "sparse" else ("float32", [37, 10])))
    losses, total = loss_of(kind, logits, labels, 2.0)
    grad = slim.gradients(total, logits)[0]
    feeds = {logits: NORMAL, labels: labels_for(kind, (37, 10), rng)}
    tensors = [n.outputs[0] for n in slim.get_default_graph().get_operations() if n.name.startswith("gradients")]
    tensors = [t for t in tensors if t.dtype.is_floating]
    assert len(tensors) > 5
    expected = slim.Session(kernels="plain").run(grad, feeds)
    for tensor in tensors:
        plain, fast = both([tensor, grad], feeds)
        np.testing.assert_array_equal(plain[0], fast[0], err_msg=tensor.name)
        np.testing.assert_array_equal(fast[1], expected)


def test_logits_along_another_axis_are_left_to_the_plain_kernels():
    logits, labels = slim.placeholder("float32", [4, 3]), slim.placeholder("float32", [4, 3])
    total = slim.reduce_sum(softmax_cross_entropy_with_logits(labels=labels, logits=logits, axis=0))
    fetches, feeds = slim.gradients(total, logits), {logits: NORMAL[:4, :3], labels: np.eye(4)[:, :3]}
    assert "fast softmax" not in slim.Session().explain(fetches, feeds)
    np.testing.assert_array_equal(*both(fetches, feeds))


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_no_class_is_an_error(label):
    logits, labels = slim.placeholder("float32", [None, 3]), slim.placeholder("int64", [None])
    losses, total = loss_of("sparse", logits, labels, 1.0)
    with pytest.raises(slim.errors.InvalidArgumentError, match=f"label value of {label} "):
        slim.Session().run([total, *slim.gradients(total, logits)], {logits: NORMAL[:2, :3], labels: [0, label]})


@pytest.mark.parametrize("kind", ["one-hot", "sparse"])
@pytest.mark.parametrize("between", [True, False])
def test_a_softmax_that_is_read_before_the_loss_stays_where_it_is(kind, between):
    """Such as a net's predictions, for which the gradient has no softmax of its own."""
    rng = np.random.default_rng(3)
    logits = slim.placeholder("float32", [37, 10])
    labels = slim.placeholder(*(("int64", [37]) if kind == "sparse" else ("float32", [37, 10])))
    shares = softmax(logits)
    predicted = slim.argmax(shares, 1) if between else None
    losses, total = loss_of(kind, logits, labels, 2.0)
    predicted = slim.argmax(shares, 1) if predicted is None else predicted
    fetches = [predicted, total, slim.gradients(total, logits)[0]]
    feeds = {logits: NORMAL, labels: labels_for(kind, (37, 10), rng)}
    for plain, fast in zip(*both(fetches, feeds), strict=True):
        np.testing.assert_array_equal(plain, fast)
    assert ("fuses" in slim.Session().explain(fetches[:2], feeds)) != between


def test_two_losses_of_the_same_logits():
    rng = np.random.default_rng(8)
    logits = slim.placeholder("float32", [37, 10])
    kinds = ["one-hot", "sparse", "shares"]
    labels = [
        slim.constant(labels_for(kind, (37, 10), rng), "int64" if kind == "sparse" else "float32") for kind in kinds
    ]
    totals = [
        loss_of(kind, logits * 1.0, one, weight)[1] for kind, one, weight in zip(kinds, labels, (1, 2, 3), strict=True)
    ]
    fetches = [*totals, *slim.gradients(totals, logits)]
    for plain, fast in zip(*both(fetches, {logits: NORMAL}), strict=True):
        np.testing.assert_array_equal(plain, fast)
