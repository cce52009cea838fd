"""Evaluates what busy_trainer.py saves: busy_evaluator.py LOGDIR. Prints how many it saw, and how many were of
two steps.
"""

import os
import sys

import numpy as np

import npslim as slim
from npslim import evaluation
from npslim.hooks import SessionRunHook

folder = sys.argv[1]
step = slim.get_or_create_global_step()
held = [slim.get_variable(f"held{i}", [200, 50]) for i in range(6)]
evaluation._POLL_SECS = 0.01
seen, mixed = 0, 0


class Look(SessionRunHook):
    def end(self, session):
        global seen, mixed
        number, *values = session.run([step, *held])
        seen += 1
        mixed += any(not (np.asarray(v) == number).all() for v in values)


evaluation.evaluation_loop(
    "", folder, None, eval_op=slim.no_op(), eval_interval_secs=0, timeout=0.2,
    timeout_fn=lambda: os.path.exists(f"{folder}.stop"), hooks=[Look()],
)  # fmt: skip
print(seen, mixed)
