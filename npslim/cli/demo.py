"""Train examples/digits.py on real handwritten digits, then restore and evaluate it in a fresh process."""

import logging
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

from npslim import learning
from npslim.checkpoint import checkpoint_step, latest_checkpoint
from npslim.cli.report import of_training
from npslim.curves import draw_curves
from npslim.errors import NotFoundError
from npslim.events import open_writer, read_scalars
from npslim.logs import logger
from npslim.progress import progress
from npslim.show import report

NAME = "demo"
HELP = "train a convolutional net on handwritten digits, save, restore, evaluate"


def add_arguments(parser):
    parser.add_argument("--steps", type=int, default=1200, help="steps in all (default 1200); 0 only evaluates")
    parser.add_argument("--logdir", default=os.path.join("runs", "digits"), help="where checkpoints and curves go")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same bits (default 1)")


def run(args):
    example = load_example("digits")
    logger.setLevel(logging.WARNING)  # the progress is shown instead
    if args.steps == 0:
        return _evaluate(example, args.logdir)
    latest = latest_checkpoint(args.logdir)
    first = checkpoint_step(latest) if latest else 0
    if first >= args.steps:
        print(f"{latest} is at step {first} already; --steps asks for {args.steps}.")
    else:
        _train(example, args, first)
    accuracy = example["evaluate"](args.logdir)
    with open_writer(args.logdir) as writer:
        writer.scalars(checkpoint_step(latest_checkpoint(args.logdir)), test_accuracy=accuracy)
    print(f"curves in {draw_curves(read_scalars(args.logdir), os.path.join(args.logdir, 'curves'), 'digits')}")
    print(f"report in {_report(example, args.logdir)}")
    print(f"test accuracy {float(accuracy)!r}, in the process that trained", flush=True)
    return _fresh_process(args.logdir)


def load_example(name):
    """The names of an example: from the package where it is installed, else from the checkout."""
    inside = Path(__file__).resolve().parents[1]
    for folder in (inside / "examples", inside.parent / "examples"):
        if (folder / f"{name}.py").is_file():
            return runpy.run_path(str(folder / f"{name}.py"))
    raise NotFoundError(f"The example {name} is not installed.", expected=f"examples/{name}.py", got="no such file")


def _train(example, args, first):
    words = f"from step {first} of {latest_checkpoint(args.logdir)}" if first else "from the beginning"
    print(f"training {words} to step {args.steps}, in {args.logdir}", flush=True)
    started = time.monotonic()
    with progress(args.steps, first) as shown:

        def step_fn(session, train_op, global_step, kwargs):
            loss, stop = learning.train_step(
                session, train_op, global_step, {k: v for k, v in kwargs.items() if k != "should_log"}
            )
            shown.update(int(session.run(global_step)), loss=loss)
            return loss, stop

        example["train"](args.logdir, args.steps, args.seed, train_step_fn=step_fn)
    print(f"{args.steps - first} steps in {time.monotonic() - started:.1f} s; saved {latest_checkpoint(args.logdir)}")


def _evaluate(example, logdir):
    if latest_checkpoint(logdir) is None:
        raise NotFoundError(
            "There is no checkpoint to evaluate.", expected="a checkpoint", got=logdir, hint="train first"
        )
    print(f"test accuracy {float(example['evaluate'](logdir))!r}, restored from {latest_checkpoint(logdir)}")
    return 0


def _report(example, logdir):
    """Write the page that sums the training up; returns its path."""
    path = os.path.join(logdir, "report.html")
    logits, labels, images = example["predict"](logdir)
    report(path, logits=logits, labels=labels, images=images, title="Handwritten digits", **of_training(logdir))
    return path


def _fresh_process(logdir):
    command = [sys.executable, "-m", "npslim", "demo", "--steps", "0", "--logdir", logdir]
    return subprocess.run(command, check=False).returncode
