"""Sum up a training on one page: its curves, and its latest checkpoint's first filters.

python -m npslim report runs/digits               # writes runs/digits/report.html
python -m npslim report runs/digits --out a.html --filters conv1/weights
"""

import os
from typing import Any

from npslim.checkpoint import checkpoint_step, latest_checkpoint
from npslim.checkpoint_reader import NewCheckpointReader
from npslim.errors import NotFoundError
from npslim.events import read_scalars
from npslim.show import report

NAME = "report"
HELP = "sum up a training on one page of HTML"


def add_arguments(parser):
    parser.add_argument("logdir", help="the folder of the training")
    parser.add_argument("--out", help="the page (default: report.html in that folder)")
    parser.add_argument("--filters", help="the weights whose filters are shown (default: the first convolution's)")


def run(args):
    out = args.out or os.path.join(args.logdir, "report.html")
    report(out, **of_training(args.logdir, args.filters), title=f"Training in {args.logdir}")
    print(f"the report is in {out}")
    return 0


def of_training(logdir, filters=None):
    """What the folder of a training gives to a report, as arguments of `report`."""
    checkpoint, found = latest_checkpoint(logdir), dict[str, Any](facts={})
    scalars = os.path.join(logdir, "scalars.csv")
    if checkpoint is None and not os.path.exists(scalars):
        raise NotFoundError(
            "There is no training to report on.", expected="a checkpoint or scalars.csv", got=logdir,
            hint="learning.train(train_op, logdir) leaves both",
        )  # fmt: skip
    if os.path.exists(scalars):
        found["curves"] = read_scalars(logdir)
    if checkpoint is not None:
        reader = NewCheckpointReader(checkpoint)
        name = filters or first_filters(reader.get_variable_to_shape_map())
        found["facts"]["step"] = checkpoint_step(checkpoint)
        if name is not None:
            found["filters"], found["facts"]["filters of"] = reader.get_tensor(name), name
    return found


def first_filters(shapes):
    """The name of the first convolution's weights: those of the fewest input channels, by name among equals."""
    filters = [name for name, shape in shapes.items() if len(shape) == 4 and name.endswith("weights")]
    return min(filters, key=lambda name: (shapes[name][2], name), default=None)
