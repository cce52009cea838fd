"""The 29 blocks of code of TF-Slim's original README: the same calls in the same order, on small real data.

Each test is one block, in the README's order. `slim.max_pool` in the block of `repeat` is the README's slip: no release
had that name. Blocks with VGG-16 run twice: with all its channels when long tests are chosen, else with few.
"""

import math

import numpy as np
import pytest

import npslim.tf as tf
from npslim.data import digits

slim = tf.contrib.slim
vgg = tf.contrib.slim.nets.vgg
IMAGES, LABELS = digits.load()


def pictures(count, side, channels=3):
    """Digits enlarged to `side` x `side` pixels."""
    times = math.ceil(side / IMAGES.shape[1])
    large = IMAGES[:count].repeat(times, 1).repeat(times, 2)[:, :side, :side]
    return tf.constant(np.tile(large, (1, 1, 1, channels)))


def one_hot(count, classes):
    return slim.one_hot_encoding(LABELS[:count], classes)


def run(fetches):
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(fetches)


@pytest.fixture(params=["few channels", pytest.param("all channels", marks=pytest.mark.long)])
def size(request, monkeypatch):
    """The side of the pictures and the number of classes for VGG-16; replaces it by a thin one unless all is wanted."""
    if request.param == "all channels":
        return 224, 1000

    def thin(inputs, is_training=True, num_classes=20):
        regularized = slim.arg_scope(
            [slim.conv2d, slim.fully_connected], weights_regularizer=slim.l2_regularizer(0.0005)
        )
        with tf.variable_scope("vgg_16"), regularized:
            net = inputs
            for block, layers in enumerate((2, 2, 3), 1):
                net = slim.repeat(net, layers, slim.conv2d, 4 * block, [3, 3], scope=f"conv{block}")
                net = slim.max_pool2d(net, [2, 2], scope=f"pool{block}")
            net = slim.fully_connected(slim.flatten(net), 16, scope="fc6")
            net = slim.dropout(net, 0.5, is_training=is_training, scope="dropout6")
            return slim.fully_connected(net, num_classes, activation_fn=None, scope="fc8")

    for name in ("vgg16", "vgg_16"):
        monkeypatch.setattr(vgg, name, thin)
    return 16, 20


def predictions_of(found):
    """The nets of the library give (logits, end points), the README's snippets use the logits."""
    return found[0] if isinstance(found, tuple) else found


def test_usage():
    assert tf.contrib.slim is slim
    assert slim.conv2d


# ---- variables


def test_a_variable():
    weights = slim.variable(
        "weights", shape=[10, 10, 3, 3], initializer=tf.truncated_normal_initializer(stddev=0.1),
        regularizer=slim.l2_regularizer(0.05), device="/CPU:0",
    )  # fmt: skip
    value, penalty = run([weights, *tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)])
    assert 0.08 < value.std() < 0.1 and np.abs(value).max() <= 0.2
    np.testing.assert_allclose(penalty, 0.05 * (value.astype(float) ** 2).sum() / 2, rtol=1e-5)
    assert weights.device.upper().endswith("CPU:0")


def test_model_variables_and_regular_ones():
    weights = slim.model_variable(
        "weights", shape=[10, 10, 3, 3], initializer=tf.truncated_normal_initializer(stddev=0.1),
        regularizer=slim.l2_regularizer(0.05), device="/CPU:0",
    )  # fmt: skip
    model_variables = slim.get_model_variables()
    my_var = slim.variable("my_var", shape=[20, 1], initializer=tf.zeros_initializer())
    regular_variables_and_model_variables = slim.get_variables()
    assert model_variables == [weights]
    assert regular_variables_and_model_variables == [weights, my_var]


def test_a_model_variable_of_ones_own():
    my_model_variable = tf.Variable(tf.zeros([3]), name="mine")
    assert slim.get_model_variables() == []
    slim.add_model_variable(my_model_variable)
    assert slim.get_model_variables() == [my_model_variable]


# ---- layers


def plain_conv(input):
    with tf.name_scope("conv1_1") as scope:
        kernel = tf.Variable(tf.truncated_normal([3, 3, 64, 128], dtype=tf.float32, stddev=1e-1), name="weights")
        conv = tf.nn.conv2d(input, kernel, [1, 1, 1, 1], padding="SAME")
        biases = tf.Variable(tf.constant(0.0, shape=[128], dtype=tf.float32), trainable=True, name="biases")
        bias = tf.nn.bias_add(conv, biases)
        return tf.nn.relu(bias, name=scope)


def test_a_convolution_without_slim():
    conv1 = plain_conv(pictures(2, 8, 64))
    assert conv1.op.name == "conv1_1"
    assert [v.op.name for v in tf.trainable_variables()] == ["conv1_1/weights", "conv1_1/biases"]
    assert run(conv1).shape == (2, 8, 8, 128)


def test_the_same_convolution_with_slim():
    input = pictures(2, 8, 64)
    plain = plain_conv(input)
    kernel = tf.trainable_variables()[0]
    net = slim.conv2d(input, 128, [3, 3], scope="conv1_1")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        slim.get_model_variables()[0].load(sess.run(kernel), sess)
        a, b = sess.run([plain, net])
    np.testing.assert_array_equal(a, b)


def tower(net, by):
    if by == "lines":
        net = slim.conv2d(net, 256, [3, 3], scope="conv3_1")
        net = slim.conv2d(net, 256, [3, 3], scope="conv3_2")
        net = slim.conv2d(net, 256, [3, 3], scope="conv3_3")
    elif by == "loop":
        for i in range(3):
            net = slim.conv2d(net, 256, [3, 3], scope="conv3_%d" % (i + 1))  # noqa: UP031 - as in the README
    else:
        net = slim.repeat(net, 3, slim.conv2d, 256, [3, 3], scope="conv3")
    return slim.max_pool2d(net, [2, 2], scope="pool3")


@pytest.mark.parametrize("by", ["lines", "loop", "repeat"])
def test_three_convolutions(by):
    net = tower(pictures(2, 8, 8), by)
    inner = "conv3/" if by == "repeat" else ""
    names = [f"{inner}conv3_{i}/{kind}" for i in (1, 2, 3) for kind in ("weights", "biases")]
    assert [v.op.name for v in slim.get_model_variables()] == names
    assert run(net).shape == (2, 4, 4, 256)


def test_stack_of_fully_connected():
    x = tf.reshape(pictures(4, 8, 1), [4, 64])
    with tf.variable_scope("verbose"):
        y = slim.fully_connected(x, 32, scope="fc/fc_1")
        y = slim.fully_connected(y, 64, scope="fc/fc_2")
        y = slim.fully_connected(y, 128, scope="fc/fc_3")
    stacked = slim.stack(x, slim.fully_connected, [32, 64, 128], scope="fc")
    names = [v.op.name for v in slim.get_model_variables()]
    assert names[:6] == [f"verbose/{name}" for name in names[6:]]
    assert stacked.shape == y.shape


def test_stack_of_convolutions():
    x = pictures(2, 8, 3)
    with tf.variable_scope("verbose"):
        y = slim.conv2d(x, 32, [3, 3], scope="core/core_1")
        y = slim.conv2d(y, 32, [1, 1], scope="core/core_2")
        y = slim.conv2d(y, 64, [3, 3], scope="core/core_3")
        y = slim.conv2d(y, 64, [1, 1], scope="core/core_4")
    stacked = slim.stack(x, slim.conv2d, [(32, [3, 3]), (32, [1, 1]), (64, [3, 3]), (64, [1, 1])], scope="core")
    shapes = {v.op.name: v.shape.as_list() for v in slim.get_model_variables()}
    for name in [name for name in shapes if name.startswith("core")]:
        assert shapes[name] == shapes[f"verbose/{name}"]
    assert len(shapes) == 16
    assert stacked.shape == y.shape


# ---- scopes


def check_three_layers(net):
    """The three layers of the README: shapes, initial values, penalties."""
    shapes = [v.shape.as_list() for v in slim.get_model_variables() if v.op.name.endswith("weights")]
    assert shapes == [[11, 11, 3, 64], [11, 11, 64, 128], [11, 11, 128, 256]]
    assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 3
    weights = run(slim.get_unique_variable("conv1/weights"))
    assert 0.008 < weights.std() < 0.01
    return net.shape.as_list()


def test_three_layers_with_all_arguments():
    inputs = pictures(1, 64)
    net = slim.conv2d(
        inputs, 64, [11, 11], 4, padding="SAME", weights_initializer=tf.truncated_normal_initializer(stddev=0.01),
        weights_regularizer=slim.l2_regularizer(0.0005), scope="conv1",
    )  # fmt: skip
    net = slim.conv2d(
        net, 128, [11, 11], padding="VALID", weights_initializer=tf.truncated_normal_initializer(stddev=0.01),
        weights_regularizer=slim.l2_regularizer(0.0005), scope="conv2",
    )  # fmt: skip
    net = slim.conv2d(
        net, 256, [11, 11], padding="SAME", weights_initializer=tf.truncated_normal_initializer(stddev=0.01),
        weights_regularizer=slim.l2_regularizer(0.0005), scope="conv3",
    )  # fmt: skip
    assert check_three_layers(net) == [1, 6, 6, 256]


def test_three_layers_with_named_arguments():
    inputs = pictures(1, 64)
    padding = "SAME"
    initializer = tf.truncated_normal_initializer(stddev=0.01)
    regularizer = slim.l2_regularizer(0.0005)
    common = {"weights_initializer": initializer, "weights_regularizer": regularizer}
    net = slim.conv2d(inputs, 64, [11, 11], 4, padding=padding, **common, scope="conv1")
    net = slim.conv2d(net, 128, [11, 11], padding="VALID", **common, scope="conv2")
    net = slim.conv2d(net, 256, [11, 11], padding=padding, **common, scope="conv3")
    assert check_three_layers(net) == [1, 6, 6, 256]


def test_three_layers_in_an_arg_scope():
    inputs = pictures(1, 16)
    with slim.arg_scope(
        [slim.conv2d], padding="SAME", weights_initializer=tf.truncated_normal_initializer(stddev=0.01),
        weights_regularizer=slim.l2_regularizer(0.0005),
    ):  # fmt: skip
        net = slim.conv2d(inputs, 64, [11, 11], scope="conv1")
        net = slim.conv2d(net, 128, [11, 11], padding="VALID", scope="conv2")
        net = slim.conv2d(net, 256, [11, 11], scope="conv3")
    assert check_three_layers(net) == [1, 6, 6, 256]


def test_nested_arg_scopes():
    inputs = pictures(1, 32)
    with slim.arg_scope(
        [slim.conv2d, slim.fully_connected], activation_fn=tf.nn.relu,
        weights_initializer=tf.truncated_normal_initializer(stddev=0.01),
        weights_regularizer=slim.l2_regularizer(0.0005),
    ):  # fmt: skip
        with slim.arg_scope([slim.conv2d], stride=1, padding="SAME"):
            net = slim.conv2d(inputs, 64, [11, 11], 4, padding="VALID", scope="conv1")
            net = slim.conv2d(
                net, 256, [5, 5], weights_initializer=tf.truncated_normal_initializer(stddev=0.03), scope="conv2"
            )
            net = slim.fully_connected(net, 1000, activation_fn=None, scope="fc")
    assert net.shape.as_list() == [1, 6, 6, 1000]
    found = run({v.op.name: v for v in slim.get_model_variables()})
    deviations = {name: found[f"{name}/weights"].std() for name in ("conv1", "conv2", "fc")}
    assert deviations == pytest.approx({"conv1": 0.0088, "conv2": 0.0264, "fc": 0.0088}, rel=0.02)
    assert net.op.type != "Relu"


def vgg16(inputs):
    with slim.arg_scope(
        [slim.conv2d, slim.fully_connected], activation_fn=tf.nn.relu,
        weights_initializer=tf.truncated_normal_initializer(0.0, 0.01),
        weights_regularizer=slim.l2_regularizer(0.0005),
    ):  # fmt: skip
        net = slim.repeat(inputs, 2, slim.conv2d, 64, [3, 3], scope="conv1")
        net = slim.max_pool2d(net, [2, 2], scope="pool1")
        net = slim.repeat(net, 2, slim.conv2d, 128, [3, 3], scope="conv2")
        net = slim.max_pool2d(net, [2, 2], scope="pool2")
        net = slim.repeat(net, 3, slim.conv2d, 256, [3, 3], scope="conv3")
        net = slim.max_pool2d(net, [2, 2], scope="pool3")
        net = slim.repeat(net, 3, slim.conv2d, 512, [3, 3], scope="conv4")
        net = slim.max_pool2d(net, [2, 2], scope="pool4")
        net = slim.repeat(net, 3, slim.conv2d, 512, [3, 3], scope="conv5")
        net = slim.max_pool2d(net, [2, 2], scope="pool5")
        net = slim.fully_connected(net, 4096, scope="fc6")
        net = slim.dropout(net, 0.5, scope="dropout6")
        net = slim.fully_connected(net, 4096, scope="fc7")
        net = slim.dropout(net, 0.5, scope="dropout7")
        net = slim.fully_connected(net, 1000, activation_fn=None, scope="fc8")
    return net


def test_vgg16_by_hand():
    net = vgg16(pictures(1, 32))  # its last layers see single pixels: the README's snippet does not flatten
    assert net.shape.as_list() == [1, 1, 1, 1000]
    assert len(slim.get_model_variables()) == 32
    assert len(slim.losses.get_regularization_losses()) == 16
    assert np.isfinite(run(net)).all()


# ---- losses


def test_loss_of_a_net(size):
    side, classes = size
    images, labels = pictures(2, side), one_hot(2, classes)
    predictions = predictions_of(vgg.vgg16(images))
    loss = slim.losses.softmax_cross_entropy(predictions, labels)
    assert slim.losses.get_losses() == [loss]
    assert run(loss) == pytest.approx(math.log(classes), rel=0.3)


def two_tasks(images):
    shared = slim.fully_connected(slim.flatten(images), 16, weights_regularizer=slim.l2_regularizer(0.01))
    return slim.fully_connected(shared, 10, activation_fn=None), slim.fully_connected(shared, 1, activation_fn=None)


def test_two_tasks():
    images, scene_labels, depth_labels = pictures(4, 8), one_hot(4, 10), tf.ones([4, 1])
    scene_predictions, depth_predictions = two_tasks(images)
    classification_loss = slim.losses.softmax_cross_entropy(scene_predictions, scene_labels)
    sum_of_squares_loss = slim.losses.sum_of_squares(depth_predictions, depth_labels)
    by_hand = classification_loss + sum_of_squares_loss
    total_loss = slim.losses.get_total_loss(add_regularization_losses=False)
    a, b = run([by_hand, total_loss])
    assert a == pytest.approx(b, rel=1e-6)


def test_a_loss_of_ones_own():
    images, scene_labels, depth_labels, pose_labels = pictures(4, 8), one_hot(4, 10), tf.ones([4, 1]), tf.zeros([4, 1])
    scene_predictions, depth_predictions = two_tasks(images)
    pose_predictions = slim.fully_connected(slim.flatten(images), 1, activation_fn=None)
    classification_loss = slim.losses.softmax_cross_entropy(scene_predictions, scene_labels)
    sum_of_squares_loss = slim.losses.sum_of_squares(depth_predictions, depth_labels)
    pose_loss = tf.reduce_mean(tf.abs(pose_predictions - pose_labels))
    slim.losses.add_loss(pose_loss)
    regularization_loss = tf.add_n(slim.losses.get_regularization_losses())
    total_loss1 = classification_loss + sum_of_squares_loss + pose_loss + regularization_loss
    total_loss2 = slim.losses.get_total_loss()
    a, b = run([total_loss1, total_loss2])
    assert a == pytest.approx(b, rel=1e-6)


# ---- training


def test_training(tmp_path):
    g = tf.Graph()
    with g.as_default():
        predictions = slim.fully_connected(slim.flatten(pictures(64, 8, 1)), 10, activation_fn=None)
        slim.losses.softmax_cross_entropy(predictions, one_hot(64, 10))
        total_loss = slim.losses.get_total_loss()
        optimizer = tf.train.GradientDescentOptimizer(0.5)
        train_op = slim.learning.create_train_op(total_loss, optimizer)
        logdir = str(tmp_path)
        loss = slim.learning.train(
            train_op, logdir, number_of_steps=100, save_summaries_secs=300, save_interval_secs=600
        )
    assert loss < 0.5
    assert tf.train.latest_checkpoint(logdir) == str(tmp_path / "model.ckpt-100")


def test_training_vgg16(tmp_path, size):
    side, classes = size
    train_log_dir = str(tmp_path / "logs")
    if not tf.gfile.Exists(train_log_dir):
        tf.gfile.MakeDirs(train_log_dir)
    with tf.Graph().as_default():
        images, labels = pictures(1, side), one_hot(1, classes)
        predictions = predictions_of(vgg.vgg16(images, is_training=True))
        slim.losses.softmax_cross_entropy(predictions, labels)
        total_loss = slim.losses.get_total_loss()
        tf.summary.scalar("losses/total_loss", total_loss)
        optimizer = tf.train.GradientDescentOptimizer(learning_rate=0.001)
        train_tensor = slim.learning.create_train_op(total_loss, optimizer)
        loss = slim.learning.train(train_tensor, train_log_dir, number_of_steps=2)
    assert np.isfinite(loss)
    assert tf.train.latest_checkpoint(train_log_dir).endswith("model.ckpt-2")


# ---- restoring


def test_restoring(tmp_path):
    v1 = tf.Variable(tf.constant([1.0, 2.0]), name="v1")
    v2 = tf.Variable(tf.constant([3.0]), name="v2")
    restorer = tf.train.Saver()
    path = str(tmp_path / "model.ckpt")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        restorer.save(sess, path)
    for restorer in (tf.train.Saver(), tf.train.Saver([v1, v2])):
        with tf.Session() as sess:
            restorer.restore(sess, path)
            np.testing.assert_array_equal(sess.run(v1), [1.0, 2.0])
            np.testing.assert_array_equal(sess.run(v2), [3.0])


def test_restoring_a_part(tmp_path):
    path = str(tmp_path / "model.ckpt")
    v1 = slim.variable(name="v1", shape=[2], initializer=tf.ones_initializer())
    v2 = slim.variable(name="nested/v2", shape=[2], initializer=tf.ones_initializer())
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        tf.train.Saver().save(sess, path)
    for variables_to_restore in (
        slim.get_variables_by_name("v2"), slim.get_variables_by_suffix("2"), slim.get_variables(scope="nested"),
        slim.get_variables_to_restore(include=["nested"]), slim.get_variables_to_restore(exclude=["v1"]),
    ):  # fmt: skip
        assert variables_to_restore == [v2]
        restorer = tf.train.Saver(variables_to_restore)
        with tf.Session() as sess:
            restorer.restore(sess, path)
            np.testing.assert_array_equal(sess.run(v2), [1, 1])
            with pytest.raises(tf.errors.FailedPreconditionError):
                sess.run(v1)


@pytest.mark.parametrize("way", ["prefix", "parts"])
def test_restoring_under_other_names(tmp_path, way):
    path = str(tmp_path / "model.ckpt")
    others = ["vgg16/conv1/weights", "vgg16/conv1/bias"] if way == "prefix" else ["conv1/params1", "conv1/params2"]
    with tf.Graph().as_default(), tf.Session() as sess:
        for i, name in enumerate(others):
            tf.Variable(tf.fill([2], float(i + 5)), name=name)
        sess.run(tf.global_variables_initializer())
        tf.train.Saver().save(sess, path)
    weights = slim.model_variable("conv1/weights", shape=[2])
    bias = slim.model_variable("conv1/bias", shape=[2])

    def name_in_checkpoint(var):
        if way == "prefix":
            return "vgg16/" + var.op.name
        if "weights" in var.op.name:
            return var.op.name.replace("weights", "params1")
        if "bias" in var.op.name:
            return var.op.name.replace("bias", "params2")
        return None

    variables_to_restore = slim.get_model_variables()
    variables_to_restore = {name_in_checkpoint(var): var for var in variables_to_restore}
    restorer = tf.train.Saver(variables_to_restore)
    with tf.Session() as sess:
        restorer.restore(sess, path)
        np.testing.assert_array_equal(sess.run([weights, bias]), [[5, 5], [6, 6]])


def test_fine_tuning(tmp_path, size):
    side, classes = size
    model_path = str(tmp_path / "trained/model.ckpt")
    with tf.Graph().as_default(), tf.Session() as sess:
        vgg.vgg_16(tf.zeros([1, side, side, 3]), num_classes=classes)
        sess.run(tf.global_variables_initializer())
        trained = sess.run(slim.get_unique_variable("vgg_16/conv1/conv1_1/weights"))
        tf.train.Saver().save(sess, model_path)

    image, label = tf.train.slice_input_producer([pictures(8, side), one_hot(8, 20)], shuffle=False)
    images, labels = tf.train.batch([image, label], batch_size=2)
    predictions = predictions_of(vgg.vgg_16(images, num_classes=20))
    slim.losses.softmax_cross_entropy(predictions, labels)
    train_op = slim.learning.create_train_op(
        slim.losses.get_total_loss(), tf.train.GradientDescentOptimizer(learning_rate=0.0)
    )
    log_dir = str(tmp_path / "new")
    variables_to_restore = slim.get_variables_to_restore(
        exclude=[f"vgg_16/{layer}" for layer in ("fc6", "fc7", "fc8")] + ["global_step"]
    )
    init_fn = slim.assign_from_checkpoint_fn(model_path, variables_to_restore)
    slim.learning.train(train_op, log_dir, init_fn=init_fn, number_of_steps=2)
    found = tf.train.load_variable(log_dir, "vgg_16/conv1/conv1_1/weights")
    np.testing.assert_allclose(found, trained, rtol=1e-6)


# ---- evaluation


def test_metrics():
    labels = tf.constant([1.0, 2.0, 4.0, 5.0])
    predictions = tf.constant([1.0, 2.5, 3.0, 5.5])
    mean_relative_errors = tf.abs(predictions - labels) / labels
    mae_value_op, mae_update_op = slim.metrics.streaming_mean_absolute_error(predictions, labels)
    mre_value_op, mre_update_op = slim.metrics.streaming_mean_relative_error(predictions, labels, labels)
    pl_value_op, pl_update_op = slim.metrics.percentage_less(mean_relative_errors, 0.2)
    with tf.Session() as sess:
        sess.run(tf.local_variables_initializer())
        for _ in range(3):
            sess.run([mae_update_op, mre_update_op, pl_update_op])
        assert sess.run([mae_value_op, mre_value_op, pl_value_op]) == pytest.approx([0.5, 0.15, 0.5])


def test_aggregated_metrics():
    labels, predictions = tf.constant([1.0, 2.0]), tf.constant([1.0, 4.0])
    value_ops, update_ops = slim.metrics.aggregate_metrics(
        slim.metrics.streaming_mean_absolute_error(predictions, labels),
        slim.metrics.streaming_mean_squared_error(predictions, labels),
    )
    names_to_values, names_to_updates = slim.metrics.aggregate_metric_map({
        "eval/mean_absolute_error": slim.metrics.streaming_mean_absolute_error(predictions, labels),
        "eval/mean_squared_error": slim.metrics.streaming_mean_squared_error(predictions, labels),
    })  # fmt: skip
    with tf.Session() as sess:
        sess.run(tf.local_variables_initializer())
        sess.run([update_ops, names_to_updates])
        assert sess.run(value_ops) == [1.0, 2.0]
        assert sess.run(names_to_values) == {"eval/mean_absolute_error": 1.0, "eval/mean_squared_error": 2.0}


def test_tracking_several_metrics(size, capsys):
    side, classes = size
    images, labels = pictures(2, side), one_hot(2, classes)
    predictions = predictions_of(vgg.vgg_16(images, num_classes=classes, is_training=False))
    names_to_values, names_to_updates = slim.metrics.aggregate_metric_map({
        "eval/mean_absolute_error": slim.metrics.streaming_mean_absolute_error(predictions, labels),
        "eval/mean_squared_error": slim.metrics.streaming_mean_squared_error(predictions, labels),
    })  # fmt: skip
    num_batches = 3
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(tf.local_variables_initializer())
        for _ in range(num_batches):
            sess.run(names_to_updates.values())
        metric_values = sess.run(names_to_values.values())
        for metric, value in zip(names_to_values.keys(), metric_values, strict=True):
            print("Metric %s has value: %f" % (metric, value))  # noqa: UP031 - as in the README
        found, wanted = sess.run([predictions, labels])
    assert capsys.readouterr().out.count("has value") == 2
    np.testing.assert_allclose(metric_values[1], ((found - wanted) ** 2).mean(), rtol=1e-4)


def test_evaluation_loop(tmp_path, capfd):
    checkpoint_dir, log_dir = str(tmp_path / "train"), str(tmp_path / "eval")
    images, labels = pictures(32, 8, 1), tf.constant(LABELS[:32] > 4)
    logits = slim.fully_connected(slim.flatten(images), 1, activation_fn=None, scope="fc")
    predictions = tf.squeeze(logits, [1]) > 0.0
    slim.get_or_create_global_step()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        tf.train.Saver().save(sess, f"{checkpoint_dir}/model.ckpt", global_step=0)
        found, wanted = sess.run([predictions, labels])

    names_to_values, names_to_updates = slim.metrics.aggregate_metric_map({
        "accuracy": slim.metrics.streaming_accuracy(predictions, labels),
        "precision": slim.metrics.precision(predictions, labels),
        "recall": slim.metrics.recall(predictions, labels),
    })  # fmt: skip
    summary_ops = []
    for metric_name, metric_value in names_to_values.items():
        op = tf.summary.scalar(metric_name, metric_value)
        op = tf.Print(op, [metric_value], metric_name)
        summary_ops.append(op)
    num_examples, batch_size = 96, 32
    num_batches = math.ceil(num_examples / float(batch_size))
    slim.evaluation.evaluation_loop(
        "local", checkpoint_dir, log_dir, num_evals=num_batches, eval_op=names_to_updates.values(),
        summary_op=tf.summary.merge(summary_ops), eval_interval_secs=0.01, max_number_of_evaluations=1,
    )  # fmt: skip
    assert (found == wanted).mean() > 0
    written = [event for name in tf.gfile.ListDirectory(log_dir) if "tfevents" in name
               for event in tf.train.summary_iterator(f"{log_dir}/{name}")]  # fmt: skip
    # The metrics' scopes have the names already: TensorFlow's tags, too, are then numbered.
    values = {v.tag: v.simple_value for event in written for v in event.summary.value}
    assert values["accuracy_1"] == pytest.approx((found == wanted).mean())
    assert values["recall_1"] == pytest.approx((found & wanted).sum() / wanted.sum())
    assert "accuracy" in capfd.readouterr().err
