"""`tf.contrib.training`."""

from npslim.evaluation import (
    StopAfterNEvalsHook,
    SummaryAtEndHook,
    checkpoints_iterator,
    evaluate_once,
    evaluate_repeatedly,
    get_or_create_eval_step,
    wait_for_new_checkpoint,
)
from npslim.hparams import HParams
from npslim.learning import add_gradients_summaries, clip_gradient_norms, create_train_op, multiply_gradients
from npslim.tf.missing import reporter
from npslim.training.training import train

__getattr__ = reporter(__name__, lambda: globals())
