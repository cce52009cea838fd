"""What programs of 2016 wrote, with its names and orders of arguments: nets, training by hand, two nets against each
other, averages restored for evaluation, graphs frozen.
"""

import numpy as np
import pytest

import npslim.tf as tf

slim = tf.contrib.slim


def test_orders_of_before_tensorflow_1(tmp_path):
    x = tf.constant(np.arange(4, dtype=np.float32).reshape(2, 2))
    summaries = tf.merge_summary([
        tf.scalar_summary("loss", x[0, 1]), tf.histogram_summary("h", x),
        tf.image_summary("i", tf.reshape(x, [1, 2, 2, 1]), max_images=1),
    ])  # fmt: skip
    parts = tf.split(0, 2, x)
    joined = tf.concat(1, tf.split(x, 2, 1))
    with tf.Session() as session:
        sess_result = session.run([*parts, joined, tf.batch_matmul(x, x), tf.select([True, False], [1, 2], [3, 4])])
        writer = tf.train.SummaryWriter(str(tmp_path), graph=session.graph)
        writer.add_summary(session.run(summaries), 1)
        writer.close()
    np.testing.assert_array_equal(sess_result[0], [[0, 1]])
    np.testing.assert_array_equal(sess_result[2], [[0, 1], [2, 3]])
    np.testing.assert_array_equal(sess_result[3], [[2, 3], [6, 11]])
    assert sess_result[4].tolist() == [1, 4]


def net(x, is_training):
    norm = {"decay": 0.9, "is_training": is_training, "updates_collections": tf.GraphKeys.UPDATE_OPS}
    with tf.variable_scope("net", "net", [x]) as scope:
        collection = scope.original_name_scope + "_end_points"
        with slim.arg_scope(
            [slim.conv2d, slim.fully_connected], normalizer_fn=slim.batch_norm, normalizer_params=norm,
            outputs_collections=[collection],
        ):  # fmt: skip
            y = slim.conv2d(x, 4, [3, 3], stride=2, scope="c1")
            y = tf.concat([slim.conv2d(y, 4, 1), slim.max_pool2d(y, 3, 1, padding="SAME")], axis=3)
            y = tf.reduce_mean(y, [1, 2], keep_dims=True)
            y = slim.conv2d(y, 3, [1, 1], activation_fn=None, normalizer_fn=None, scope="logits")
        end_points = slim.utils.convert_collection_to_dict(collection)
        return tf.squeeze(y, [1, 2], name="squeezed"), end_points


def test_averages_are_restored_and_the_graph_is_frozen(tmp_path):
    images = np.random.RandomState(0).rand(8, 6, 6, 2).astype(np.float32)
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        step = tf.get_variable("global_step", [], tf.int64, tf.constant_initializer(0), trainable=False)
        logits, end_points = net(tf.constant(images), True)
        assert {"net/c1", "net/logits"} <= set(end_points)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(logits=logits, labels=[0, 1, 2, 0] * 2))
        train = tf.train.GradientDescentOptimizer(0.1).minimize(loss, step)
        averages = tf.train.ExponentialMovingAverage(0.5)
        with tf.control_dependencies([train]):
            averaged = averages.apply(tf.trainable_variables())
        everything = tf.group(averaged, *tf.get_collection(tf.GraphKeys.UPDATE_OPS))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for _ in range(3):
                session.run(everything)
            tf.train.Saver().save(session, str(tmp_path / "model.ckpt"), global_step=step)
            right = session.run(averages.average(slim.get_unique_variable("net/c1/weights")))
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 6, 6, 2], "x")
        logits, _ = net(x, False)
        saver = tf.train.Saver(tf.train.ExponentialMovingAverage(0.5).variables_to_restore())
        with tf.Session() as session:
            saver.restore(session, tf.train.latest_checkpoint(str(tmp_path)))
            np.testing.assert_array_equal(session.run("net/c1/weights:0"), right)
            expected = session.run(logits, {x: images})
            graph_def = tf.graph_util.convert_variables_to_constants(
                session, session.graph.as_graph_def(), ["net/squeezed"]
            )
            tf.train.write_graph(graph_def, str(tmp_path), "frozen.pb", as_text=False)
    with tf.Graph().as_default(), tf.gfile.GFile(str(tmp_path / "frozen.pb"), "rb") as file:
        graph_def = tf.GraphDef()
        graph_def.ParseFromString(file.read())
        (found,) = tf.import_graph_def(graph_def, return_elements=["net/squeezed:0"], name="")
        with tf.Session() as session:
            np.testing.assert_allclose(session.run(found, {"x:0": images}), expected, rtol=1e-5, atol=1e-6)


def test_two_nets_against_each_other():
    z, real = tf.placeholder(tf.float32, [None, 6]), tf.placeholder(tf.float32, [None, 8, 8, 1])
    with tf.variable_scope("gen"):
        y = slim.fully_connected(z, 2 * 2 * 8, normalizer_fn=slim.batch_norm, scope="project")
        y = slim.convolution2d_transpose(tf.reshape(y, [-1, 2, 2, 8]), num_outputs=4, kernel_size=[5, 5], stride=[2, 2])
        fake = slim.convolution2d_transpose(y, 1, [5, 5], [2, 2], "SAME", activation_fn=tf.nn.tanh)

    def judge(x, reuse):
        with tf.variable_scope("disc", reuse=reuse):
            y = slim.convolution2d(
                x, 4, [4, 4], stride=[2, 2], activation_fn=lambda t: tf.maximum(t, 0.2 * t), scope="c"
            )
            return slim.fully_connected(slim.flatten(y), 1, activation_fn=None, scope="out")

    of_real, of_fake = judge(real, False), judge(fake, True)
    cross = tf.nn.sigmoid_cross_entropy_with_logits
    d_loss = tf.reduce_mean(cross(logits=of_real, labels=tf.ones_like(of_real)))
    d_loss += tf.reduce_mean(cross(logits=of_fake, labels=tf.zeros_like(of_fake)))
    g_loss = tf.reduce_mean(cross(logits=of_fake, labels=tf.ones_like(of_fake)))
    groups = [tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope=name) for name in ("disc", "gen")]
    trains = [
        tf.train.AdamOptimizer(learning_rate=0.01, beta1=0.5).minimize(loss, var_list=variables)
        for loss, variables in zip((d_loss, g_loss), groups, strict=True)
    ]
    feeds = {z: np.random.RandomState(0).uniform(-1, 1, (4, 6)), real: np.random.RandomState(1).rand(4, 8, 8, 1)}
    with tf.Session() as session:
        session.run(tf.initialize_all_variables())
        before = session.run([d_loss, groups[1][0]], feeds)
        for _ in range(5):
            session.run(trains[0], feeds)
        after = session.run([d_loss, groups[1][0]], feeds)
        session.run(trains[1], feeds)
        moved = session.run(groups[1][0])
    assert after[0] < before[0], "only the judge learned"
    np.testing.assert_array_equal(before[1], after[1])
    assert not np.array_equal(moved, after[1])


def test_a_saver_keeps_the_variables_of_its_time(tmp_path):
    """Two-player programs made the Saver in front of their optimizers, whose slots are in no checkpoint then."""
    w = tf.get_variable("w", [2], initializer=tf.ones_initializer())
    saver, late = tf.train.Saver(), tf.train.Saver(defer_build=True)
    train = tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(w))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = saver.save(session, str(tmp_path / "model"))
        session.run(train)
        saver.restore(session, path)
        assert session.run(w).tolist() == [1, 1]
        everything = late.save(session, str(tmp_path / "late"))
    assert [name for name, _ in tf.train.list_variables(path)] == ["w"]
    names = [name for name, _ in tf.train.list_variables(everything)]
    assert names == ["beta1_power", "beta2_power", "w", "w/Adam", "w/Adam_1"]


def test_hard_negatives_are_chosen_by_a_computed_k():
    scores = tf.placeholder(tf.float32, [None])
    positive = scores > 0.8
    at = tf.where(positive)
    negatives = tf.where(positive, -tf.ones_like(scores), scores)
    k = 2 * tf.reduce_sum(tf.cast(positive, tf.int32))
    values, _ = tf.nn.top_k(negatives, k=k)
    slope = tf.gradients(values, scores)[0]
    with tf.Session() as session:
        feeds = {scores: [0.1, 0.9, 0.5, 0.4, 0.7]}
        found = session.run([at, values, slope], feeds)
        with pytest.raises(tf.errors.InvalidArgumentError, match="0 <= k <= 3"):
            session.run(values, {scores: [0.9, 0.9, 0.9]})
    assert at.dtype == tf.int64 and found[0].tolist() == [[1]]
    np.testing.assert_allclose(found[1], [0.7, 0.5], rtol=1e-6)
    assert found[2].tolist() == [0, 0, 1, 0, 1]
    with pytest.raises(ValueError, match="both x and y"):
        tf.where(positive, scores)
    assert tf.expand_dims(scores, [0]).shape.as_list() == [1, None]


def attention_model(ids, words):
    """An encoder in two directions and a decoder by hand, of one table; its loss."""
    rnn = tf.contrib.rnn
    with tf.variable_scope("model", initializer=tf.constant_initializer(0.1)):
        table = tf.get_variable("table", initializer=np.linspace(-1, 1, 15).reshape(5, 3).astype(np.float32))
        cells = rnn.GRUCell(3), rnn.GRUCell(3)
        both, _ = tf.nn.bidirectional_dynamic_rnn(*cells, tf.nn.embedding_lookup(table, ids), dtype=tf.float32)
        memory, attended, state = tf.concat(both, 2), tf.zeros([2, 6]), tf.zeros([2, 3])
        decoder = rnn.GRUCell(3)
        for word in words:
            x = tf.concat([tf.nn.embedding_lookup(table, word), attended], 1)
            with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
                out, state = decoder(x, state)
                query = tf.layers.dense(out, 6, use_bias=False, name="query")
            weights = tf.nn.softmax(tf.reduce_sum(memory * tf.expand_dims(query, 1), 2))
            attended = tf.reduce_sum(tf.expand_dims(weights, 2) * memory, 1)
        return table, tf.reduce_sum(attended) + tf.reduce_sum(state)


def test_one_table_is_looked_up_by_ids_of_two_ranks():
    with tf.Graph().as_default():
        ids, words = tf.placeholder(tf.int32, [2, None]), [tf.placeholder(tf.int32, [2]) for _ in range(2)]
        table, loss = attention_model(ids, words)
        slope = tf.gradients(loss, table)[0]
        total = tf.convert_to_tensor(slope)
        clipped, norm = tf.clip_by_global_norm([slope], 1.0)
        moved = tf.train.GradientDescentOptimizer(1.0).apply_gradients([(clipped[0], table)])
        start = np.linspace(-1, 1, 15).reshape(5, 3)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            feeds = {ids: [[0, 1, 4], [2, 2, 0]], words[0]: [3, 0], words[1]: [1, 1]}
            found = session.run(total, feeds)
            for place in ((0, 1), (1, 0), (2, 2)):
                step = np.zeros((5, 3), np.float32)
                step[place] = 1e-2
                table.load(start + step, session)
                above = session.run(loss, feeds)
                table.load(start - step, session)
                np.testing.assert_allclose(
                    found[place], (above - session.run(loss, feeds)) / 2e-2, rtol=0.02, atol=1e-4
                )
            table.load(start.astype(np.float32), session)
            length = session.run([norm, moved], feeds)[0]
            np.testing.assert_allclose(session.run(table), start - found / max(length, 1), rtol=1e-4, atol=1e-5)


def test_batch_normalization_of_vectors_keeps_the_variance_of_the_batch_itself():
    """`tf.layers` divides by n, gamma comes first; `slim.batch_norm` divides by n - 1 there, and has beta first."""
    x = np.random.RandomState(0).randn(4, 3).astype(np.float32)
    tf.layers.batch_normalization(tf.constant(x), momentum=0.0, training=True, name="bn")
    names = [variable.op.name for variable in tf.global_variables()]
    assert names == ["bn/gamma", "bn/beta", "bn/moving_mean", "bn/moving_variance"]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
        np.testing.assert_allclose(session.run("bn/moving_variance:0"), x.var(0), rtol=1e-5)


def test_a_scope_without_variables_says_which_there_are():
    w = tf.get_variable("generator/w", [2])
    wrong = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, "genrator")
    with pytest.raises(ValueError, match="No variables to optimize") as found:
        tf.train.AdamOptimizer().minimize(tf.reduce_sum(w), var_list=wrong)
    assert "there are: generator/w" in str(found.value)


def test_a_session_tells_its_graph_def():
    x = tf.placeholder(tf.float32, [None, 2], "x")
    tf.identity(x @ tf.get_variable("w", initializer=[[1.0], [2.0]]), name="out")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        frozen = tf.graph_util.convert_variables_to_constants(session, session.graph_def, ["out"])
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(frozen, name="import")
        assert session.run("import/out:0", {"import/x:0": [[3.0, 4.0]]}).tolist() == [[11.0]]
