"""Pictures of graphs without a browser: what is in them, where it stands, what it says."""

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
from show.programs import training

import npslim as slim
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.nets import factory
from npslim.show.curve import nice_ticks
from npslim.show.image import png
from npslim.show.layout import place
from npslim.show.svg import Drawing
from npslim.show.tree import build
from npslim.show.values import facts, thumbnail

SVG = "{http://www.w3.org/2000/svg}"


def boxes_of(drawing):
    placed, _ = place(drawing.tree, drawing.bones, drawing.opened)
    return [(box, placed[box.number]) for box in drawing.tree.boxes() if box.number in placed]


def test_every_node_has_its_box_and_a_variable_is_one():
    _, train, loss, _ = training()
    graph = slim.get_default_graph()
    tree = build(graph)
    hidden = {n for n in graph.nodes if "/Initializer/" in n.name or n.name.endswith("/Assign")}
    assert set(tree.leaf_of) == set(graph.nodes) - hidden
    (weights,) = [box for box in tree.boxes() if box.path == "conv1/weights"]
    assert {n.name for n in weights.nodes} == {
        "conv1/weights",
        "conv1/weights/read",
        "conv1/weights/Momentum",
        "conv1/weights/Momentum/read",
    }
    assert weights.kind == "variable" and weights.parent.path == "conv1/"


def test_gradients_stand_beside_their_forward_node():
    _, train, _, _ = training()
    drawing = Drawing(train, open="all")
    places = {box.path: at for box, at in boxes_of(drawing)}
    pairs = 0
    for node, leaf in drawing.tree.leaf_of.items():
        if node.forward is None or node.forward.forward is not None:
            continue
        forward = places[drawing.tree.leaf_of[node.forward].path]
        gradient = places[leaf.path]
        owner = drawing.tree.leaf_of[node.forward].companion
        column = places[owner.path]
        assert gradient.x >= forward.x + forward.w
        assert abs((column.y + column.h / 2) - (forward.y + forward.h / 2)) < 1e-6
        pairs += 1
    assert pairs > 20


@pytest.mark.parametrize("open", ["none", "auto", "all"])
def test_boxes_do_not_overlap_and_lie_within_their_scope(open):
    _, train, _, _ = training()
    shown = boxes_of(Drawing(train, open=open))
    by_box = dict(shown)
    for box, at in shown:
        if box.parent in by_box:
            outer = by_box[box.parent]
            assert outer.x <= at.x and at.x + at.w <= outer.x + outer.w + 1e-6
            assert outer.y <= at.y and at.y + at.h <= outer.y + outer.h + 1e-6
        for other, there in shown:
            if other is box or other in box.ancestors() or box in other.ancestors():
                continue
            apart = (at.x + at.w <= there.x + 1e-6 or there.x + there.w <= at.x + 1e-6
                     or at.y + at.h <= there.y + 1e-6 or there.y + there.h <= at.y + 1e-6)  # fmt: skip
            assert apart, f"{box.path} lies on {other.path}"


def test_what_is_computed_later_stands_lower():
    _, _, loss, _ = training()
    drawing = Drawing(loss, open="all", gradients=False)
    places = {box: at for box, at in boxes_of(drawing)}
    for edge in drawing.tree.edges:
        assert places[edge.source].y + places[edge.source].h < places[edge.target].y


def test_the_same_graph_gives_the_same_picture():
    first = slim.Graph()
    second = slim.Graph()
    pictures = []
    for graph in (first, second):
        with graph.as_default():
            _, train, _, _ = training()
            pictures.append(slim.show.svg(train))
    assert pictures[0] == pictures[1]


def test_shapes_stand_on_edges_and_values_and_gradients_in_the_titles():
    session, train, loss, feeds = training()
    events = list(session.step([train, loss], feeds))
    root = ElementTree.fromstring(slim.show.svg([train, loss], open="all", events=events, folding=False))
    labels = {
        text.text for edge in root.iter(f"{SVG}g") if "data-edge" in edge.attrib for text in edge.iter(f"{SVG}text")
    }
    assert {"f32 ?×8×8×1", "f32 3×3×1×4", "f32 ?×4×4×4", "i32 2"} <= labels
    titles = [title.text for title in root.iter(f"{SVG}title")]
    (relu,) = [t for t in titles if t.startswith("conv1/Relu  (Relu)")]
    value = next(e.outputs[0] for e in events if e.node.name == "conv1/Relu")
    assert f"{value.max():.4g}" in relu and "float32 [2, 8, 8, 4]" in relu
    pulled = next(e.outputs[0] for e in events if e.node.name.endswith("MaxPoolGrad"))
    assert "gradient gradients/pool1/MaxPool_grad/MaxPoolGrad:0" in relu and f"{pulled.min():.4g}" in relu
    assert "programs.py:" in relu


def test_a_picture_for_paper_holds_only_what_shows():
    _, train, _, _ = training()
    whole, paper = slim.show.svg(train, open="none"), slim.show.svg(train, open="none", folding=False)
    assert "<script>" in whole and "<script>" not in paper and len(paper) < len(whole) / 3
    assert "display:none" not in paper
    assert "ReluGrad" not in paper and "ReluGrad" in whole


def test_a_scope_that_is_not_there_is_refused():
    _, train, _, _ = training()
    with pytest.raises(InvalidArgumentError) as caught:
        slim.show.svg(train, open=["conv2"])
    assert "'conv2'" in str(caught.value) and "conv1" in str(caught.value)


def test_gradients_may_be_left_out():
    _, train, loss, _ = training()
    assert "∂" not in slim.show.svg(loss, folding=False)
    assert 'class="box gradient' not in slim.show.svg(train, gradients=False)


def test_second_derivatives_join_the_first():
    x = slim.placeholder(slim.float32, [], name="x")
    y = slim.tanh(x, name="y")
    (g,) = slim.gradients(y, x)
    (h,) = slim.gradients(g, x, name="second")
    tree = build(h)
    beside = {n.name for n in tree.leaf_of[y.op].companion.every_node()}
    assert any(name.startswith("gradients/") for name in beside) and any(name.startswith("second/") for name in beside)
    slim.show.svg(h, open="all")


@pytest.mark.parametrize("net, size", [("lenet", 28), ("cifarnet", 32), ("resnet_v2_50", 64)])
def test_nets_can_be_drawn(net, size):
    x = slim.placeholder(slim.float32, [1, size, size, 1 if net == "lenet" else 3])
    logits, _ = factory.get(net, 10, is_training=True)(x)
    slim.gradients(slim.reduce_sum(logits), slim.trainable_variables())
    ElementTree.fromstring(slim.show.svg(slim.get_default_graph(), folding=False))


def test_an_empty_graph_is_a_sentence(fresh_graph):
    assert "a graph of 0 nodes" in fresh_graph._repr_html_()


# ---- other programs' formats


def test_dot_names_every_box_and_edge(tmp_path):
    _, train, _, _ = training()
    text = slim.show.dot(train, tmp_path / "graph.dot")
    assert (tmp_path / "graph.dot").read_text(encoding="utf-8") == text
    tree = build(train)
    assert text.count("{") == text.count("}")
    assert len(re.findall(r" -> ", text)) == len(tree.edges)
    names = set(re.findall(r"^ *(n\d+) \[", text, re.M))
    assert set(re.findall(r"n\d+(?= ->|(?<=-> n)\d)", text)) <= names
    assert {f"n{leaf.number}" for leaf in tree.leaf_of.values()} <= names


def test_tensorboard_gets_the_graph(tmp_path):
    pytest.importorskip("tensorboardX")
    from npslim.tf_summary import summary_iterator

    _, train, _, _ = training()
    slim.show.graph_def(slim.get_default_graph(), tmp_path)
    (file,) = tmp_path.glob("events*")
    assert any(event.graph_def for event in summary_iterator(str(file)))


# ---- values


def test_facts_of_values():
    assert facts(None) == {"text": "not initialized"}
    assert facts("text")["text"] == "str"
    found = facts(np.array([1.0, np.nan, -2.0, np.inf], np.float32))
    assert found["odd"] == "2 not finite" and found["range"] == "-2 … 1, mean -0.5"
    assert "picture" not in facts(np.float32(3.0)) and facts(np.zeros((0, 3)))["text"] == "float64 [0, 3]"
    assert facts(np.arange(10))["first"] == "0, 1, 2, 3, 4, 5, …"


def test_a_small_picture_keeps_sign_and_size():
    import base64

    found = thumbnail(np.array([[-2.0, 0.0], [1.0, 2.0]]))
    assert (found["w"], found["h"], found["limit"]) == (2, 2, "2")
    assert list(base64.b64decode(found["bits"])) == [1, 128, 192, 255]
    large = thumbnail(np.zeros((1000, 1000)))
    assert large["w"] <= 96 and large["h"] <= 48


def test_png_is_read_by_another_program():
    image = pytest.importorskip("PIL.Image")
    import io

    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    for part in (pixels, pixels[..., 0]):
        np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(png(part)))), part)


@pytest.mark.parametrize("low, high", [(0, 1), (-3.2, 7.9), (0.00012, 0.00017), (1e6, 3.3e6), (5, 5)])
def test_ticks_are_round_and_span_the_values(low, high):
    ticks = nice_ticks(low, high)
    assert ticks[0] <= low + 1e-12 and ticks[-1] >= high - 1e-12 and len(ticks) <= 7
    steps = np.diff(ticks)
    np.testing.assert_allclose(steps, steps[0] if len(steps) else 0, rtol=1e-6)


# ---- notebooks


class Balance(HTMLParser):
    """Counts open tags."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_notebooks_show_what_npslim_makes():
    session, train, loss, feeds = training()
    graph = slim.get_default_graph()
    with slim.arg_scope([slim.conv2d], padding="VALID") as scope:
        pass
    things = {
        "conv1/weights:0": slim.get_model_variables()[0],
        "total_loss:0": loss,
        "gradient of": graph.cotangents[loss][0],
        "Conv2D": graph.get_operation_by_name("conv1/Conv2D"),
        "dropped after": session.plan((loss,), tuple(feeds)),
        "multiply-adds": slim.model_analyzer.summary(),
        "convolution2d": scope,
        "<svg": graph,
    }
    for words, thing in things.items():
        text = thing._repr_html_()
        assert words in text
        if not text.startswith("<svg"):
            parser = Balance()
            parser.feed(text)
            assert parser.open == []


def test_names_are_escaped():
    with slim.arg_scope([slim.conv2d], padding="<b>") as scope:
        assert "<b>" not in scope._repr_html_()


# ---- the report


def test_report_leaves_out_what_is_not_given(tmp_path):
    page = slim.show.report(curves={"loss": [(0, 1.0), (1, float("nan")), (2, 0.5)]})
    assert 'id="curves"' in page and 'id="confusion"' not in page and 'id="filters"' not in page
    assert "nan" not in page.split("<script")[0]


@pytest.mark.parametrize("labels, message", [(np.array([0, 3]), "A label is no class"), (np.array([0]), "one n")])
def test_report_refuses_what_does_not_fit(labels, message):
    with pytest.raises(InvalidArgumentError, match=message):
        slim.show.report(logits=np.zeros((2, 3)), labels=labels)


def test_report_reads_the_curves_of_a_training(tmp_path):
    (tmp_path / "scalars.csv").write_text("step,time,name,value\n0,0,loss,2.5\n10,0,loss,1.5\n")
    page = slim.show.report(tmp_path / "report.html", curves=tmp_path, filters=np.ones((3, 3, 3, 2)))
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert page.count('alt="filter') == 2 and "2.5" in page


def test_nested_fetches_are_drawn_and_others_refused():
    x = slim.placeholder(slim.float32, [3], name="x")
    table = slim.get_variable("table", [4, 2])
    y = slim.reduce_sum(slim.gather(table, [0, 1])) + slim.reduce_sum(x)
    (slices,) = slim.gradients(y, [table])
    flat = build([y, slices.values, slices.indices])
    nested = build({"loss": y, "rest": (slices, [y])})
    assert set(nested.leaf_of) == set(flat.leaf_of)
    with pytest.raises(ArgumentTypeError, match="a structure of these"):
        slim.show.svg(slim.Session())
