"""Records graphs and their results from TensorFlow and TF-Slim, by TensorFlow 1's interface.

Writes graph_def/<name>.pb (frozen graphs), graph_def/<name>.meta (graphs with variables) and graph_def.npz (what to
feed, what comes out), beside this file.
"""

import os

import numpy as np
import tensorflow.compat.v1 as tf
import tf_slim as slim

tf.disable_v2_behavior()
HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "graph_def")
arrays = {}
GRAPHS = {}


def graph(function):
    """Record the graph that `function(rng)` defines; it returns the tensors to fetch and {placeholder: value}."""
    GRAPHS[function.__name__] = function
    return function


@graph
def lenet(rng):
    images = tf.placeholder(tf.float32, [None, 28, 28, 1], name="images")
    net = slim.conv2d(images, 6, [5, 5], scope="conv1")
    net = slim.max_pool2d(net, [2, 2], 2, scope="pool1")
    net = slim.conv2d(net, 8, [5, 5], padding="VALID", scope="conv2")
    net = slim.max_pool2d(net, [2, 2], 2, scope="pool2")
    net = slim.flatten(net, scope="flatten")
    net = slim.fully_connected(net, 20, scope="fc3")
    net = slim.dropout(net, 0.5, is_training=False, scope="dropout3")
    logits = slim.fully_connected(net, 10, activation_fn=None, scope="fc4")
    return [logits, tf.nn.softmax(logits, name="Predictions")], {images: rng.uniform(size=(2, 28, 28, 1))}


@graph
def mobilenet(rng):
    images = tf.placeholder(tf.float32, [None, 32, 32, 3], name="input")
    norm = {"is_training": False, "decay": 0.9, "scale": True}
    with slim.arg_scope(
        [slim.conv2d, slim.separable_conv2d], activation_fn=tf.nn.relu6, normalizer_fn=slim.batch_norm,
        normalizer_params=norm,
    ):  # fmt: skip
        net = slim.conv2d(images, 8, [3, 3], 2, scope="Conv2d_0")
        for i, (depth, stride, rate) in enumerate(((16, 1, 1), (16, 2, 1), (24, 1, 2))):
            net = slim.separable_conv2d(
                net, None, [3, 3], 1, stride=stride, rate=rate, scope=f"Conv2d_{i + 1}_depthwise"
            )
            net = slim.conv2d(net, depth, [1, 1], scope=f"Conv2d_{i + 1}_pointwise")
    with tf.variable_scope("Logits"):
        net = slim.avg_pool2d(net, net.shape[1:3].as_list(), padding="VALID", scope="AvgPool_1a")
        net = slim.conv2d(net, 7, [1, 1], activation_fn=None, scope="Conv2d_1c_1x1")
        logits = tf.squeeze(net, [1, 2], name="SpatialSqueeze")
    return [logits, slim.softmax(logits, scope="Predictions")], {images: rng.uniform(-1, 1, size=(2, 32, 32, 3))}


@graph
def shapes(rng):
    x = tf.placeholder(tf.float32, [None, 4, 6], name="x")
    n = tf.placeholder(tf.int32, [3], name="n")
    size = tf.shape(x)
    y = [
        tf.reshape(x, [size[0], -1]), tf.reshape(x, tf.stack([size[0] * 2, 12])), tf.transpose(x, [2, 0, 1]),
        tf.expand_dims(x, 1), tf.squeeze(tf.expand_dims(x, -1)[:, :1], [1, 3]), tf.concat([x, x * 2], 2),
        tf.stack([x, -x], axis=1), *tf.unstack(x, axis=1)[:2], *tf.split(x, 3, axis=2)[:2],
        *tf.split(x, [1, 3], axis=1), x[:, 1:3, ::-2], x[..., tf.newaxis, 0], x[-1], tf.slice(x, [0, 1, 0], [-1, 2, 3]),
        tf.tile(x, [1, 2, 1]), tf.pad(x, [[0, 0], [1, 2], [0, 1]]), tf.pad(x, [[0, 0], [1, 1], [2, 0]], "REFLECT"),
        tf.pad(x, [[0, 0], [1, 1], [2, 0]], constant_values=3.5), tf.reverse(x, [1]), tf.fill(size[:2], 2.5),
        tf.range(size[0]), tf.one_hot(n, 5, 2.0, -1.0), tf.one_hot(n, 5, axis=0), tf.gather(x, n),
        tf.gather(x, n, axis=2),
        tf.gather_nd(x, [[0, 1], [1, 3]]), tf.cast(x, tf.int32), tf.cast(x > 0, tf.float32), tf.where(x > 0, x, -x),
        tf.where_v2(x > 0, x, 0.0), tf.where(x > 1), tf.zeros_like(x), tf.ones_like(x), tf.size(x), tf.rank(x),
        tf.shape(x, out_type=tf.int64), tf.identity(x), tf.broadcast_to(x[:, :1], size),
        tf.space_to_depth(tf.reshape(x, [-1, 2, 2, 6]), 2), tf.depth_to_space(tf.reshape(x, [-1, 1, 1, 24]), 2),
        tf.space_to_batch_nd(tf.reshape(x, [-1, 4, 2, 3]), [2, 2], [[1, 1], [0, 0]]),
        tf.scatter_nd([[0], [2]], n[:2], [4]),
        tf.raw_ops.LinSpace(start=1.0, stop=2.0, num=4), tf.linspace(0.0, 1.0, 5),
        tf.batch_to_space_nd(tf.reshape(tf.tile(x, [2, 1, 1]), [4, -1, 2, 3]), [2, 2], [[1, 0], [0, 1]]),
        tf.invert_permutation([2, 0, 1]), tf.eye(3), tf.matrix_diag(x[0, 0]), tf.matrix_diag_part(x[0]),
    ]  # fmt: skip
    return y, {x: rng.normal(size=(3, 4, 6)), n: np.array([2, 0, 1])}


@graph
def mathematics(rng):
    x = tf.placeholder(tf.float32, [None, 4, 6], name="x")
    p = tf.abs(x) + 0.5
    i = tf.cast(tf.round(x * 3), tf.int32)
    y = [
        x + p, x - p, x * p, x / p, i // 2, i % 3, tf.div(i, 2), tf.pow(p, x), tf.maximum(x, 0.1), tf.minimum(x, p),
        tf.squared_difference(x, p), tf.exp(x), tf.log(p), tf.log1p(p), tf.expm1(x), tf.sqrt(p), tf.rsqrt(p),
        tf.square(x),
        -x, tf.sign(x), tf.floor(x), tf.ceil(x), tf.round(x), tf.rint(x), tf.reciprocal(p), tf.sin(x), tf.cos(x),
        tf.tan(x),
        tf.atan(x), tf.asin(x / 9), tf.acos(x / 9), tf.sinh(x), tf.cosh(x), tf.tanh(x), tf.sigmoid(x), tf.nn.relu(x),
        tf.nn.relu6(x * 9), tf.nn.elu(x), tf.nn.selu(x), tf.nn.softplus(x), tf.nn.softsign(x), tf.nn.leaky_relu(x, 0.1),
        tf.erf(x), tf.lgamma(p), tf.digamma(p), tf.nn.softmax(x), tf.nn.log_softmax(x), tf.nn.l2_loss(x),
        tf.reduce_sum(x), tf.reduce_sum(x, 1), tf.reduce_mean(x, [1, 2], keepdims=True), tf.reduce_max(x, -1),
        tf.reduce_min(x, [0, 2]), tf.reduce_prod(x, 2), tf.reduce_any(x > 1, 1), tf.reduce_all(x > -1, 1),
        tf.reduce_logsumexp(x, 1), tf.reduce_sum(x, []), tf.argmax(x, 1), tf.argmin(x, 2, output_type=tf.int32),
        *tf.nn.top_k(x, 3), tf.cumsum(x, 1, exclusive=True), tf.cumprod(x, 2, reverse=True), tf.equal(i, 0),
        tf.not_equal(i, 0), x < p, x <= p, x > p, x >= p, tf.logical_and(x > 0, x < 1), tf.logical_or(x > 0, x < 1),
        tf.logical_not(x > 0), tf.logical_xor(x > 0, p > 1), tf.is_nan(x), tf.is_inf(x), tf.is_finite(x),
        tf.clip_by_value(x, -0.5, 0.5), tf.add_n([x, p, x]), tf.matmul(x, p, transpose_b=True),
        tf.matmul(x[0], p[0], True),
        tf.einsum("bij,bkj->bik", x, p), tf.tensordot(x, p[0], [[2], [1]]), tf.nn.in_top_k(x[:, 0], [0, 5, 2], 2),
        tf.div_no_nan(x, tf.floor(p)), tf.floormod(x, p), tf.truncatemod(i, 3), tf.atan2(x, p), tf.erfc(x),
        tf.nn.l2_normalize(x, 2), *tf.nn.moments(x, [0, 1]), tf.bitwise.bitwise_and(i, 5), tf.truncatediv(i, 2),
        tf.unsorted_segment_sum(x, [1, 0, 1], 2), tf.stop_gradient(x), tf.check_numerics(x, "x"),
        tf.math.multiply_no_nan(x, p),
    ]  # fmt: skip
    return y, {x: rng.normal(size=(3, 4, 6))}


@graph
def layers(rng):
    x = tf.placeholder(tf.float32, [2, 8, 8, 4], name="x")

    def w(*shape):
        return tf.constant(rng.normal(size=shape).astype(np.float32))

    first = tf.transpose(x, [0, 3, 1, 2])
    vectors = [w(4), w(4), w(4), tf.abs(w(4))]
    y = [
        tf.nn.conv2d(x, w(3, 3, 4, 5), [1, 2, 1, 1], "SAME"), tf.nn.conv2d(x, w(3, 3, 4, 5), 2, "VALID"),
        tf.nn.conv2d(x, w(3, 3, 4, 5), 1, [[0, 0], [1, 2], [0, 1], [0, 0]], dilations=[1, 2, 2, 1]),
        tf.nn.atrous_conv2d(x, w(3, 3, 4, 5), 2, "SAME"),
        tf.nn.depthwise_conv2d_native(x, w(3, 3, 4, 2), [1, 2, 2, 1], "SAME"),
        tf.nn.separable_conv2d(x, w(3, 3, 4, 2), w(1, 1, 8, 3), [1, 1, 1, 1], "VALID"),
        tf.nn.conv2d_transpose(x, w(3, 3, 5, 4), [2, 16, 16, 5], 2, "SAME"), tf.nn.bias_add(x, w(4)),
        tf.nn.max_pool(x, [1, 3, 2, 1], [1, 2, 2, 1], "SAME"), tf.nn.avg_pool(x, 3, 2, "SAME"),
        tf.nn.lrn(x, 2, 1.5, 0.5, 0.75),

        tf.nn.fused_batch_norm(x, *vectors, epsilon=0.01, is_training=False)[0],
        *tf.nn.fused_batch_norm(x, *vectors[:2]),
        tf.nn.bias_add(first, w(4), data_format="NCHW"),
        tf.nn.batch_normalization(x, *vectors[2:], *vectors[:2], 0.1), tf.nn.conv1d(x[:, 0], w(3, 4, 5), 1, "SAME"),
        tf.nn.conv3d(x[:, :, :, None], w(2, 2, 1, 4, 3), [1, 1, 1, 1, 1], "SAME"),
        tf.nn.max_pool3d(x[:, :, :, None], [1, 2, 2, 1, 1], [1, 2, 2, 1, 1], "VALID"),
        tf.nn.avg_pool3d(x[:, :, :, None], [1, 2, 2, 1, 1], [1, 2, 2, 1, 1], "VALID"),
        *tf.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID"),
        tf.nn.softmax_cross_entropy_with_logits(labels=tf.nn.softmax(x), logits=x * 2),
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.argmax(x, 3), logits=x * 2),
        tf.nn.sigmoid_cross_entropy_with_logits(labels=tf.sigmoid(x), logits=x * 2),
        slim.instance_norm(x, epsilon=0.1), slim.layer_norm(x), slim.unit_norm(x, 3),
    ]  # fmt: skip
    return y, {x: rng.normal(size=(2, 8, 8, 4))}


@graph
def gradients(rng):
    x = tf.placeholder(tf.float32, [None, 8, 8, 3], name="x")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    w = [tf.constant((rng.normal(size=s) / 3).astype(np.float32)) for s in ((3, 3, 3, 4), (3, 3, 4, 2), (8, 5), (5,))]
    net = tf.nn.conv2d(x, w[0], [1, 2, 2, 1], "SAME")
    net = tf.nn.fused_batch_norm(net, tf.ones([4]), tf.zeros([4]))[0]
    net = tf.nn.max_pool(tf.nn.relu6(net), 2, 1, "SAME")
    net = tf.nn.depthwise_conv2d_native(net, w[1], [1, 1, 1, 1], "SAME")
    net = tf.nn.avg_pool(tf.nn.elu(net), 2, 2, "VALID")
    net = tf.reduce_mean(tf.tanh(net), [1, 2], keepdims=True) * tf.sigmoid(net)
    net = tf.squeeze(tf.nn.leaky_relu(tf.reduce_max(net, [1, 2], keepdims=True)), [1, 2])
    logits = tf.nn.bias_add(tf.matmul(net, w[2]), w[3]) + tf.sqrt(tf.reduce_sum(net * net, 1, keepdims=True) + 1.0)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    soft = tf.nn.softmax_cross_entropy_with_logits(labels=tf.one_hot(labels, 5), logits=logits * 2)
    rest = tf.nn.softplus(tf.reduce_mean(tf.concat([logits, net], 1)[:, 1:-1])) + tf.nn.l2_loss(
        tf.pad(net, [[0, 0], [1, 1]])
    )
    loss = tf.reduce_mean(losses) + tf.reduce_mean(soft) + rest
    y = [loss, *tf.gradients(loss, [x, *w])]
    return y, {x: rng.normal(size=(3, 8, 8, 3)), labels: np.array([0, 4, 2])}


@graph
def conditional(rng):
    x = tf.placeholder(tf.float32, [None, 5], name="x")
    training = tf.placeholder_with_default(False, [], name="is_training")
    net = slim.batch_norm(x, is_training=training, scope="bn", scale=True)
    net = slim.dropout(net, 1.0, is_training=training)
    net = tf.cond(
        training, lambda: net * 2.0 + tf.constant(1.0), lambda: tf.cond(x[0, 0] > 9, lambda: net, lambda: -net)
    )
    return [tf.identity(net, name="out")], {x: rng.normal(size=(4, 5))}


@graph
def loops(rng):
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    n = tf.placeholder(tf.int32, [], name="n")
    lengths = tf.placeholder(tf.int32, [None], name="lengths")
    flag = tf.placeholder(tf.bool, [], name="flag")
    w = tf.constant(np.eye(3, dtype=np.float32) * 0.5 + 0.1)
    _, plain = tf.while_loop(lambda i, y: i < n, lambda i, y: (i + 1, tf.tanh(tf.matmul(y, w))), [0, x])

    def body(i, grown):
        total = tf.reduce_sum(x)
        _, inner = tf.while_loop(lambda j, s: j < i, lambda j, s: (j + 1, s + tf.cast(j * i, tf.float32)), [0, total])
        inner = tf.cond(tf.equal(i % 2, 0), lambda: inner * 2, lambda: inner - 1)
        return i + 1, tf.concat([grown, [inner]], 0)

    shapes = [tf.TensorShape([]), tf.TensorShape([None])]
    _, nested = tf.while_loop(lambda i, grown: i < n, body, [0, tf.zeros([1])], shape_invariants=shapes)
    doubled = 1.0 + tf.cast(flag, tf.float32)  # 1 where the loop is not run: it would never end
    either = tf.cond(
        flag, lambda: tf.while_loop(lambda k: k < 100.0, lambda k: k * doubled, [tf.constant(1.0)]),
        lambda: tf.constant(-1.0),
    )  # fmt: skip
    mapped = tf.map_fn(lambda row: tf.reduce_sum(row * row) + row, x)
    scanned = tf.scan(lambda before, row: before * 0.5 + row, x)
    several = tf.map_fn(lambda pair: (pair[0] + 1.0, tf.argmax(pair[1])), (x, x), dtype=(tf.float32, tf.int64))
    cell = tf.nn.rnn_cell.LSTMCell(4)
    sequence = tf.stack([x, x * 2, -x], 1)
    outputs, state = tf.nn.dynamic_rnn(cell, sequence, lengths, dtype=tf.float32)
    y = [plain, nested, either, mapped, scanned, *several, outputs, state.h]
    return y, {x: rng.normal(size=(4, 3)), n: 4, lengths: [3, 1, 2, 0], flag: False}


def record(name, define):
    rng = np.random.default_rng(sum(map(ord, name)))
    with tf.Graph().as_default() as made, tf.Session() as sess:
        tf.set_random_seed(1)
        fetches, feed = define(rng)
        feed = {x: np.asarray(value, x.dtype.as_numpy_dtype) for x, value in feed.items()}
        sess.run(tf.global_variables_initializer())
        for var in tf.global_variables():  # also moving averages, which begin at 0 and 1, get values that tell
            value = sess.run(var)
            if "moving" in var.op.name:
                var.load(rng.uniform(0.5, 1.5, value.shape).astype(np.float32), sess)
        fetches = [tf.identity(t, name=f"result_{i}") for i, t in enumerate(fetches)]
        results = sess.run(fetches, feed)
        frozen = tf.graph_util.convert_variables_to_constants(sess, made.as_graph_def(), [t.op.name for t in fetches])
    with tf.Graph().as_default():  # the frozen graph gives the same, and its names are those of an import
        tf.import_graph_def(frozen, name="")
    with open(os.path.join(FOLDER, f"{name}.pb"), "wb") as file:
        file.write(frozen.SerializeToString(deterministic=True))
    for x, value in feed.items():
        arrays[f"{name}/feed/{x.name}"] = value
    for tensor, value in zip(fetches, results, strict=True):
        arrays[f"{name}/result/{tensor.name}"] = value


STEPS = 4


def metagraph(name, define):
    """Record a training: `define()` gives the train op, a prediction and {placeholder: values of a step}."""
    rng = np.random.default_rng(sum(map(ord, name)))
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.set_random_seed(1)
        train_op, prediction, feed = define(rng)
        tf.add_to_collection("step", train_op)
        tf.add_to_collection("prediction", prediction)
        tf.add_to_collection("words", b"two")
        tf.add_to_collection("numbers", 7)
        saver = tf.train.Saver(max_to_keep=3)
        sess.run(tf.global_variables_initializer())
        variables = tf.global_variables()
        for var in variables:
            arrays[f"{name}/initial/{var.op.name}"] = sess.run(var)
        losses = [sess.run(train_op, {x: values[i] for x, values in feed.items()}) for i in range(STEPS)]
        for x, values in feed.items():
            arrays[f"{name}/feed/{x.name}"] = np.asarray(values, x.dtype.as_numpy_dtype)
        arrays[f"{name}/losses"] = np.array(losses)
        arrays[f"{name}/prediction"] = sess.run(prediction, {x: values[0] for x, values in feed.items()})
        for var in variables:
            arrays[f"{name}/final/{var.op.name}"] = sess.run(var)
        saver.export_meta_graph(os.path.join(FOLDER, f"{name}.meta"), clear_extraneous_savers=True)


def training(rng):
    images = tf.placeholder(tf.float32, [None, 12, 12, 3], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    with slim.arg_scope(
        [slim.conv2d, slim.fully_connected, slim.separable_conv2d], weights_regularizer=slim.l2_regularizer(0.01)
    ):
        norm = {"is_training": True, "decay": 0.9}
        net = slim.conv2d(images, 6, [3, 3], 2, normalizer_fn=slim.batch_norm, normalizer_params=norm, scope="conv1")
        net = slim.separable_conv2d(net, 5, [3, 3], 1, scope="conv2")
        net = slim.max_pool2d(net, [2, 2], scope="pool2")
        net = slim.flatten(slim.dropout(net, 1.0, scope="dropout2"))
        logits = slim.fully_connected(net, 4, activation_fn=None, scope="logits")
    tf.losses.sparse_softmax_cross_entropy(labels, logits)
    total = tf.losses.get_total_loss()
    rate = tf.train.exponential_decay(0.1, slim.get_or_create_global_step(), 2, 0.5, staircase=True)
    train_op = slim.learning.create_train_op(total, tf.train.MomentumOptimizer(rate, 0.9), clip_gradient_norm=1.0)
    tf.summary.scalar("total", total)
    tf.summary.merge_all()
    feed = {images: rng.normal(size=(STEPS, 5, 12, 12, 3)), labels: rng.integers(0, 4, (STEPS, 5))}
    return train_op, tf.nn.softmax(logits, name="prediction"), feed


def resources(rng):
    x = tf.placeholder(tf.float32, [None, 6], name="x")
    with tf.variable_scope("net", use_resource=True):
        w = tf.get_variable("w", [6, 3], initializer=tf.random_normal_initializer(seed=1))
        b = tf.get_variable("b", [3], initializer=tf.zeros_initializer())
        step = tf.train.get_or_create_global_step()
    y = tf.nn.elu(tf.matmul(x, w) + b, name="y")
    loss = tf.reduce_mean(tf.square(y - 1.0))
    averages = tf.train.ExponentialMovingAverage(0.9)
    with tf.control_dependencies([tf.train.AdamOptimizer(0.05).minimize(loss, step)]):
        averaged = averages.apply([w, b])
    with tf.control_dependencies([averaged]):
        train_op = tf.identity(loss)
    return train_op, y, {x: rng.normal(size=(STEPS, 4, 6))}


def switched(rng):
    """Batch norm that a placeholder switches between training and not, for programs that evaluate on the side."""
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], name="x")
    training = tf.placeholder(tf.bool, [], name="is_training")
    net = slim.conv2d(
        x,
        5,
        [3, 3],
        normalizer_fn=slim.batch_norm,
        normalizer_params={"is_training": training, "decay": 0.8},
        scope="c",
    )
    net = tf.layers.batch_normalization(slim.flatten(net), training=training, momentum=0.7, name="bn")
    y = slim.fully_connected(net, 2, activation_fn=None, scope="y")
    loss = tf.reduce_mean(tf.square(y - 1.0))
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        train_op = slim.learning.create_train_op(loss, tf.train.GradientDescentOptimizer(0.05))
    flags = np.array([True, False, True, False])
    return train_op, tf.sigmoid(y), {x: rng.normal(size=(STEPS, 6, 4, 4, 3)), training: flags}


def main():
    os.makedirs(FOLDER, exist_ok=True)
    for name, define in GRAPHS.items():
        record(name, define)
    for define in (training, resources, switched):
        metagraph(define.__name__, define)
    np.savez_compressed(os.path.join(HERE, "graph_def.npz"), **arrays)


if __name__ == "__main__":
    main()
