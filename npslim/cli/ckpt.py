"""Look into checkpoints, compare, verify, convert and average them: npslim's, TensorFlow's V1 and V2, npz, safetensors,
and the weights that Keras (.h5), PyTorch (.pth) and TensorFlow.js (.json) wrote.

python -m npslim ckpt ls model.ckpt-10            # names, dtypes, shapes; a folder stands for its latest checkpoint
python -m npslim ckpt show model.ckpt-10 conv1/weights
python -m npslim ckpt diff a/model.ckpt-10 b/model.ckpt-10 --tolerance 1e-6
python -m npslim ckpt verify model.ckpt-10        # every checksum
python -m npslim ckpt convert vgg_16.ckpt vgg_16.h5         # also .npz, .safetensors; without an ending TensorFlow's V2
python -m npslim ckpt average mean.h5 model.ckpt-10 model.ckpt-20
"""

import re

import numpy as np

from npslim.array_files import open_arrays, write_arrays
from npslim.errors import InvalidArgumentError, OpError, ShapeError

NAME = "ckpt"
HELP = "list, show, compare, verify, convert and average checkpoints"


def add_arguments(parser):
    """One action and its files."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def action(name, function, text, *arguments):
        sub = actions.add_parser(name, help=text)
        sub.set_defaults(action=function)
        for argument in arguments:
            sub.add_argument(argument, nargs="+" if argument.endswith("s") else None)
        return sub

    ls = action("ls", list_tensors, "names, dtypes and shapes", "checkpoint")
    ls.add_argument("--only", metavar="REGEX", default="", help="names in which this is found")
    action("show", show, "one tensor's numbers", "checkpoint", "name")
    diff = action("diff", compare, "what differs; exit status 1 if anything does", "first", "second")
    diff.add_argument("--tolerance", type=float, default=0.0, help="the largest difference that counts as none")
    action("verify", verify, "read every byte, check every checksum", "checkpoints")
    convert = action("convert", convert_to, "write in another format, by the ending of OUTPUT", "input", "output")
    convert.add_argument("--only", metavar="REGEX", default="", help="names in which this is found")
    convert.add_argument(
        "--rename", metavar="REGEX=TEXT", action="append", default=[], help="replace in names; may be repeated"
    )
    action("average", average, "the mean of checkpoints of one net", "output", "checkpoints")


def run(args):
    """Do it."""
    return args.action(args)


def list_tensors(args):
    """A line for each tensor, and their sum."""
    with open_arrays(args.checkpoint) as reader:
        rows = [(n, reader.dtype(n), reader.shape(n)) for n in reader.names() if re.search(args.only, n)]
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, dtype, shape in rows:
        print(f"{name:{width}}  {_dtype(dtype):9} {list(shape)}")
    numbers = sum(int(np.prod(shape)) for _, _, shape in rows)
    size = sum(int(np.prod(shape)) * dtype.itemsize for _, dtype, shape in rows if dtype.kind != "O")
    print(f"{len(rows)} tensors, {numbers:,} values, {size / 2**20:.1f} MiB")


def _dtype(dtype):
    return "string" if dtype.kind == "O" else dtype.name


def show(args):
    """What one tensor holds."""
    with open_arrays(args.checkpoint) as reader:
        value = np.asarray(reader.read(args.name))
    print(f"{args.name}  {_dtype(value.dtype)} {list(value.shape)}")
    if value.dtype.kind in "fiu" and value.size:
        wide = value.astype(np.float64)
        bad = int(np.size(wide) - np.isfinite(wide).sum())
        good = wide[np.isfinite(wide)]
        if good.size:
            print(f"min {good.min():.6g}  max {good.max():.6g}  mean {good.mean():.6g}  deviation {good.std():.6g}")
        print(f"{int((wide == 0).sum())} zeros, {bad} not finite")
    print(np.array2string(value, threshold=40, edgeitems=3))


def compare(args):
    """A line for each name that only one has, each other shape or dtype, each other value."""
    with open_arrays(args.first) as first, open_arrays(args.second) as second:
        ours, theirs = set(first.names()), set(second.names())
        lines = [f"only in {args.first}: {name}" for name in sorted(ours - theirs)]
        lines += [f"only in {args.second}: {name}" for name in sorted(theirs - ours)]
        lines += [line for name in sorted(ours & theirs) if (line := _difference(name, first, second, args.tolerance))]
    print(*lines, sep="\n", end="\n" if lines else "")
    print(f"{len(ours & theirs)} names in both, {len(lines)} differences")
    return 1 if lines else 0


def _difference(name, first, second, tolerance):
    a, b = first.read(name), second.read(name)
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{name}: {_dtype(a.dtype)} {list(a.shape)}, {_dtype(b.dtype)} {list(b.shape)}"
    if a.dtype.kind not in "fciu":
        count = int((a != b).sum())
        return f"{name}: {count} of {a.size} values differ" if count else None
    same = (a == b) | ((a != a) & (b != b))  # noqa: PLR0124 - NaN equals NaN here
    if same.all():
        return None
    worst = float(np.abs(a.astype(np.complex128) - b.astype(np.complex128))[~same].max())
    if worst <= tolerance:
        return None
    return f"{name}: {int((~same).sum())} of {a.size} values differ, by {worst:.3g} at most"


def verify(args):
    """A line for each checkpoint; the exit status is 1 if any is damaged."""
    damaged = 0
    for path in args.checkpoints:
        try:
            with open_arrays(path) as reader:
                reader.verify()
                print(f"{path}: {len(reader.names())} tensors, all as they were written")
        except OpError as error:
            damaged += 1
            print(f"{path}: {error}")
    return 1 if damaged else 0


def convert_to(args):
    """Write the tensors, renamed, in the format of the output's ending."""
    rules = []
    for rule in args.rename:
        old, separator, new = rule.partition("=")
        if not separator:
            raise InvalidArgumentError("A rule of --rename has no =.", expected="REGEX=TEXT", got=rule)
        rules.append((old, new))
    tensors = {}
    with open_arrays(args.input) as reader:
        for name in reader.names():
            if not re.search(args.only, name):
                continue
            renamed = name
            for old, new in rules:
                renamed = re.sub(old, new, renamed)
            if renamed in tensors:
                raise InvalidArgumentError("Two tensors would have one name.", got=f"{name} as {renamed}")
            tensors[renamed] = reader.read(name)
    write_arrays(args.output, tensors)
    print(f"{args.output}: {len(tensors)} tensors")


def average(args):
    """The mean of each floating tensor; the others as in the last checkpoint."""
    sums, count = {}, len(args.checkpoints)
    kinds = {}
    for path in args.checkpoints:
        with open_arrays(path) as reader:
            if sums and reader.names() != sorted(sums):
                odd = sorted(set(reader.names()) ^ set(sums))
                raise InvalidArgumentError(f"{path} holds other tensors.", expected="the same names", got=odd[:5])
            for name in reader.names():
                value = reader.read(name)
                if name in sums and sums[name].shape != value.shape:
                    raise ShapeError(f"{path}: {name} has another shape.", expected=sums[name].shape, got=value.shape)
                kinds[name] = value.dtype
                floating = value.dtype.kind in "fc"
                sums[name] = sums.get(name, 0) + value.astype(np.result_type(value, np.float64)) if floating else value
    means = {n: (s / count).astype(kinds[n]) if kinds[n].kind in "fc" else s for n, s in sums.items()}
    write_arrays(args.output, means)
    print(f"{args.output}: the mean of {count} checkpoints, {len(means)} tensors")
