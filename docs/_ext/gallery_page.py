"""The gallery: the examples with pictures of what they define, a run to play, and a report; all made while building."""

import html
import logging
import runpy
import tempfile
from pathlib import Path

import npslim as slim
from npslim.cli.report import of_training
from npslim.data import digits
from npslim.nets import factory

ROOT = Path(__file__).resolve().parents[2]
STEPS = 60
NETS = {"lenet": 1, "cifarnet": 3, "mobilenet_v1": 3, "inception_v1": 3, "resnet_v2_50": 3}  # and their channels
HEAD = """# Gallery

Pictures of what the examples define and do, made while this page was built. A click on a scope opens or closes it.
"""


def pages():
    """{file: text}: the page, and the pages within it."""
    logging.getLogger("npslim").setLevel(logging.WARNING)
    example = runpy.run_path(str(ROOT / "examples" / "digits.py"))
    lines = [
        HEAD,
        *["## A run, node by node", ""],
        *["A line is fitted to points: the loss, its gradients, one step of descent. By `slim.show.player`.", ""],
        *frame("player.html", "a run to play"),
        *["## A training", ""],
        *[f"`examples/digits.py` after {STEPS} steps. By `slim.show.report`.", ""],
        *frame("report.html", "a report"),
        *["## Its graph", ""],
        *picture(digits_graph(example)),
        *["## Nets", ""],
    ]
    for name, channels in NETS.items():
        lines += [f"### {name}", "", *picture(net_graph(name, channels))]
    lines += ["## The examples", ""]
    for path in sorted((ROOT / "examples").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        lines += [f"### {name}", "", f"```{{literalinclude}} ../../{name}", ":language: python", "```", ""]
    pages_within = {"player.html": step_through_a_line(), "report.html": digits_report(example)}
    return {"gallery.md": "\n".join(lines), **pages_within}


def frame(name, title):
    return ["```{raw} html", f'<figure class="page"><iframe src="../{name}" title="{html.escape(title)}">'
            "</iframe></figure>", "```", ""]  # fmt: skip


def picture(svg):
    return ["```{raw} html", f'<div class="picture">{svg}</div>', "```", ""]


def step_through_a_line():
    """The page that plays a step of fitting a line."""
    with slim.Graph().as_default(), slim.Session() as session:
        slim.set_random_seed(1)
        x = slim.placeholder(slim.float32, [None, 1], name="x")
        y = slim.placeholder(slim.float32, [None, 1], name="y")
        line = slim.fully_connected(x, 1, activation_fn=None, scope="line")
        loss = slim.reduce_mean(slim.square(line - y), name="loss")
        train = slim.GradientDescentOptimizer(0.1).minimize(loss)
        session.run(slim.global_variables_initializer())
        feeds = {x: [[-1.0], [0.0], [1.0]], y: [[-2.0], [0.5], [3.0]]}
        return slim.show.player([train, loss], session.step([train, loss], feeds), open="all", title="Fitting a line")


def digits_report(example):
    """The report of a short training."""
    with tempfile.TemporaryDirectory() as folder:
        example["train"](folder, STEPS)
        logits, labels, images = example["predict"](folder)
        return slim.show.report(
            logits=logits, labels=labels, images=images, title="Handwritten digits", **of_training(folder)
        )


def digits_graph(example):
    with slim.Graph().as_default():
        logits = example["net"](slim.placeholder(slim.float32, [None, 8, 8, 1], name="images"), is_training=False)
        slim.losses.softmax_cross_entropy(logits, slim.placeholder(slim.float32, [None, digits.CLASSES], name="labels"))
        return slim.show.svg(slim.losses.get_total_loss())


def net_graph(name, channels):
    """The net without its backward pass; small ones fold, of large ones the closed scopes are shown alone."""
    with slim.Graph().as_default() as graph:
        network = factory.get(name, 10)
        size = network.default_image_size
        logits, _ = network(slim.placeholder(slim.float32, [None, size, size, channels], name="images"))
        return slim.show.svg(logits, folding=len(graph.nodes) < 400)
