"""The table of algorithms: what is measured is stored for this machine alone, and used."""

import json

import pytest

from npslim.cli import main
from npslim.fast import choice, tune


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A folder of its own for what is stored."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    choice.figures.cache_clear()
    yield tmp_path / "npslim" / "convolutions.json"
    choice.figures.cache_clear()


def algorithm(*args, width, by_filter=False):
    return choice.algorithm(*args, 4 * width * width, width, by_filter)


def test_without_a_stored_table_the_defaults_count(cache):
    assert choice.figures() is choice.DEFAULTS
    found = [algorithm((3, 3), (1, 1), c, o, width=56) for c, o in ((64, 64), (64, 128), (32, 512))]
    assert found == ["windows", "winograd", "windows"]
    assert algorithm((3, 3), (1, 1), 64, 64, width=56, by_filter=True) == "winograd"
    assert algorithm((1, 1), (1, 1), 3, 3, width=56) == "product"
    rare = [((1, 1), (2, 2)), ((3, 3), (2, 2)), ((5, 5), (1, 1))]
    assert [algorithm(*one, 512, 512, width=56) for one in rare] == ["columns"] * 3
    assert [algorithm((5, 5), (1, 1), c, 32, width=14) for c in (1, 32)] == ["windows", "columns"]
    assert [algorithm((3, 3), (1, 1), 32, 32, width=width) for width in (14, 56)] == ["columns", "windows"]
    lines = [((7, 1), 64), ((1, 7), 64), ((1, 3), 64), ((1, 7), 32)]
    assert [algorithm(kernel, (1, 1), c, 64, width=17) for kernel, c in lines] == ["lines"] * 3 + ["columns"]
    assert [algorithm((1, 3), (1, 1), 64, 64, width=56), algorithm((1, 3), (2, 2), 64, 64, width=9)] == [
        "windows", "columns"
    ]  # fmt: skip


def test_a_stored_table_counts_on_its_machine(cache, monkeypatch):
    choice.store(
        {"tile": 1 << 19, "windows": 100, "winograd": {"forward": [256, 65536], "filter": [tune.NEVER, tune.NEVER]}}
    )
    assert algorithm((3, 3), (1, 1), 128, 128, width=99) == "columns"
    assert algorithm((3, 3), (1, 1), 128, 128, width=100) == "windows"
    assert algorithm((3, 3), (1, 1), 256, 256, width=99) == "winograd"
    assert algorithm((3, 3), (1, 1), 512, 512, width=100, by_filter=True) == "windows"
    assert choice.figures()["tile"] == 1 << 19
    monkeypatch.setattr(choice, "machine", lambda: "another one")
    choice.figures.cache_clear()
    assert choice.figures() is choice.DEFAULTS


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"machine": 3}'])
def test_a_damaged_table_does_not_count(cache, text):
    cache.parent.mkdir()
    cache.write_text(text)
    assert choice.figures() is choice.DEFAULTS


@pytest.mark.parametrize(
    "won, expected",
    [
        ([(64, False), (128, True), (256, True)], [128, 128 * 128]),
        ([(256, True), (64, True), (128, False)], [256, 256 * 256]),
        ([(64, True), (128, True)], [64, 64 * 64]),
        ([(64, True), (128, False)], [tune.NEVER, tune.NEVER**2]),
    ],
)
def test_from_which_size_on(won, expected):
    assert tune.threshold(won) == expected


def test_the_command(cache, capsys):
    assert main(["tune", "--quick", "--dry-run"]) == 0
    assert not cache.exists()
    assert main(["tune", "--quick"]) == 0
    said = capsys.readouterr().out
    assert said.count("windows are read in tiles of ") == 2 and f"stored in {cache}" in said
    assert said.count("3x3, 64 channels, 20 x 20: windows ") == 2
    assert said.count("3x3, 64 channels, 14 x 14, filter: windows ") == 2
    stored = json.loads(cache.read_text())
    assert stored["machine"] == choice.machine()
    assert choice.figures() == stored["figures"] and stored["figures"]["tile"] in tune.TILES
    assert not [path for path in cache.parent.iterdir() if path != cache]
