"""Train what a module defines, from where the folder's latest checkpoint stopped.

python -m npslim train model.py --steps 1000
python -m npslim train model.py --steps 1000 --from runs/other --exclude logits     # fine-tune, the last layer anew
"""

import logging
import os

from npslim import learning
from npslim.checkpoint import assign_from_checkpoint_fn, latest_checkpoint
from npslim.cli.module import add_module_arguments, load
from npslim.cli.plot import draw
from npslim.errors import NotFoundError
from npslim.graph import Graph, set_random_seed
from npslim.logs import logger
from npslim.variables import get_model_variables, get_variables_to_restore, trainable_variables

NAME = "train"
HELP = "train what a module defines; save, resume, fine-tune"


def add_arguments(parser):
    add_module_arguments(parser)
    parser.add_argument("--steps", type=int, help="steps in all (default: until the data ends)")
    parser.add_argument("--save-secs", type=float, default=600, help="save every so many seconds (default 600)")
    parser.add_argument("--from", dest="begin_from", metavar="CHECKPOINT", help="begin with the values of this one, or "
                        "of the latest one of a folder, unless --logdir has one already")  # fmt: skip
    parser.add_argument("--exclude", default="", metavar="SCOPES", help="scopes that --from leaves out, commas between")
    parser.add_argument("--find-nan", action="store_true", help="find the op that a NaN comes from; slow")


def run(args):
    module, logdir = load(args, "train_op")
    logger.setLevel(logging.WARNING)  # the progress is shown instead
    latest = latest_checkpoint(logdir)
    print(f"training in {logdir}, from {latest or args.begin_from or 'the beginning'}", flush=True)
    with Graph().as_default():
        set_random_seed(args.seed)
        train_op = module.train_op()
        loss = learning.train(
            train_op, logdir, number_of_steps=args.steps, save_interval_secs=args.save_secs, init_fn=_beginning(args),
            progress=True, find_nan=args.find_nan,
        )  # fmt: skip
    last = "no step was made" if loss is None else f"the last loss is {loss:.6g}"
    print(f"{last}; saved {latest_checkpoint(logdir)}")
    if os.path.exists(os.path.join(logdir, "scalars.csv")):
        print(f"curves in {draw(logdir, os.path.join(logdir, 'curves'))}")
    return 0


def _beginning(args):
    """An init_fn that restores what --from and --exclude say, or None."""
    if args.begin_from is None:
        return None
    path = args.begin_from
    if os.path.isdir(path):
        path = latest_checkpoint(path)
        if path is None:
            raise NotFoundError("There is no checkpoint to begin with.", expected="a checkpoint", got=args.begin_from)
    exclude = [scope for scope in args.exclude.split(",") if scope]
    model = {*get_model_variables(), *trainable_variables()}  # not the step, not what an optimizer keeps
    return assign_from_checkpoint_fn(path, [var for var in get_variables_to_restore(exclude=exclude) if var in model])
