"""Where a run's numbers go: the CSV, event files, pictures of curves, and progress on a terminal or not."""

import io
import sys
import xml.etree.ElementTree as xml

import pytest

from npslim.curves import draw_curves
from npslim.events import open_writer, read_scalars
from npslim.progress import Bar, Lines, progress


def test_scalars_come_back(tmp_path):
    for steps in (range(3), range(2, 5)):
        with open_writer(str(tmp_path)) as writer:
            for step in steps:
                writer.scalars(step, loss=0.1 * step, accuracy=1.0)
    curves = read_scalars(str(tmp_path))
    assert curves["loss"] == [(step, 0.1 * step) for step in range(5)]
    assert curves["accuracy"] == [(step, 1.0) for step in range(5)]


def test_no_folder_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open_writer(None) as writer:
        writer.scalars(1, loss=2.0)
    assert list(tmp_path.iterdir()) == []


def test_event_files_hold_the_numbers(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    with open_writer(str(tmp_path)) as writer:
        writer.scalars(7, loss=0.25)
    (path,) = tmp_path.glob("events.out.tfevents.*")
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):  # a record: length, its CRC, the event, its CRC
        length = int.from_bytes(data[at : at + 8], "little")
        event = Event.FromString(data[at + 12 : at + 12 + length])
        found += [(event.step, v.tag, v.simple_value) for v in event.summary.value]
        at += 16 + length
    assert found == [(7, "loss", 0.25)]


CURVES = {"loss": [(1, 2.0), (2, 1.0), (3, 0.5)], "a<b": [(3, 0.9)], "empty": []}


def test_png(tmp_path):
    pytest.importorskip("matplotlib")
    path = draw_curves(CURVES, str(tmp_path / "c"), "title")
    assert path.endswith("c.png")
    with open(path, "rb") as file:
        assert file.read(8) == b"\x89PNG\r\n\x1a\n"


def test_svg_without_matplotlib(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    path = draw_curves(CURVES, str(tmp_path / "c"), "a & b")
    assert path.endswith("c.svg")
    root = xml.parse(path).getroot()
    space = "{http://www.w3.org/2000/svg}"
    (line, _) = root.iter(f"{space}polyline")
    points = [tuple(map(float, p.split(","))) for p in line.get("points").split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted(y for _, y in points)  # falling values: further down
    texts = [t.text for t in root.iter(f"{space}text")]
    assert "a & b" in texts and "a<b" in texts and "2" in texts and "0.5" in texts
    assert len(list(root.iter(f"{space}circle"))) == 4


def test_lines_where_there_is_no_terminal():
    out = io.StringIO()
    with progress(3, file=out) as shown:
        assert type(shown) is Lines
        for step in (1, 2, 3):
            shown.update(step, loss=0.5)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2 and lines[0].startswith("step 1/3  loss 0.5") and lines[1].startswith("step 3/3")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_on_a_terminal(monkeypatch):
    pytest.importorskip("tqdm")
    out = Terminal()
    with progress(4, 1, file=out) as shown:
        assert type(shown) is Bar
        shown.update(4, loss=0.25)
    assert "4/4" in out.getvalue() and "loss 0.25" in out.getvalue()
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert type(progress(4, file=Terminal())) is Lines
