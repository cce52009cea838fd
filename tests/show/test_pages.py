"""The pages in a browser: the pictures fold, the player plays, the report answers."""

import numpy as np
import pytest
from show.programs import training

import npslim as slim
from npslim.data import digits
from npslim.show.layout import place
from npslim.show.svg import Drawing

PLACES = """[...document.querySelectorAll('[data-box]')].filter(g => g.style.display !== 'none')
.map(g => [+g.dataset.box, g.classList.contains('frame'), g.getAttribute('transform')])"""
LINES = """[...document.querySelectorAll('[data-edge]')].filter(g => g.style.display !== 'none')
.map(g => [+g.dataset.edge, g.querySelector('path').getAttribute('d')])"""


def test_scopes_open_and_close_at_a_click(browser, photograph, tmp_path):
    """After a click the page computes where everything goes: the same as Python does."""
    session, train, loss, feeds = training()
    path = tmp_path / "graph.svg"
    closed = Drawing(train, open="none")
    path.write_text(closed.draw(), encoding="utf-8")
    browser.open(path)
    begin = browser.value(PLACES), browser.value(LINES)
    scopes = {box.path: box.number for box in closed.tree.boxes() if box.kind == "scope"}
    for names in (
        ["conv1"],
        ["conv1", "softmax_cross_entropy_loss"],
        ["conv1", "softmax_cross_entropy_loss", "logits"],
    ):
        browser.click(f'.boxes [data-box="{scopes[names[-1] + "/"]}"]')
        drawn = tmp_path / "drawn.svg"
        drawn.write_text(Drawing(train, open=names).draw(), encoding="utf-8")
        clicked = browser.value(PLACES), browser.value(LINES)
        if len(names) == 3:
            photograph("graph")
        browser.open(drawn)
        assert (browser.value(PLACES), browser.value(LINES)) == clicked
        browser.open(path)
        for name in names:
            browser.click(f'.boxes [data-box="{scopes[name + "/"]}"]')
        assert browser.value(PLACES) == clicked[0]
    for name in names:
        browser.click(f'.frames [data-box="{scopes[name + "/"]}"]', dx=0.02, dy=0.05)
    assert (browser.value(PLACES), browser.value(LINES)) == begin


def test_player_is_clicked_through(browser, photograph, tmp_path):
    session, train, loss, feeds = training()
    events = list(session.step([train, loss], feeds))
    page = slim.show.player([train, loss], events, tmp_path / "run.html")
    assert len(page) < 1_000_000
    browser.open(tmp_path / "run.html")
    photograph("player-first")
    seen = []
    for number, event in enumerate(events):
        assert browser.value("document.getElementById('count').textContent") == f"{number + 1} / {len(events)}"
        seen.append(browser.value("document.querySelector('#now .name').textContent"))
        assert browser.value("document.querySelector('#now .phase').textContent") == event.phase
        gone = browser.value("[...document.querySelectorAll('#now .gone')].map(e => e.textContent)")
        assert gone == list(event.dropped)
        assert browser.value("document.querySelectorAll('.boxes .now').length") == 1
        if event.node.name.endswith("Conv2DBackpropFilter"):
            photograph("player-backward")
        browser.click("#next")
    assert seen == [event.node.name for event in events]
    alive = set(browser.value("[...document.querySelectorAll('#alive .chip')].map(e => e.textContent)"))
    gone = {name for event in events for name in event.dropped}
    made = {t.name for event in events for t in event.node.outputs} | {t.name for t in feeds}
    assert alive == made - gone
    photograph("player-last")


def test_player_obeys_keys_the_timeline_and_the_clock(browser, tmp_path):
    session, train, loss, feeds = training()
    events = list(session.step(loss, feeds))
    slim.show.player(loss, events, tmp_path / "run.html")
    browser.open(tmp_path / "run.html")
    count = "+document.getElementById('count').textContent.split(' ')[0]"
    browser.press("ArrowRight")
    browser.press("ArrowRight")
    browser.press("ArrowLeft")
    assert browser.value(count) == 2
    browser.press("End")
    assert browser.value(count) == len(events)
    browser.press("Home")
    assert browser.value(count) == 1
    browser.click("#timeline")
    assert abs(browser.value(count) - len(events) / 2) <= 1
    browser.press("Home")
    browser.value("document.getElementById('speed').value = 20")
    browser.click("#play")
    browser.wait(f"{count} === {len(events)}")
    browser.wait("document.getElementById('play').textContent.includes('play')")


def test_the_player_shows_where_a_closed_scope_works(browser, tmp_path):
    session, train, loss, feeds = training()
    events = list(session.step(loss, feeds))
    slim.show.player(loss, events, tmp_path / "run.html", open="none")
    browser.open(tmp_path / "run.html")
    inside = next(i for i, event in enumerate(events) if event.node.name == "conv1/Relu")
    for _ in range(inside):
        browser.press("ArrowRight")
    assert "conv1" in browser.value("document.querySelector('.boxes .now text').textContent")
    browser.click(".boxes .now")
    assert browser.value("document.querySelector('.boxes .now text').textContent") == "Relu"


@pytest.fixture
def results():
    """Logits of held-out digits by a net that is right in most cases, with their labels and images."""
    images, labels = digits.load()
    images, labels = images[:200], labels[:200]
    noise = np.random.default_rng(0).normal(size=(200, 10))
    return 3.0 * np.eye(10)[labels] + 1.4 * noise, labels, images


def test_report_is_clicked_through(browser, photograph, tmp_path, results):
    logits, labels, images = results
    steps = range(0, 1000, 10)
    curves = {
        "total_loss": [(s, 2.3 * 0.995**s + 0.05) for s in steps],
        "accuracy": [(s, 1 - 0.9 * 0.99**s) for s in steps],
    }
    filters = np.random.default_rng(1).normal(size=(3, 3, 1, 16))
    slim.show.report(tmp_path / "report.html", curves=curves, logits=logits, labels=labels, images=images,
                     filters=filters, facts={"steps": 1000, "net": "a test"})  # fmt: skip
    browser.open(tmp_path / "report.html")
    photograph("report")
    table = np.array(browser.value(
        "[...document.querySelectorAll('.cell')].map(c => +c.textContent)")).reshape(10, 10)  # fmt: skip
    said = logits.argmax(axis=1)
    for i in range(10):
        for j in range(10):
            assert table[i, j] == sum(1 for a, b in zip(labels, said, strict=True) if (a, b) == (i, j))
    losses = browser.value("[...document.querySelectorAll('figure')].map(f => +f.lastChild.textContent.split(' ')[1])")
    expected = np.sort([np.log(sum(np.exp(z - z[k]))) for z, k in zip(logits, labels, strict=True)])[::-1][
        : len(losses)
    ]
    np.testing.assert_allclose(losses, expected, rtol=0.01)
    i, j = next((i, j) for i in range(10) for j in range(10) if i != j and table[i, j])
    browser.click(f'.cell[data-true="{i}"][data-said="{j}"]')
    photograph("report-cell")
    assert browser.value("document.getElementById('which').textContent") == f"{i} taken for {j}"
    assert browser.value("document.querySelectorAll('figure').length") == min(12, table[i, j])
    assert browser.value("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    browser.click("#worst")
    assert browser.value("document.getElementById('which').textContent") == "Worst examples"
    browser.move(".curve", dx=0.99)
    assert (
        browser.value("document.querySelector('.curve .read').textContent")
        == f"step 990: {curves['total_loss'][-1][1]:.4g}"
    )


def test_places_of_the_script_are_those_of_the_layout(tmp_path, browser):
    """The script's own coordinates, box by box."""
    session, train, loss, feeds = training()
    drawing = Drawing(train, open="all")
    placed, _ = place(drawing.tree, drawing.bones, drawing.opened)
    path = tmp_path / "all.svg"
    path.write_text(drawing.draw(), encoding="utf-8")
    browser.open(path)
    browser.value("document.querySelector('svg').npslim.draw()")
    found = browser.value("(n => n.data.boxes.map(b => n.at(b[0])))(document.querySelector('svg').npslim)")
    for box, at in zip(drawing.tree.root.walk(), found, strict=True):
        expected = placed[box.number]
        np.testing.assert_allclose(
            [at["x"], at["y"], at["w"], at["h"]], [expected.x, expected.y, expected.w, expected.h]
        )
