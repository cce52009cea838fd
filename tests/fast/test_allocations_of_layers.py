"""What users put into a net allocates no more than 64 kB in any node of a third training step, at half a megabyte."""

import numpy as np
import pytest
from allocations import allocated

import npslim as slim
from npslim import rnn, rnn_cell
from npslim.ops import activation, softmax
from npslim.ops.arrange import tile

ROWS, IMAGES, SEQUENCES = (256, 512), (8, 16, 16, 64), (256, 4, 128)


def of_positive(function):
    return lambda x: function(slim.abs(x) + 1.0)


def relative(x):
    return x / slim.reduce_sum(slim.square(x) + 1.0, axis=1, keepdims=True)


FUNCTIONS = {
    **{
        f.__name__: f
        for f in (
            slim.relu, slim.relu6, slim.leaky_relu, slim.elu, slim.selu, slim.sigmoid, slim.tanh, slim.softplus,
            slim.softsign, slim.softmax, activation.log_sigmoid, activation.swish, activation.crelu,
            softmax.log_softmax, slim.square, slim.exp, slim.abs, slim.negative, slim.expm1, slim.sin,
            slim.reciprocal, relative,
        )
    },
    **{f.__name__: of_positive(f) for f in (slim.sqrt, slim.rsqrt, slim.log, slim.log1p)},
    "pow": lambda x: x**3.0,
    "maximum": lambda x: slim.maximum(x, -x),
    "clip_by_value": lambda x: slim.clip_by_value(x, -1.0, 1.0),
    "clip_by_norm": lambda x: slim.clip_by_norm(x, 1.0, axes=[1]),
    "where": lambda x: slim.where(x > 0.0, x, x * 2.0),
    "cast": lambda x: slim.cast(slim.cast(x, slim.float64), slim.float32),
    "reduce_max": lambda x: slim.reduce_max(x, axis=1),
    "reduce_logsumexp": lambda x: softmax.reduce_logsumexp(x, axis=1),
    "l2_normalize": lambda x: slim.l2_normalize(x, 1),
    "dropout": lambda x: slim.dropout(x, 0.5),
    "split": lambda x: slim.concat(slim.split(x, 4, 1)[::-1], 1),
    "tile": lambda x: tile(slim.reduce_sum(x, axis=1, keepdims=True), [1, 512]) * x,
    "gather": lambda x: slim.gather(x, np.arange(200)),
}  # fmt: skip


def convolution(x, **attrs):
    return slim.conv2d(x, 64, [3, 3], **attrs)


LAYERS = {
    "conv2d": convolution,
    "channels first": lambda x: convolution(x, data_format="NCHW"),
    "dilated": lambda x: convolution(x, rate=2),
    "normalized": lambda x: convolution(x, normalizer_fn=slim.batch_norm, activation_fn=slim.elu),
    "transposed": lambda x: slim.conv2d_transpose(x, 32, [3, 3], stride=2),
    "separable": lambda x: slim.separable_conv2d(x, 64, [3, 3], 2),
    "depthwise": lambda x: slim.separable_conv2d(x, None, [3, 3], 1, stride=2),
    "batch_norm": lambda x: slim.batch_norm(x, scale=True),
    "batch_norm, not fused": lambda x: slim.batch_norm(x, scale=True, fused=False),
    "batch_norm, moving averages": lambda x: slim.batch_norm(x, scale=True, is_training=False),
    "layer_norm": slim.layer_norm,
    "instance_norm": slim.instance_norm,
    "group_norm": lambda x: slim.group_norm(x, groups=8),
    "max_pool2d": lambda x: slim.max_pool2d(x, [2, 2]),
    "avg_pool2d": lambda x: slim.avg_pool2d(x, [3, 3], padding="SAME"),
    "residual": lambda x: x + convolution(x),
    "squeeze and excitation": lambda x: x * slim.sigmoid(slim.reduce_mean(x, axis=[1, 2], keepdims=True)),
    "pad": lambda x: slim.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]),
    "slice": lambda x: x[:, 1:-1, ::2],
    "l1": lambda x: convolution(x, weights_regularizer=slim.l1_l2_regularizer(0.1)),
}


def against(loss, **attrs):
    """A loss beside labels of 0 and 1; that of hinges is given back, and not yet among the losses."""

    def lose(x):
        x = slim.sigmoid(x) if loss is slim.losses.log_loss else x
        found = loss(x, np.random.default_rng(1).integers(0, 2, ROWS).astype("f"), **attrs)
        return found if loss is slim.losses.hinge_loss else None

    return lose


def classes(x):
    return np.random.default_rng(1).integers(x.spec.shape[-1], size=x.spec.shape[:-1])


def softmax_loss(x, **attrs):
    slim.losses.softmax_cross_entropy(x, np.eye(ROWS[1], dtype="f")[classes(x)], **attrs)


def sparse_loss(x):
    x = slim.reshape(x, [128, 64, 16])  # many rows, as of pixels
    slim.losses.sparse_softmax_cross_entropy(x, classes(x))


LOSSES = {
    "absolute_difference": against(slim.losses.absolute_difference),
    "mean_squared_error": against(slim.losses.mean_squared_error),
    "weighted": against(slim.losses.mean_squared_error, weights=np.ones((ROWS[0], 1), "f")),
    "weighted each": against(slim.losses.mean_squared_error, weights=np.ones(ROWS, "f")),
    "log_loss": against(slim.losses.log_loss),
    "hinge_loss": against(slim.losses.hinge_loss),
    "sigmoid_cross_entropy": against(slim.losses.sigmoid_cross_entropy),
    "mean_pairwise_squared_error": against(slim.losses.mean_pairwise_squared_error),
    "cosine_distance": lambda x: slim.losses.cosine_distance(slim.l2_normalize(x, 1), np.ones(ROWS, "f"), 1),
    "softmax_cross_entropy": softmax_loss,
    "smoothed": lambda x: softmax_loss(x, label_smoothing=0.1),
    "sparse_softmax_cross_entropy": sparse_loss,
}


def recurrent(cell):
    def run(x):
        outputs, _ = rnn.static_rnn(cell(), slim.unstack(x, axis=1), dtype=slim.float32)
        return slim.concat(outputs, 1)

    return run


CELLS = {
    "basic": lambda: rnn_cell.BasicRNNCell(256),
    "lstm": lambda: rnn_cell.BasicLSTMCell(256),
    "lstm with peepholes": lambda: rnn_cell.LSTMCell(256, use_peepholes=True, num_proj=128),
    "gru": lambda: rnn_cell.GRUCell(256),
    "dropout": lambda: rnn_cell.DropoutWrapper(rnn_cell.BasicLSTMCell(256), 0.5, 0.5),
}
PROGRAMS = {
    **{("function", name): (ROWS, f) for name, f in FUNCTIONS.items()},
    **{("layer", name): (IMAGES, f) for name, f in LAYERS.items()},
    **{("loss", name): (ROWS, f) for name, f in LOSSES.items()},
    **{("cell", name): (SEQUENCES, recurrent(cell)) for name, cell in CELLS.items()},
}


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda key: " ".join(key))
def test_no_node_allocates_much(program):
    shape, build = PROGRAMS[program]
    x = slim.placeholder("float32", shape)
    y = build(slim.bias_add(x))
    if y is not None:
        slim.losses.add_loss(slim.reduce_mean(slim.square(y)))
    train_op = slim.learning.create_train_op(
        slim.losses.get_total_loss(), slim.MomentumOptimizer(0.001, 0.9), clip_gradient_norm=1
    )
    session = slim.Session(kernels="fast", threads=1)
    session.run(slim.global_variables_initializer())
    feeds = {x: np.random.default_rng(0).normal(size=shape)}
    for _ in range(2):
        session.run(train_op, feeds)
    found = allocated(session, train_op, feeds)
    assert len(found) > 5 and max(found.values())[0] > 0
    assert {node: size for node, (size, _) in found.items() if size > 1 << 16} == {}
