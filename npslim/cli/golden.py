"""Golden cases: inputs, and the right outputs and gradients, by which code in any language is tested.

python -m npslim golden list --only conv2d
python -m npslim golden make golden.npz              # all cases; .npz, .h5, or a folder of .npy files
python -m npslim golden make conv --only '^conv2d' --grid strides=1,2 padding=SAME,VALID dtype=float32,float64
python -m npslim golden check golden.npz --runner './my_program {case} {out}'
python -m npslim golden check --adapter torch        # PyTorch, jax, onnxruntime, tensorflow, or npslim itself
"""

import json
import os
import time
from collections import Counter

from npslim.errors import AlreadyExistsError, InvalidArgumentError
from npslim.testing import adapters, make_cases, read_catalogue, run_cases, write_catalogue
from npslim.testing.make import DTYPES
from npslim.testing.runner import Result, as_facts, counted

NAME = "golden"
HELP = "golden cases: list, make, check a program by them"


def add_arguments(parser):
    """One action."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)

    def action(name, function, text):
        sub = actions.add_parser(name, help=text, description=text)
        sub.set_defaults(action=function)
        sub.add_argument("--only", metavar="REGEX", default="", help="cases in whose id this is found")
        return sub

    def choice(sub):
        sub.add_argument("--seed", type=int, default=0, help="another seed, other inputs (default 0)")
        sub.add_argument(
            "--grid", metavar="ARGUMENT=VALUE,VALUE", nargs="+", default=[],
            help="all combinations of these arguments; shapes as 2x5x5x3; dtype=" + ",".join(DTYPES),
        )  # fmt: skip

    choice(action("list", list_cases, "the cases, their attributes and inputs"))
    making = action("make", make, "write a catalogue of cases")
    making.add_argument("output", help="NAME.npz (with NAME.json), NAME.h5, or a folder that does not exist")
    choice(making)
    checking = action("check", check, "run a program on cases and compare; exit status 1 if any case fails")
    checking.add_argument("catalogue", nargs="?", help="what `golden make` wrote; made anew if it is not given")
    how = checking.add_mutually_exclusive_group(required=True)
    how.add_argument("--runner", metavar="COMMAND", help="'COMMAND {case} {out}', or for all at once '{cases} {outs}'")
    how.add_argument("--adapter", choices=adapters.NAMES, help="a framework that is installed")
    checking.add_argument(
        "--timeout", type=float, default=60.0, help="seconds for one start of the program (default 60)"
    )
    checking.add_argument("--jobs", type=int, default=1, help="programs at once (default 1)")
    checking.add_argument("--precision", help="a narrower arithmetic to allow for: float16, bfloat16, tf32")
    checking.add_argument("--forward", action="store_true", help="the gradients are not asked for")
    checking.add_argument("--report", metavar="FILE", help="write all results as JSON")
    choice(checking)


def run(args):
    """Do it."""
    return args.action(args)


def parse_grid(words):
    """{argument: [values]} of `argument=value,value` words. Raises InvalidArgumentError."""
    grid = {}
    for word in words:
        key, equals, values = word.partition("=")
        if not equals or not key or not values:
            raise InvalidArgumentError("This is no part of a grid.", expected="ARGUMENT=VALUE,VALUE", got=word)
        grid[key] = [_value(v) for v in values.split(",")]
    return grid


def _value(text):
    """A number, True, False, None, a tuple of integers written 2x3, or a word."""
    words = {"True": True, "False": False, "None": None, "true": True, "false": False, "none": None}
    if text in words:
        return words[text]
    if "x" in text and all(part.isdigit() for part in text.split("x")):
        return tuple(map(int, text.split("x")))
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _made(args):
    return make_cases(args.only, parse_grid(args.grid), args.seed)


def list_cases(args):
    """A line for each case."""
    cases, skipped = _made(args)
    width = max((len(case.id) for case in cases), default=0)
    for case in cases:
        shapes = " ".join(f"{n}{list(a.shape)}" for n, a in case.inputs.items())
        attrs = " ".join(f"{k}={json.dumps(v)}" for k, v in case.attrs.items() if v is not None)
        print(f"{case.id:{width}}  {case.dtype}  {shapes}{'  ' + attrs if attrs else ''}")
    _summary(cases, skipped)


def make(args):
    """Write the catalogue."""
    for path in (args.output, *([args.output[:-4] + ".json"] if args.output.endswith(".npz") else ())):
        if os.path.exists(path):
            raise AlreadyExistsError("The catalogue would overwrite what is there.", expected="a new name", got=path)
    start = time.monotonic()
    cases, skipped = _made(args)
    write_catalogue(args.output, cases, skipped)
    _summary(cases, skipped)
    print(f"{args.output}: written in {time.monotonic() - start:.1f} s")


def _summary(cases, skipped):
    kinds = Counter(case.kind for case in cases)
    parts = ", ".join(f"{n} of {kind}s" for kind, n in kinds.items())
    print(f"{len(cases)} cases ({parts or 'none'}), {sum(bool(c.gradients) for c in cases)} with gradients")
    for reason, n in Counter(skipped.values()).most_common():
        print(f"{n} left out: {reason}")


def check(args):
    """Every case, whatever happens to one; the failures, and a summary."""
    refused = {}
    if args.catalogue is None:
        cases, _ = _made(args)
    else:
        if args.grid or args.seed:
            raise InvalidArgumentError("A catalogue has its grid and seed already.", got=args.grid or args.seed)
        cases = read_catalogue(args.catalogue, args.only, refused)
    results = [Result(id, "failed", str(error)) for id, error in refused.items()]
    for result in results:
        print(result.describe())
    for result in _results(args, cases):
        results.append(result)
        if result.outcome == "failed":
            print(result.describe(), flush=True)
    if args.report:
        with open(args.report, "w", encoding="utf-8") as file:
            json.dump([as_facts(r) for r in results], file, indent=1)
    counts = counted(results)
    reasons = Counter(r.reason for r in results if r.outcome == "skipped")
    for reason, n in reasons.most_common(10):
        print(f"{n} skipped: {reason or 'no reason given'}")
    print(", ".join(f"{n} {outcome}" for outcome, n in counts.items()))
    if not results:
        raise InvalidArgumentError("There is no case to check.", expected="an id", got=args.only)
    return 1 if counts["failed"] else 0


def _results(args, cases):
    if args.adapter:
        return adapters.run_adapter(args.adapter, cases, args.precision, args.forward)
    return run_cases(args.runner, cases, args.timeout, args.jobs, args.precision, args.forward)
