"""Write docs/names.md: every name of TensorFlow that old programs use, and what has become of it here.

python tools/names_table.py [--check]     # --check: only say whether the page is up to date

The names are those of tests/golden/tf_names.json.gz: [name, number of programs that use it, signature].
"""

import argparse
import gzip
import json
import sys
from pathlib import Path

import npslim.tf as tf
from npslim.tf.missing import LEFT_OUT

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "names.md"
HEAD = """# TensorFlow's names

Which names of TensorFlow 1 the public programs written for TF-Slim use, in how many of 30 of them, and whether
`npslim.tf` has them. Written by `tools/names_table.py`; see [from-tensorflow.md](from-tensorflow.md) for what differs.

"""


def status(name):
    """'yes', or the reason why not."""
    here = tf
    for part in name.split(".")[1:]:
        if part in LEFT_OUT:
            return f"left out: {LEFT_OUT[part]}"
        try:
            here = getattr(here, part)
        except (AttributeError, ImportError):
            return "no"
    return "yes"


def page():
    """The page's text."""
    with gzip.open(ROOT / "tests/golden/tf_names.json.gz", "rt") as file:
        rows = [(name, programs, status(name)) for name, programs, _ in json.load(file)]
    shared = [row for row in rows if row[1] >= 2]
    counts = [sum(state == "yes" for _, _, state in part) for part in (shared, rows)]
    text = HEAD + f"{counts[0]} of the {len(shared)} names that two programs or more use are here, "
    text += f"{counts[1]} of all {len(rows)}.\n\n| name | programs | here |\n| --- | --- | --- |\n"
    return text + "".join(f"| `{name}` | {programs} | {state} |\n" for name, programs, state in rows)


def main():
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        sys.exit(f"{PAGE} is not up to date: run tools/names_table.py")


if __name__ == "__main__":
    main()
