"""Draw the curves of a training from its `scalars.csv`.

python -m npslim plot runs/digits                          # runs/digits/curves.png, .svg without Matplotlib
python -m npslim plot runs/digits --out loss.html --only loss
"""

import os
import re

from npslim.curves import draw_curves
from npslim.errors import InvalidArgumentError, NotFoundError
from npslim.events import read_scalars
from npslim.show import report

NAME = "plot"
HELP = "draw the curves of a training: a picture, or a page"


def add_arguments(parser):
    parser.add_argument("logdir", help="the folder of the training")
    parser.add_argument("--out", help="a .png, .svg or .html file (default: curves.png in that folder)")
    parser.add_argument("--only", metavar="REGEX", default="", help="curves in whose names this is found")


def run(args):
    print(draw(args.logdir, args.out or os.path.join(args.logdir, "curves"), args.only))
    return 0


def draw(logdir, out, only=""):
    """Draw the curves whose names hold the regular expression `only`; returns the path of the picture."""
    if not os.path.exists(os.path.join(logdir, "scalars.csv")):
        raise NotFoundError(
            "There is no training to plot.", expected="scalars.csv, which learning.train writes", got=logdir
        )
    curves = {name: points for name, points in read_scalars(logdir).items() if re.search(only, name)}
    if not curves:
        raise InvalidArgumentError("No curve has such a name.", expected="a name of scalars.csv", got=only)
    if out.endswith(".html"):
        report(out, curves=curves, title=f"Training in {logdir}")
        return out
    return draw_curves(curves, out, logdir)
