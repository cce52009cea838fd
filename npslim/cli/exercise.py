"""Exercises: files with a hole, and tests that give hints.

python -m npslim exercise list
python -m npslim exercise start conv2d          # writes conv2d.py, with its hole, into this folder
python -m npslim exercise check conv2d.py       # runs its tests up to the first that fails
"""

from npslim import exercises

NAME = "exercise"
HELP = "exercises: list them, start one, check an answer"


def add_arguments(parser):
    """One action, and its exercise or file."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    actions.add_parser("list", help="the exercises").set_defaults(action=show)
    start = actions.add_parser("start", help="write the file with the hole into this folder")
    start.add_argument("exercise")
    start.set_defaults(action=begin)
    check = actions.add_parser("check", help="run the tests of an exercise on a file; exit status 1 if one fails")
    check.add_argument("file")
    check.add_argument("--exercise", help="which exercise it is an answer to (default: the file's name)")
    check.set_defaults(action=mark)


def run(args):
    return args.action(args)


def show(args):
    for name, words in exercises.NAMES.items():
        print(f"{name:20s} {words}; {len(exercises.tests_of(name))} tests")
    print("\nbegin with: python -m npslim exercise start conv2d")


def begin(args):
    path = exercises.start(args.exercise)
    print(f"{path} has a hole.\nfill it, then: python -m npslim exercise check {path}")


def mark(args):
    name = args.exercise or args.file.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    total, done = len(exercises.tests_of(name)), 0
    for result in exercises.check(args.file, name):
        if result.problem is None:
            done += 1
            print(f"  ok    {result.title}")
            continue
        print(f"  not yet  {result.title}\n           {result.problem}")
        if result.line:
            print(f"           {result.line}")
        if result.hint:
            print("  hint     " + result.hint.replace("\n", "\n           "))
    print(f"\n{done} of {total}" + (": all done" if done == total else ""))
    return int(done < total)
