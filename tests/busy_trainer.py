"""A training for tests whose variables all hold the step, saved at every step: busy_trainer.py LOGDIR."""

import os
import sys

import npslim as slim
from npslim.ops.state import with_dependencies

folder = sys.argv[1]
step = slim.get_or_create_global_step()
held = [slim.get_variable(f"held{i}", [200, 50], initializer=slim.zeros_initializer()) for i in range(6)]
with slim.control_dependencies([slim.assign_add(step, 1)]):
    now = slim.cast(step.read_value(), slim.float32)
    train_op = with_dependencies([slim.group(*(v.assign(slim.ones([200, 50]) * now) for v in held))], now)


def step_fn(session, train_op, global_step, kwargs):
    loss, _ = slim.learning.train_step(session, train_op, global_step, kwargs)
    return loss, os.path.exists(f"{folder}.stop")


slim.learning.train(
    train_op, folder, step_fn, saver=slim.Saver(max_to_keep=2), save_interval_secs=0, log_every_n_steps=0,
    save_summaries_secs=None,
)  # fmt: skip
