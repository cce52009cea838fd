"""What single layers do beyond the contract: training as a tensor, updates at once, dropout's numbers, refusals."""

import numpy as np
import pytest

import npslim as slim

IMAGE = [None, 6, 5, 4]
RNG = np.random.default_rng(0)


def image():
    return slim.placeholder(slim.float32, IMAGE, name="x")


def initialized():
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    return session


def test_arg_scope_sets_arguments():
    with slim.arg_scope([slim.conv2d, slim.fully_connected], activation_fn=None, biases_initializer=None):
        y = slim.conv2d(image(), 3, 1, scope="a")
        z = slim.conv2d(y, 3, 1, activation_fn=slim.relu, scope="b")
    assert (y.op.type, z.op.type) == ("Conv2D", "Relu")
    assert [v.op.name for v in slim.get_variables()] == ["a/weights", "b/weights"]


@pytest.mark.parametrize("fused", [True, False])
def test_batch_norm_with_training_as_a_tensor(fused):
    x, training = image(), slim.placeholder(slim.bool, [])
    y = slim.batch_norm(x, is_training=training, fused=fused, decay=0.5, scope="bn")
    updates = slim.get_collection(slim.GraphKeys.UPDATE_OPS)
    assert len(updates) == 2
    session, batch = initialized(), RNG.normal(2, 3, size=(8, 6, 5, 4)).astype(np.float32)
    mean, variance = batch.mean((0, 1, 2)), batch.var((0, 1, 2))
    out, _ = session.run([y, updates], {x: batch, training: True})
    np.testing.assert_allclose(out, (batch - mean) / np.sqrt(variance + 0.001), rtol=1e-4, atol=1e-4)
    kept_mean, kept_variance = session.run([slim.get_unique_variable(f"bn/moving_{k}") for k in ("mean", "variance")])
    np.testing.assert_allclose(kept_mean, 0.5 * mean, rtol=1e-4)
    n = batch[..., 0].size
    unbiased = variance * (n / (n - 1) if fused else 1)
    np.testing.assert_allclose(kept_variance, 0.5 + 0.5 * unbiased, rtol=1e-4)
    out, _ = session.run([y, updates], {x: batch, training: False})
    np.testing.assert_allclose(out, (batch - kept_mean) / np.sqrt(kept_variance + 0.001), rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(session.run(slim.get_unique_variable("bn/moving_mean")), kept_mean)
    (grad,) = slim.gradients(slim.reduce_sum(y * y), [x])
    assert np.abs(session.run(grad, {x: batch, training: True})).max() < 0.2  # the batch's own mean is taken out
    np.testing.assert_allclose(
        session.run(grad, {x: batch, training: False}), 2 * out / np.sqrt(kept_variance + 0.001), rtol=1e-3, atol=1e-3
    )


def test_batch_norm_updates_at_once():
    x = image()
    y = slim.batch_norm(x, updates_collections=None, decay=0.9, scope="bn")
    session, batch = initialized(), RNG.normal(size=(4, 6, 5, 4)).astype(np.float32)
    assert slim.get_collection(slim.GraphKeys.UPDATE_OPS) == []
    session.run(y, {x: batch})
    mean = session.run(slim.get_unique_variable("bn/moving_mean"))
    np.testing.assert_allclose(mean, 0.1 * batch.mean((0, 1, 2)), rtol=1e-4, atol=1e-6)


def test_dropout():
    slim.set_random_seed(1)
    x, training = slim.placeholder(slim.float32, [None, 1000]), slim.placeholder(slim.bool, [])
    y = slim.dropout(x, 0.8, is_training=training)
    (grad,) = slim.gradients(y, x)
    session, ones = slim.Session(), np.ones((50, 1000))
    value, slope = session.run([y, grad], {x: ones, training: True})
    assert set(np.unique(value)) == {0, np.float32(1.25)} and abs((value > 0).mean() - 0.8) < 0.01
    np.testing.assert_array_equal(value, slope)
    np.testing.assert_array_equal(session.run(y, {x: ones, training: False}), ones)
    assert not np.array_equal(session.run(y, {x: ones, training: True}), value)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: slim.conv2d(slim.zeros([2, 5, 5]), 3, 3), "rank 4"),
        (lambda: slim.conv2d(slim.zeros([2, 5, 5, 3]), 3, 3, stride=2, rate=2), "both be above 1"),
        (lambda: slim.conv2d(slim.zeros([2, 5, 5, 3]), 0, 3), "num_outputs must be positive"),
        (lambda: slim.conv2d(slim.zeros([2, 5, 5, 3]), 3, 3, data_format="NHCW"), "Unknown data_format"),
        (lambda: slim.conv2d(slim.zeros([2, 5, 5, 3]), 3, [3, 3, 3]), "kernel_size does not fit"),
        (lambda: slim.conv2d(slim.placeholder(slim.float32, [2, 5, 5, None]), 3, 3), "channels of the inputs"),
        (lambda: slim.conv2d(slim.zeros([2, 5, 5, 3]), 3, 3, padding="FULL"), "padding"),
        (lambda: slim.fully_connected(slim.zeros([2]), 3), "rank of at least 2"),
        (lambda: slim.fully_connected(slim.zeros([2, 3]), 2.5), "positive integer"),
        (lambda: slim.max_pool2d(slim.zeros([2, 3, 3]), 2), "wrong rank"),
        (lambda: slim.max_pool2d(slim.zeros([2, 3, 3, 1]), 4), "larger than"),
        (lambda: slim.flatten(slim.placeholder(slim.float32)), "batch dimension"),
        (lambda: slim.dropout(slim.zeros([2]), 1.5), "keep_prob"),
        (lambda: slim.batch_norm(slim.zeros([2, 3]), data_format="CN"), "Unknown data_format"),
        (lambda: slim.batch_norm(slim.zeros([2, 3]), renorm=True, updates_collections=None), "renorm is not supported"),
        (lambda: slim.batch_norm(slim.zeros([2, 3, 3, 1]), batch_weights=[1.0, 1.0, 1.0]), "one weight for each"),
        (lambda: slim.stack(slim.zeros([2, 3]), slim.fully_connected, 3), "list or tuple"),
        (lambda: slim.unit_norm(slim.zeros([2, 3]), 2), "dimension of the inputs"),
        (lambda: slim.softmax(slim.zeros([3])), "known last dimension"),
    ],
)  # fmt: skip
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "expected" in str(caught.value) and "got" in str(caught.value)


@pytest.mark.parametrize("training", [False, True, "fed"])
@pytest.mark.parametrize("updates", ["updates", None])
@pytest.mark.parametrize("fused, reached", [(True, False), (None, False), (False, True)])
def test_no_gradient_reaches_the_averages_of_a_fused_norm(training, fused, reached, updates):
    x = slim.placeholder(slim.float32, [2, 3, 3, 2])
    fed = slim.placeholder(slim.bool, []) if training == "fed" else training
    y = slim.batch_norm(x, is_training=fed, fused=fused, scale=True, updates_collections=updates)
    slopes = dict(zip("beta gamma mean variance".split(), slim.gradients(y, norm_variables()), strict=True))
    assert slopes["beta"] is not None and slopes["gamma"] is not None
    for name in ("mean", "variance"):  # as TensorFlow has it: without the fused op they do count at inference
        assert (slopes[name] is not None) == (reached and training is not True)


def norm_variables():
    return [
        slim.get_variables_by_name(f"BatchNorm/{n}")[0] for n in ("beta", "gamma", "moving_mean", "moving_variance")
    ]
