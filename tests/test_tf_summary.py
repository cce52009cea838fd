"""Summaries: names and collections as TensorFlow's, and event files that TensorBoard's own reader opens."""

import functools
import io

import numpy as np
import pytest
from PIL import Image

import npslim as slim
from npslim import summaries
from npslim import tf_summary as summary
from npslim.errors import FailedPreconditionError, InvalidArgumentError
from npslim.events import read_scalars
from npslim.ops.summary import messages


def parsed(value):
    return messages().Summary.FromString(value).value


def run(x, feed_dict=None):
    return slim.Session().run(x, feed_dict)


def collected():
    return [t.op.name for t in slim.get_collection(slim.GraphKeys.SUMMARIES)]


def test_tags_are_the_names_of_nodes():
    with slim.name_scope("outer"):
        a = summary.scalar("a b/c", 1.0)
    b = summary.scalar("ok", 2.0, family="fam")
    again = summary.scalar("ok", 2.0, family="fam", collections=["mine"])
    assert [x.op.name for x in (a, b, again)] == ["outer/a_b/c", "fam/ok", "fam/ok_1"]
    assert [parsed(v)[0].tag for v in run([a, b])] == ["outer/a_b/c", "fam/fam/ok"]
    assert collected() == ["outer/a_b/c", "fam/ok"] and slim.get_collection("mine") == [again]


def test_a_histogram_has_the_buckets_of_tensorflow():
    (value,) = parsed(run(summary.histogram("h", np.array([1.0, 2.0, -3.0, 0.0, 0.0, 1e-13, 1e25], np.float32))))
    limits = [-3.1665833053880363, -2.8787120958073054, 0, 1e-12, 0.917246389039776, 1.0089710279437536,
              1.9661990955585713, 2.1628190051144287, 9.9207756218597835e19, 1.7976931348623157e308]  # fmt: skip
    np.testing.assert_allclose(value.histo.bucket_limit, limits, rtol=1e-12)
    assert list(value.histo.bucket) == [0, 1, 0, 3, 0, 1, 0, 1, 0, 1]
    assert (value.histo.min, value.histo.num) == (-3, 7)


def test_images_are_scaled_as_in_tensorflow():
    x = slim.placeholder(slim.float32, [None, 1, 2, 3])
    one, three = summary.image("one", x, max_outputs=1), summary.image("three", x)
    pixels = np.array([[[[0, 0.25, 0.5], [1, np.nan, 0]]], [[[-1, 0, 0.5], [0.5, 1, -0.5]]]], np.float32)
    values = parsed(run(one, {x: pixels})), parsed(run(three, {x: pixels}))
    assert [v.tag for v in values[0]] == ["one/image"]
    assert [v.tag for v in values[1]] == ["three/image/0", "three/image/1"]
    first, second = (np.array(Image.open(io.BytesIO(v.image.encoded_image_string))) for v in values[1])
    np.testing.assert_array_equal(first[0], [[0, 127, 255], [255, 0, 0]])  # the pixel with NaN is red
    np.testing.assert_array_equal(second[0], [[1, 128, 191], [191, 255, 64]])


def test_merging():
    assert summary.merge_all() is None
    with slim.name_scope("in"):
        a = summary.scalar("a", 1.0)
    summary.scalar("b", 2.0)
    assert [v.tag for v in parsed(run(summary.merge_all()))] == ["in/a", "b"]
    assert [v.tag for v in parsed(run(summary.merge_all(scope="in")))] == ["in/a"]
    with pytest.raises(InvalidArgumentError, match="one tag"):
        run(summary.merge([a, a]))
    with pytest.raises(ValueError, match="no summaries"):
        summary.merge([])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: summary.scalar("v", [1.0, 2.0]), "takes one number"),
        (lambda: summary.histogram("nan", [float("nan")]), "NaN or infinity"),
        (lambda: summary.image("i", np.zeros((2, 3, 3, 2))), r"takes \[n, h, w, c\]"),
        (lambda: summary.image("i", np.zeros((2, 3))), r"takes \[n, h, w, c\]"),
    ],
)
def test_bad_values_are_refused_by_the_run(make, message):
    with pytest.raises(InvalidArgumentError, match=message):
        run(make())


def test_words_are_no_numbers():
    with pytest.raises(TypeError, match="takes numbers"):
        summary.scalar("s", "abc")


def test_slims_names(capsys):
    x = slim.placeholder(slim.float32, [2, 3], name="x")
    total = slim.reduce_sum(x)
    with slim.name_scope("sc"):
        act = slim.relu(x, name="act")
    image = slim.placeholder(slim.float32, [2, 4, 4, 3], name="im")
    added = [
        summaries.add_histogram_summary(x, "n", "p"),
        summaries.add_image_summaries([image], "z")[0],
        summaries.add_zero_fraction_summary(act),
        *summaries.add_scalar_summaries([total, slim.reduce_mean(x)], "q"),
        *summaries.add_histogram_summaries([act]),
        *summaries.add_zero_fraction_summaries([act], "r"),
    ]
    names = ["p/n", "z/im", "sc/act/Fraction_of_Zero_Values", "q/Sum", "q/Mean", "sc/act_1",
             "r/sc/act/Fraction_of_Zero_Values"]  # fmt: skip
    assert [t.op.name for t in added] == names == collected()
    printed = summaries.add_scalar_summary(total, "n", "p", print_summary=True)
    feeds = {x: np.array([[-1, 0.5, 2], [3, 0, 5]])}
    assert parsed(run(printed, feeds))[0].simple_value == 9.5
    assert "p/n" in capsys.readouterr().err
    assert parsed(run(added[2], feeds))[0].simple_value == np.float32(1 / 3)


def test_summaries_of_layers():
    layers = slim.layers
    x = slim.placeholder(slim.float32, [2, 3])
    for scope, activation in (("fc1", slim.relu), ("fc2", slim.relu6), ("fc3", None)):
        slim.fully_connected(
            x, 4, activation, scope=scope, outputs_collections=slim.GraphKeys.ACTIVATIONS,
            variables_collections={"weights": [slim.GraphKeys.WEIGHTS], "biases": [slim.GraphKeys.BIASES]},
        )  # fmt: skip
    assert [t.op.name for t in layers.summarize_weights("fc[12]")] == ["fc1/weights_summary", "fc2/weights_summary"]
    assert [t.op.name for t in layers.summarize_biases("fc3")] == ["fc3/biases_summary"]
    assert len(layers.summarize_variables()) == 6
    shown = [t.op.name for t in layers.summarize_activations()]
    assert shown == ["fc1/Relu/activation", "fc2/Relu6/activation", "fc3/BiasAdd/activation"]
    assert {"fc1/Relu/zeros", "fc2/Relu6/zeros", "fc2/Relu6/sixes"} <= set(collected())
    scalar = layers.summarize_tensor(slim.reduce_sum(x), "tag")
    assert scalar.op.type == "ScalarSummary" and scalar.op.name == "tag"


def test_tensorboard_reads_what_the_writer_wrote(tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    x = slim.placeholder(slim.float32, [3, 4], name="x")
    summary.scalar("loss", slim.reduce_sum(x))
    summary.histogram("weights", x)
    summary.image("picture", slim.reshape(x, [1, 3, 4, 1]))
    summary.text("note", slim.constant(b"hello"))
    summary.audio("beep", slim.reshape(x, [1, 12, 1]), 100.0)
    merged = summary.merge_all()
    with summary.FileWriter(str(tmp_path), slim.get_default_graph(), filename_suffix=".test") as writer:
        for step in range(3):
            writer.add_summary(run(merged, {x: np.full((3, 4), step / 12)}), step)
        writer.flush()
    reader = event_accumulator.EventAccumulator(str(tmp_path), size_guidance={"tensors": 0, "histograms": 0})
    reader.Reload()
    assert [(e.step, round(e.value, 5)) for e in reader.Scalars("loss")] == [(0, 0), (1, 1), (2, 2)]
    assert reader.Histograms("weights")[2].histogram_value.num == 12
    assert (reader.Images("picture/image/0")[0].width, reader.Images("picture/image/0")[0].height) == (4, 3)
    assert reader.Audio("beep/audio/0")[0].length_frames == 12
    assert reader.Tensors("note")[0].tensor_proto.string_val[0] == b"hello"
    nodes = {node.name: node for node in reader.Graph().node}
    assert list(nodes["loss"].input) == ["Sum"] and nodes["x"].op == "Placeholder"
    assert [d.size for d in nodes["x"].attr["_output_shapes"].list.shape[0].dim] == [3, 4]
    assert read_scalars(tmp_path)["loss"][2] == (2, pytest.approx(2.0))


def test_a_closed_writer_refuses_and_can_be_reopened(tmp_path):
    writer = summary.FileWriter(str(tmp_path))
    assert writer.get_logdir() == str(tmp_path)
    writer.close()
    value = run(summary.scalar("a", 1.0))
    with pytest.raises(FailedPreconditionError, match="closed"):
        writer.add_summary(value, 0)
    writer.reopen()
    writer.add_summary(value, 1)
    writer.close()
    assert read_scalars(tmp_path) == {"a": [(1, 1.0)]}
    assert summary.FileWriterCache.get(str(tmp_path)) is summary.FileWriterCache.get(str(tmp_path))
    summary.FileWriterCache.clear()


def test_partials_take_the_arguments_of_slim():
    assert isinstance(slim.layers.summarize_variables, functools.partial)
    assert slim.layers.summarize_variables(name_filter="none") == []


def test_writers_of_one_second_do_not_write_over_each_other(tmp_path):
    for tag in "ab":
        with summary.FileWriter(str(tmp_path)) as writer:
            writer.add_numbers({tag: 1.0}, 1)
    events = [event for path in tmp_path.glob("*tfevents*") for event in summary.summary_iterator(str(path))]
    assert sorted(value.tag for event in events for value in event.summary.value) == ["a", "b"]
