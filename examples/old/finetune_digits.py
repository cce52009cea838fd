"""Fine-tune: restore all but the last layer from a checkpoint of train_digits.py, and learn which digits are even.

python examples/old/finetune_digits.py --data_dir=/tmp/digits --checkpoint_path=/tmp/digits_model --train_dir=/tmp/even
"""

import digits_dataset

import npslim.tf as tf

slim = tf.contrib.slim
flags = tf.app.flags
FLAGS = flags.FLAGS

flags.DEFINE_string("data_dir", "digits_data", "Where the TFRecords are.")
flags.DEFINE_string("checkpoint_path", "digits_model", "A checkpoint, or the folder of one, to begin with.")
flags.DEFINE_string("train_dir", "digits_parity", "Where the new checkpoints go.")
flags.DEFINE_string("checkpoint_exclude_scopes", "logits", "Scopes that are not restored, with commas between.")
flags.DEFINE_string("trainable_scopes", "logits,fc3", "Scopes that are trained, with commas between; all if empty.")
flags.DEFINE_integer("batch_size", 64, "Pictures in a step.")
flags.DEFINE_integer("max_number_of_steps", 100, "How many steps to take.")
flags.DEFINE_float("learning_rate", 0.01, "The learning rate.")


def get_init_fn():
    """What restores the checkpoint's variables, but those of the excluded scopes."""
    exclusions = [scope.strip() for scope in FLAGS.checkpoint_exclude_scopes.split(",")]
    variables_to_restore = [
        var for var in slim.get_model_variables() if not any(var.op.name.startswith(scope) for scope in exclusions)
    ]
    path = FLAGS.checkpoint_path
    if tf.gfile.IsDirectory(path):
        path = tf.train.latest_checkpoint(path)
    tf.logging.info("Fine-tuning from %s", path)
    return slim.assign_from_checkpoint_fn(path, variables_to_restore)


def get_variables_to_train():
    """The trainable variables of the chosen scopes."""
    if not FLAGS.trainable_scopes:
        return tf.trainable_variables()
    scopes = [scope.strip() for scope in FLAGS.trainable_scopes.split(",")]
    return [var for scope in scopes for var in tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope)]


def main(_):
    """Restore what can be restored, train the rest, tell the accuracy."""
    tf.logging.set_verbosity(tf.logging.INFO)
    with tf.Graph().as_default():
        tf.set_random_seed(2)
        images, labels = digits_dataset.batches("train", FLAGS.data_dir, FLAGS.batch_size, training=True)
        parity = tf.mod(labels, 2)
        logits = digits_dataset.net(images, 2, is_training=True)
        slim.losses.sparse_softmax_cross_entropy(logits, parity)
        accuracy = slim.metrics.accuracy(tf.argmax(logits, 1), parity)
        tf.summary.scalar("accuracy", accuracy)
        train_op = slim.learning.create_train_op(
            slim.losses.get_total_loss(), tf.train.AdamOptimizer(FLAGS.learning_rate),
            variables_to_train=get_variables_to_train(),
        )  # fmt: skip
        loss = slim.learning.train(
            train_op, FLAGS.train_dir, init_fn=get_init_fn(), number_of_steps=FLAGS.max_number_of_steps,
            log_every_n_steps=50,
        )  # fmt: skip
    print(f"Finished at a loss of {loss:.3f}.")


if __name__ == "__main__":
    tf.app.run()
