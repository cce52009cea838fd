"""Evaluate what a module defines: the latest checkpoint of a training, or each new one as it comes.

python -m npslim eval model.py
python -m npslim eval model.py --follow --every 60        # Ctrl-C stops; any number may run beside the training
"""

import logging
import os

from npslim import evaluation
from npslim.checkpoint import latest_checkpoint
from npslim.cli.module import add_module_arguments, load
from npslim.errors import NotFoundError
from npslim.graph import Graph, set_random_seed
from npslim.hooks import SessionRunHook
from npslim.logs import logger
from npslim.metrics import aggregate_metric_map
from npslim.variables import get_or_create_global_step

NAME = "eval"
HELP = "evaluate the checkpoints of what a module defines, once or as they come"


def add_arguments(parser):
    add_module_arguments(parser)
    parser.add_argument("--checkpoint", help="evaluate this one (default: the latest one of the folder)")
    parser.add_argument(
        "--evals", type=int, help="run the updates so many times (default: the module's NUM_EVALS, or 1)"
    )
    parser.add_argument("--follow", action="store_true", help="evaluate each new checkpoint as it comes")
    parser.add_argument("--every", type=float, default=60, help="with --follow: at most one each so many seconds (60)")
    parser.add_argument("--timeout", type=float, help="with --follow: end after so many seconds without a new one")


def run(args):
    module, logdir = load(args, "metrics")
    logger.setLevel(logging.INFO if args.follow else logging.WARNING)
    checkpoint = args.checkpoint or latest_checkpoint(logdir)
    if checkpoint is None and not args.follow:
        raise NotFoundError("There is no checkpoint to evaluate.", expected="a checkpoint", got=logdir,
                            hint="train first, or wait for one with --follow")  # fmt: skip
    with Graph().as_default():
        set_random_seed(args.seed)
        step = get_or_create_global_step()
        values, updates = aggregate_metric_map(module.metrics())
        options = {
            "num_evals": args.evals or getattr(module, "NUM_EVALS", 1), "eval_op": list(updates.values()),
            "final_op": values, "hooks": [_Say({**values, "step": step})],
        }  # fmt: skip
        folder = os.path.join(logdir, "eval")
        if not args.follow:
            evaluation.evaluate_once("", checkpoint, folder, **options)
            return 0
        logging.getLogger("npslim").setLevel(logging.INFO)
        try:
            evaluation.evaluation_loop(
                "", logdir, folder, eval_interval_secs=args.every, timeout=args.timeout, **options
            )
        except KeyboardInterrupt:
            print("stopped")
    return 0


class _Say(SessionRunHook):
    """Prints the metrics at the end of each evaluation."""

    def __init__(self, values):
        self._values = values

    def end(self, session):
        found = session.run(self._values)
        step = found.pop("step")
        print(f"step {step}: " + ", ".join(f"{name} = {value:.6g}" for name, value in found.items()), flush=True)
