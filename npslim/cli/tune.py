"""Measure on this machine which algorithms are quickest for convolutions, and store the answer for all later runs.

Takes about a minute. The results of runs stay within the same roundings; their last bits may change, once.
"""

from npslim.fast import choice, tune

NAME, HELP = "tune", "measure which convolution algorithms are quickest here"


def add_arguments(parser):
    parser.add_argument("--quick", action="store_true", help="fewer and smaller shapes: a few seconds")
    parser.add_argument("--dry-run", action="store_true", help="store nothing")


def run(args):
    found = tune.measure(quick=args.quick, tell=print)
    print(f"windows are read in tiles of {found['tile'] >> 10} KB")
    print(f"they are copied in outputs of less than {found['windows']} columns")
    for name, (least, product) in found["winograd"].items():
        print(f"Winograd, {name}: from {least} channels on, and {product} in times out")
    if not args.dry_run:
        choice.store(found)
        print(f"stored in {choice.place()}")
