"""Evaluate the latest checkpoint of train_digits.py, in a program of its own.

python examples/old/eval_digits.py --data_dir=/tmp/digits --checkpoint_dir=/tmp/digits_model --eval_dir=/tmp/digits_eval
"""

import math

import digits_dataset

import npslim.tf as tf

slim = tf.contrib.slim
flags = tf.app.flags
FLAGS = flags.FLAGS

flags.DEFINE_string("data_dir", "digits_data", "Where the TFRecords are.")
flags.DEFINE_string("checkpoint_dir", "digits_model", "Where the checkpoints are.")
flags.DEFINE_string("eval_dir", "digits_eval", "Where event files go.")
flags.DEFINE_integer("batch_size", 100, "Pictures in a batch.")


def main(_):
    """Tell accuracy and recall of the top two."""
    with tf.Graph().as_default():
        images, labels = digits_dataset.batches("test", FLAGS.data_dir, FLAGS.batch_size, training=False)
        logits = digits_dataset.net(images, 10, is_training=False)
        slim.get_or_create_global_step()
        names_to_values, names_to_updates = slim.metrics.aggregate_metric_map({
            "accuracy": slim.metrics.streaming_accuracy(tf.argmax(logits, 1), labels),
            "recall_at_2": slim.metrics.streaming_sparse_recall_at_k(logits, tf.expand_dims(labels, 1), 2),
        })  # fmt: skip
        for name, value in names_to_values.items():
            tf.summary.scalar(f"eval/{name}", value)
        checkpoint = tf.train.latest_checkpoint(FLAGS.checkpoint_dir)
        if checkpoint is None:
            raise SystemExit(f"There is no checkpoint in {FLAGS.checkpoint_dir}.")
        values = slim.evaluation.evaluate_once(
            "", checkpoint, FLAGS.eval_dir, num_evals=math.ceil(digits_dataset.SIZES["test"] / FLAGS.batch_size),
            eval_op=list(names_to_updates.values()), final_op=names_to_values,
        )  # fmt: skip
    for name, value in values.items():
        print(f"{name} {value:.4f}")


if __name__ == "__main__":
    tf.app.run()
