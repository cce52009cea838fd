"""Make files to train from, look into them, and verify every record and picture in them.

python -m npslim data make digits DATA                     # the digits that npslim carries
python -m npslim data make mnist DATA --source FOLDER      # the four idx files that you have, gzipped or not
python -m npslim data make cifar DATA --source FOLDER      # CIFAR-10's or CIFAR-100's binary files
python -m npslim data make pictures DATA --source FOLDER   # a folder for each class; --format h5, --shards 4 ...
python -m npslim data inspect DATA/*.tfrecord
python -m npslim data verify DATA/*                        # exit status 1 if anything is damaged
"""

import os

from npslim.data import look, picture_files, pictures
from npslim.data.tfrecord import TFRecordOptions
from npslim.errors import InvalidArgumentError, OpError
from npslim.progress import progress

NAME = "data"
HELP = "make, inspect and verify TFRecord and HDF5 files of pictures"
SOURCES = ("digits", "mnist", "cifar", "pictures")


def add_arguments(parser):
    """One action and its files."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    make = actions.add_parser("make", help="write files to train from")
    make.set_defaults(action=make_files)
    make.add_argument("what", choices=SOURCES)
    make.add_argument("output", help="the folder to write to")
    make.add_argument("--source", help="the folder with the files to read; digits need none")
    make.add_argument("--name", help="how the files' names begin (default: what is made)")
    make.add_argument("--format", choices=picture_files.FORMATS, default="tfrecord")
    make.add_argument("--shards", type=int, default=1, help="TFRecord files for each split (default 1)")
    make.add_argument("--compression", default="", help="GZIP or ZLIB for TFRecords, gzip or lzf for HDF5")
    make.add_argument("--test-share", type=float, help="digits and pictures: the part held out (0.2 and 0.1)")
    make.add_argument("--seed", type=int, default=0, help="digits and pictures: how they are mixed (default 0)")
    for name, function, text in (
        ("inspect", inspect, "what files hold"),
        ("verify", verify, "read everything; exit status 1 if anything is damaged"),
    ):
        sub = actions.add_parser(name, help=text)
        sub.set_defaults(action=function)
        sub.add_argument("files", nargs="+")
        sub.add_argument("--compression", default="", help="GZIP or ZLIB, of TFRecord files")
        if name == "verify":
            sub.add_argument("--no-decode", action="store_true", help="leave the pictures in the records as they are")


def run(args):
    """Do it."""
    return args.action(args)


def make_files(args):
    """Write the files of a set of pictures."""
    splits, classes = _source(args)
    name = args.name or args.what
    with progress(sum(split.count for split in splits.values()), unit="picture") as bar:
        written = 0

        def note(split, done, count):
            nonlocal written
            written += 1
            bar.update(written)

        paths = picture_files.write_pictures(
            name, splits, classes, args.output, args.format, args.shards, args.compression, note
        )
    for split, found in splits.items():
        print(f"{split}: {found.count} pictures of {len(classes)} classes")
    print(*paths, sep="\n")


def _source(args):
    held_out = {} if args.test_share is None else {"test_share": args.test_share}
    if args.what == "digits":
        return pictures.bundled(seed=args.seed, **held_out)
    if args.source is None:
        raise InvalidArgumentError(
            f"make {args.what} reads files that you have.", expected="--source FOLDER", got="none"
        )
    if args.what == "pictures":
        return pictures.folders(args.source, seed=args.seed, **held_out)
    return {"mnist": pictures.mnist, "cifar": pictures.cifar}[args.what](args.source)


def inspect(args):
    """Some lines about each file."""
    status = 0
    for path in args.files:
        try:
            first, *rest = look.describe(path, TFRecordOptions(args.compression))
        except OpError as error:
            first, rest, status = error.message, [], 1
        print(f"{path}: {first}", *rest, sep="\n")
    return status


def verify(args):
    """A line for each file, and one for each thing that is wrong."""
    damaged = 0
    for path in args.files:
        if os.path.basename(path) == "labels.txt" or path.endswith(".json"):
            continue
        read, errors = look.problems(path, TFRecordOptions(args.compression), not args.no_decode)
        damaged += bool(errors)
        print(f"{path}: {read}, " + (f"{len(errors)} damaged" if errors else "all whole"))
        for error in errors:
            print("  " + error.replace("\n", "\n  "))
    return 1 if damaged else 0
