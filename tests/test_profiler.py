"""profile(): each kernel call is noted, with its time, bytes and operations; the trace is what Chrome reads."""

import json
import threading

import numpy as np
import pytest

import npslim as slim
from npslim.flops import flops, node_flops, show_count


@pytest.fixture
def net():
    """(fetch, feeds) of a product, a bias and a relu, run once."""
    x = slim.placeholder("float32", [None, 300], name="x")
    y = slim.relu(slim.matmul(x, slim.constant(np.ones((300, 200), np.float32)), name="product") + 1.0)
    feeds = {x: np.ones((400, 300), np.float32)}
    return y, feeds


def test_rows(net):
    y, feeds = net
    session = slim.Session(threads=1)
    session.run(y, feeds)
    with slim.profile() as found:
        for _ in range(3):
            session.run(y, feeds)
    session.run(y, feeds)  # outside
    (row,) = [row for row in found.rows() if row["op"] == "MatMul" and "gives back" not in row["kernel"]]
    assert row["calls"] == 3 and row["ms"] > 0
    nbytes = 3 * 4 * (400 * 300 + 300 * 200 + 400 * 200)
    assert nbytes <= row["bytes"] <= nbytes + 3 * 4 * 400 * 200
    spent = sum(e.end - e.begin for e in found.events if e.node.name == "product" and e.flops)
    assert row["gflops"] == pytest.approx(3 * 2 * 400 * 300 * 200 / spent)
    assert sum(row["share"] for row in found.rows()) == pytest.approx(1)
    assert [row["ms"] for row in found.rows()] == sorted((row["ms"] for row in found.rows()), reverse=True)


def test_what_is_written(net, tmp_path):
    y, feeds = net
    with slim.profile(tmp_path / "trace.json") as found:
        slim.Session(kernels="plain").run(y, feeds)
    trace = json.loads((tmp_path / "trace.json").read_text())
    events = trace["traceEvents"]
    assert {"product", "x"} - {event["name"] for event in events} <= {"x"}  # a fed tensor is not run
    assert all(event["ph"] == "X" and event["dur"] >= 0 and event["ts"] >= 0 for event in events)
    assert events == sorted(events, key=lambda event: event["ts"])
    (product,) = [event for event in events if event["name"] == "product"]
    assert product["cat"] == "MatMul" and product["args"]["flops"] == 2 * 400 * 300 * 200
    assert "test_profiler.py" in product["args"]["made at"]
    table = (tmp_path / "trace.txt").read_text()
    assert table == f"{found}\n"
    head, *rows = table.splitlines()
    assert head.split() == ["op", "kernel", "calls", "ms", "bytes", "GFLOP/s", "share"]
    assert any(row.startswith("MatMul ") and "plain" in row for row in rows)


def test_profiles_within_each_other_and_on_threads(net):
    y, feeds = net
    with slim.profile() as outer:
        with slim.profile() as inner:
            thread = threading.Thread(target=slim.Session(threads=1).run, args=(y, feeds))
            thread.start()
            thread.join()
        slim.Session(threads=1).run(y, feeds)
    assert len(outer.events) == 2 * len(inner.events) > 0
    assert len({event.thread for event in outer.events}) == 2


def test_an_error_ends_the_profile_and_writes_nothing(tmp_path):
    x = slim.placeholder("float32")
    with pytest.raises(slim.errors.InvalidArgumentError), slim.profile(tmp_path / "trace.json") as found:
        slim.Session().run(x)
    assert not list(tmp_path.iterdir())
    count = len(found.events)
    slim.Session().run(slim.constant(1.0) + 2.0)
    assert len(found.events) == count


def test_a_loop_and_a_branch_are_seen_inside():
    total = slim.while_loop(lambda i: i < 4.0, lambda i: [i * 1.0 + 1.0], [slim.constant(0.0)])
    with slim.profile() as found:
        slim.Session(kernels="plain").run(total)
    assert [row["calls"] for row in found.rows() if row["op"] == "Mul"] == [4]


def test_operations_are_those_of_the_definition():
    shapes: dict = {"matmul": ([(3, 4), (4, 5)], [(3, 5)], 2 * 3 * 4 * 5)}
    shapes["conv2d"] = ([(2, 6, 6, 3), (3, 3, 3, 8)], [(2, 6, 6, 8)], 2 * 2 * 36 * 8 * 27)
    shapes["conv2d_backprop_input"] = ([(2, 6, 6, 3), (3, 3, 3, 8), (2, 6, 6, 8)], [(2, 6, 6, 3)], 2 * 2 * 36 * 8 * 27)
    shapes["conv2d_backprop_filter"] = ([(2, 6, 6, 3), (3, 3, 3, 8), (2, 6, 6, 8)], [(3, 3, 3, 8)], 2 * 72 * 8 * 27)
    shapes["depthwise_conv2d_native"] = ([(2, 6, 6, 3), (3, 3, 3, 2)], [(2, 6, 6, 6)], 2 * 72 * 6 * 9)
    shapes["add"] = ([(2, 6), (6,)], [(2, 6)], 12)
    shapes["reduce_sum"] = ([(2, 6)], [()], 12)
    shapes["reshape"] = ([(2, 6), (2,)], [(12,)], 0)
    for op, (inputs, outputs, expected) in shapes.items():
        assert flops(op, {}, inputs, outputs) == expected, op
    assert flops("matmul", {"transpose_a": True}, [(4, 3), (4, 5)], [(3, 5)]) == 120
    assert flops("matmul", {}, [(None, 4), (4, 5)], [(None, 5)]) is None
    x = slim.placeholder("float32", [2, 5, 7, 3])
    assert node_flops(slim.conv2d(x, 4, [3, 3], activation_fn=None, biases_initializer=None).op) == 2 * 70 * 4 * 27
    assert [show_count(n) for n in (None, 0, 999, 1500, 2.57e9, 4e12)] == ["?", "0", "999", "1.5 k", "2.57 G", "4 T"]


def test_explain_tells_algorithm_group_buffer_and_operations():
    x = slim.placeholder("float32", [4, 28, 28, 64], name="x")
    y = slim.max_pool2d(slim.conv2d(x, 128, [3, 3], scope="wide"), [2, 2])
    z = slim.conv2d(y, 64, [1, 1], scope="narrow")
    train = slim.learning.create_train_op(slim.reduce_sum(z * z), slim.MomentumOptimizer(0.1, 0.9))
    text = slim.Session().explain([train, z], {x: 0})
    head, *lines = text.splitlines()
    lines = [line for line in lines if " steps side by side with " not in line]
    assert f"{len(lines)} steps" in head and "FLOPs" in head
    of = {line.split()[1]: line for line in lines}
    assert "fast conv2d by winograd" in of["wide/Conv2D"] and "462 M" in of["wide/Conv2D"]
    assert "fast conv2d by product" in of["narrow/Conv2D"]
    assert "loop add+maximum, in place  fuses wide/BiasAdd, wide/Relu" in of["wide/Relu"]
    assert any("relu_max_pool2d_grad  fuses " in line for line in lines)
    assert any("blocked" in line for line in lines) and any("gives back" in line for line in lines)
