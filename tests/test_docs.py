"""The documentation's examples print what they say, and its links lead somewhere. CI builds the pages besides."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import npslim as slim

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"generated", "_build"} & set(path.parts))
EXAMPLES = [path for path in PAGES if "```{doctest}" in path.read_text(encoding="utf-8")]


def test_there_are_examples():
    assert {path.name for path in EXAMPLES} >= {"index.md", "numerics.md"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_print_what_they_say(path):
    blocks = re.findall(r"```\{doctest\}\n(.*?)```", path.read_text(encoding="utf-8"), re.S)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {"np": np, "slim": slim}, path.name, str(path), 0)
    said = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert result.attempted and not result.failed, "".join(said)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_links_lead_to_files(path):
    for link in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if "://" not in link and not link.startswith("generated/"):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
