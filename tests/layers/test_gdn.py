"""GDN against its formula, and its gradients against differences."""

import numpy as np
import pytest

import npslim as slim
from npslim.errors import InvalidArgumentError, ShapeError


def formula(x, beta, gamma, inverse):
    """By loops over the channels, from the variables."""
    pedestal = 2.0**-36
    beta = np.maximum(beta, np.sqrt(1e-6 + pedestal)) ** 2 - pedestal
    gamma = np.maximum(gamma, 2.0**-18) ** 2 - pedestal
    y = np.empty_like(x)
    for i in range(x.shape[-1]):
        norm = np.sqrt(beta[i] + sum(gamma[j, i] * x[..., j] ** 2 for j in range(x.shape[-1])))
        y[..., i] = x[..., i] * norm if inverse else x[..., i] / norm
    return y


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_gdn(inverse, data_format):
    rng = np.random.default_rng(0)
    x, beta, gamma = rng.normal(size=(2, 3, 4, 5)), rng.uniform(-0.2, 1.5, 5), rng.uniform(-0.1, 0.5, (5, 5))
    first = data_format == "channels_first"
    shape = [None, 5, 3, 4] if first else [None, 3, 4, 5]
    inputs = slim.placeholder(slim.float64, shape)
    outputs = slim.layers.gdn(inputs, inverse, data_format=data_format)
    variables = slim.get_variables()
    assert [(v.op.name, v.shape.as_list()) for v in variables] == [
        ("gdn/reparam_beta", [5]), ("gdn/reparam_gamma", [5, 5])
    ]  # fmt: skip
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    start = session.run(outputs, {inputs: np.moveaxis(x, -1, 1) if first else x})
    expected = formula(x, np.ones(5), np.sqrt(0.1) * np.eye(5), inverse)
    np.testing.assert_allclose(np.moveaxis(start, 1, -1) if first else start, expected, rtol=1e-6)
    for v, value in zip(variables, (beta, gamma), strict=True):
        v.load(value, session)
    found = session.run(outputs, {inputs: np.moveaxis(x, -1, 1) if first else x})
    np.testing.assert_allclose(
        np.moveaxis(found, 1, -1) if first else found, formula(x, beta, gamma, inverse), rtol=1e-10
    )


def test_the_bound_lets_gradients_back_in():
    x = slim.constant(np.ones((1, 2, 2)))
    y = slim.layers.gdn(x)
    beta, _ = slim.get_variables()
    (up,), (down,) = slim.gradients(y, [beta]), slim.gradients(-y, [beta])
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    beta.load(np.full(2, 1e-5), session)
    assert (session.run(up) != 0).all()  # descending would raise beta above its bound
    assert (session.run(down) == 0).all()


@pytest.mark.parametrize(
    "bad, error, message",
    [
        (lambda: slim.layers.gdn(slim.zeros([2, 3])), ShapeError, "wrong rank"),
        (lambda: slim.layers.gdn(slim.placeholder(slim.float32, [2, 3, None])), ShapeError, "must be known"),
        (lambda: slim.layers.gdn(slim.zeros([2, 3, 3]), data_format="NHWC"), InvalidArgumentError, "data_format"),
    ],
)
def test_bad_calls(bad, error, message):
    with pytest.raises(error, match=message):
        bad()
