"""Train on TFRecords, as programs of TF-Slim's time did: flags, queues, slim.learning.train.

python examples/old/train_digits.py --data_dir=/tmp/digits --train_dir=/tmp/digits_model
"""

import digits_dataset

import npslim.tf as tf

slim = tf.contrib.slim
flags = tf.app.flags
FLAGS = flags.FLAGS

flags.DEFINE_string("data_dir", "digits_data", "Where the TFRecords are, or are written to.")
flags.DEFINE_string("train_dir", "digits_model", "Where checkpoints and event files go.")
flags.DEFINE_integer("batch_size", 64, "Pictures in a step.")
flags.DEFINE_integer("max_number_of_steps", 300, "How many steps to take.")
flags.DEFINE_float("learning_rate", 0.1, "The rate at first; it falls to a tenth every 200 steps.")
flags.DEFINE_integer("log_every_n_steps", 50, "How often the loss is told.")


def main(_):
    """Write the records if they are missing, then train."""
    tf.logging.set_verbosity(tf.logging.INFO)
    digits_dataset.write(FLAGS.data_dir)
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        images, labels = digits_dataset.batches("train", FLAGS.data_dir, FLAGS.batch_size, training=True)
        logits = digits_dataset.net(images, 10, is_training=True)
        slim.losses.sparse_softmax_cross_entropy(logits, labels)
        total_loss = slim.losses.get_total_loss()
        rate = tf.train.exponential_decay(
            FLAGS.learning_rate, slim.get_or_create_global_step(), 200, 0.1, staircase=True
        )
        tf.summary.scalar("losses/total", total_loss)
        tf.summary.scalar("learning_rate", rate)
        train_op = slim.learning.create_train_op(total_loss, tf.train.MomentumOptimizer(rate, 0.9))
        loss = slim.learning.train(
            train_op, FLAGS.train_dir, number_of_steps=FLAGS.max_number_of_steps,
            log_every_n_steps=FLAGS.log_every_n_steps, save_summaries_secs=30, save_interval_secs=60,
        )  # fmt: skip
    print(f"Finished at a loss of {loss:.3f}.")


if __name__ == "__main__":
    tf.app.run()
