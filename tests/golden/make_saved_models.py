"""Records SavedModels from TensorFlow: saved_model/<name>/ with folders as programs export them, and saved_model.npz.

Run it with TensorFlow 2 and tf_slim; it starts itself once more for the folder that TensorFlow 2's own way writes.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "saved_model")
arrays = {}


def net(images, training, slim):
    """Convolutions with batch norm, and logits."""
    norm = {"normalizer_fn": slim.batch_norm, "normalizer_params": {"is_training": training, "scale": True}}
    y = slim.max_pool2d(slim.conv2d(images, 4, [3, 3], scope="conv1", **norm), [2, 2], scope="pool1")
    y = slim.conv2d(y, 3, [3, 3], stride=2, scope="conv2", **norm)
    y = tf.reduce_mean(y, [1, 2], name="pool")
    return slim.fully_connected(y, 5, activation_fn=None, scope="logits")


def initialized(sess, rng):
    """Give every variable random values."""
    for var in tf.global_variables():
        value = rng.normal(size=var.shape.as_list()) * 0.3 + (1 if "variance" in var.op.name else 0)
        var.load(np.abs(value) if "variance" in var.op.name else value, sess)


def keep(name, sess, feed, fetches):
    """Record what is fed and what comes out, by the tensors' names."""
    for x, value in feed.items():
        arrays[f"{name}/feed/{x.name}"] = value
    for y, value in zip(fetches, sess.run(fetches, feed), strict=True):
        arrays[f"{name}/result/{y.name}"] = value.astype("S") if value.dtype == object else value


def served(path, rng, slim):
    """As simple_save writes it."""
    images = tf.placeholder(tf.float32, [None, 8, 8, 3], name="images")
    probabilities = tf.nn.softmax(net(images, False, slim), name="probabilities")
    with tf.Session() as sess:
        initialized(sess, rng)
        tf.saved_model.simple_save(sess, path, {"x": images}, {"y": probabilities})
        keep("served", sess, {images: rng.uniform(size=(2, 8, 8, 3)).astype(np.float32)}, [probabilities])


def graphs(path, rng, slim):
    """Two graphs for one set of variables: to train, with labels, and to serve."""
    utils, builder = tf.saved_model.utils, tf.saved_model.builder.SavedModelBuilder(path)
    images = tf.placeholder(tf.float32, [None, 8, 8, 3], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    loss = tf.losses.sparse_softmax_cross_entropy(labels, net(images, True, slim))
    train_op = slim.learning.create_train_op(loss, tf.train.MomentumOptimizer(0.1, 0.9))
    with tf.Session() as sess:
        initialized(sess, rng)
        builder.add_meta_graph_and_variables(sess, [tf.saved_model.tag_constants.TRAINING, "gpu"])
        feed = {images: rng.uniform(size=(4, 8, 8, 3)).astype(np.float32), labels: np.array([0, 3, 1, 4])}
        for x, value in feed.items():
            arrays[f"train/feed/{x.name}"] = value
        arrays["train/losses"] = np.array([sess.run(train_op, feed) for _ in range(3)])
        arrays["train/name"] = np.array(train_op.name)
    with tf.Graph().as_default(), tf.Session() as sess:
        images = tf.placeholder(tf.float32, [None, 8, 8, 3], name="images")
        logits = net(images, False, slim)
        signature = tf.saved_model.signature_def_utils.build_signature_def(
            {"images": utils.build_tensor_info(images)},
            {"logits": utils.build_tensor_info(logits), "best": utils.build_tensor_info(tf.argmax(logits, 1))},
            tf.saved_model.signature_constants.PREDICT_METHOD_NAME,
        )
        builder.add_meta_graph([tf.saved_model.tag_constants.SERVING], {"classify": signature})
    builder.save()


def words(path, rng, slim):
    """A table whose words are an asset, and a main op that fills it and sets a local variable."""
    source = "words.txt"  # in a folder that is gone when the folder is read
    with open(source, "w") as file:
        file.write("one\ntwo\nthree\n")
    text = tf.placeholder(tf.string, [None], name="text")
    init = tf.lookup.TextFileInitializer(
        source, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    table = tf.lookup.StaticHashTable(init, -1)
    back = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(np.arange(3, dtype=np.int64), ["eins", "zwei", "drei"]), "?"
    )
    ids = tf.identity(table.lookup(text), name="ids")
    german = tf.identity(back.lookup(ids), name="german")
    scale = tf.get_variable(
        "scale", [], collections=[tf.GraphKeys.LOCAL_VARIABLES], initializer=tf.constant_initializer(2.5)
    )
    rows = tf.nn.embedding_lookup(tf.get_variable("rows", [4, 2]), ids + 1)
    out = tf.multiply(rows, scale, name="out")
    init = tf.group(tf.tables_initializer(), tf.local_variables_initializer())
    with tf.Session() as sess:
        initialized(sess, rng)
        sess.run(init)
        builder = tf.saved_model.Builder(path)
        signature = tf.saved_model.predict_signature_def({"text": text}, {"out": out, "ids": ids, "german": german})
        builder.add_meta_graph_and_variables(
            sess,
            ["serve"],
            {"serving_default": signature},
            main_op=init,
            assets_collection=tf.get_collection(tf.GraphKeys.ASSET_FILEPATHS),
        )
        builder.save()
        keep("words", sess, {text: np.array([b"two", b"none", b"three"])}, [out, ids, german])


def text(path, rng, slim):
    """The message as text; the variables are resources."""
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    y = tf.add(x * tf.get_variable("w", [2], use_resource=True), tf.constant([0.5, -1e-7]), name="y")
    with tf.Session() as sess:
        initialized(sess, rng)
        builder = tf.saved_model.Builder(path)
        signature = tf.saved_model.predict_signature_def({"x": x}, {"y": y})
        builder.add_meta_graph_and_variables(sess, ["serve"], {"serving_default": signature})
        builder.save(as_text=True)
        keep("text", sess, {x: rng.normal(size=(3, 2)).astype(np.float32)}, [y])


def objects(path):
    """As TensorFlow 2 writes one."""

    class Net(tf2.Module):
        def __init__(self):
            self.w = tf2.Variable([2.0, 3.0], name="w")

        @tf2.function(input_signature=[tf2.TensorSpec([None, 2])])
        def __call__(self, x):
            return x * self.w

    made = Net()
    tf2.saved_model.save(made, path)
    shutil.rmtree(os.path.join(path, "assets"), ignore_errors=True)
    for name in ("fingerprint.pb",):
        os.remove(os.path.join(path, name))


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    subprocess.run([sys.executable, os.path.abspath(__file__), "objects"], check=True)
    import tf_slim as slim  # noqa: PLC0415 - not where TensorFlow 2 is itself

    tf.disable_v2_behavior()
    for seed, define in enumerate((served, graphs, words, text)):
        with tf.Graph().as_default():
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                define(os.path.join(FOLDER, define.__name__), np.random.default_rng(seed), slim)
    np.savez_compressed(os.path.join(HERE, "saved_model.npz"), **arrays)


if __name__ == "__main__":
    objects(os.path.join(FOLDER, "objects")) if sys.argv[1:] == ["objects"] else main()
