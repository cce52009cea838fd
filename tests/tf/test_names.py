"""`npslim.tf`: the names old programs use, with TensorFlow's parameters; and what a missing name says."""

import gzip
import inspect
import json
import re
import subprocess
import sys

import golden_cases
import numpy as np
import pytest

import npslim as slim
import npslim.tf as tf

# (name, how many of 30 programs use it, signature in TensorFlow 2.15's compat.v1 or None)
RECORDED = json.loads(gzip.decompress((golden_cases.FOLDER / "tf_names.json.gz").read_bytes()))

# Names whose parameters are not TensorFlow 2.15's, and why.
OTHER_PARAMETERS = {
    "tf.Variable": "TensorFlow 1's: `collections` is the third",
    "tf.VariableScope": "made by variable_scope, not by programs",
    "tf.data.Iterator": "made by make_one_shot_iterator and its kin, not by programs",
    "tf.ReaderBase": "made by its subclasses, not by programs",
    "tf.io.decode_raw": "TensorFlow 1's: no fixed_length",
    "tf.io.encode_jpeg": "options of the JPEG file come by name",
    "tf.image.encode_jpeg": "options of the JPEG file come by name",
    "tf.Summary": "tensorboardX's message",
    "tf.Dimension": "made by TensorShape",
}

LEFT_OUT = ("keras", "tpu", "quantize", "distribute", "GradientTape", "bfloat16")


def found(name):
    here = tf
    for part in name.split(".")[1:]:
        here = getattr(here, part)
    return here


def parameters_of(signature):
    """The names of the parameters in a recorded signature."""
    parts, depth, current = [], 0, ""
    for letter in re.sub(r"'[^']*'", "''", signature[1:-1]):
        depth += letter in "([{<"
        depth -= letter in ")]}>"
        if letter == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += letter
    names = [p.split("=")[0].split(":")[0] for p in [*parts, current.strip()] if p not in ("", "*", "/")]
    return [n for n in names if n not in ("self", "cls", "_cls")]


def resolves(name):
    try:
        found(name)
    except (AttributeError, ImportError):
        return False
    return True


@pytest.mark.parametrize(
    "name, signature", [(n, s) for n, _, s in RECORDED if s and n not in OTHER_PARAMETERS and resolves(n)]
)
def test_parameters_are_tensorflows(name, signature):
    wanted = parameters_of(signature)
    if any(n.startswith("*") for n in wanted):
        return
    here = list(inspect.signature(found(name)).parameters.values())
    names = [p.name for p in here]
    if any(p.kind is p.VAR_KEYWORD for p in here):
        wanted = [n for n in wanted if n in names]
    if not any(p.kind is p.VAR_POSITIONAL for p in here):
        assert names[: len(wanted)] == wanted


def test_most_names_that_programs_use_are_here():
    """Every name of two programs or more, but those that are left out on purpose."""
    used = [name for name, programs, _ in RECORDED if programs >= 2]
    missing = [n for n in used if not resolves(n) and not any(part in LEFT_OUT for part in n.split("."))]
    assert missing == []


def test_a_missing_name_names_the_nearest():
    with pytest.raises(AttributeError, match=r"npslim has no tf.reduce_meen. Did you mean tf.reduce_mean"):
        _ = tf.reduce_meen
    with pytest.raises(AttributeError, match=r"npslim has no tf.nn.sofmax. Did you mean tf.nn.softmax"):
        _ = tf.nn.sofmax
    with pytest.raises(AttributeError, match="graphs are defined first"):
        _ = tf.GradientTape
    with pytest.raises(AttributeError, match="Keras objects are no part"):
        _ = tf.keras


def run(tensors, feeds=None):
    session = slim.Session()
    session.run(slim.global_variables_initializer())
    return session.run(tensors, feeds)


def test_old_and_new_argument_names():
    x = tf.constant([[1.0, 2.0], [3.0, 5.0]])
    got = run([
        tf.reduce_mean(x, reduction_indices=[1], keep_dims=True), tf.argmax(x, dimension=1), tf.argmax(x, 1),
        tf.concat(0, [x, x]), tf.concat([x, x], 1), tf.squeeze(tf.expand_dims(x, dim=0), squeeze_dims=[0]),
        tf.nn.softmax(x, dim=0), tf.mul(x, x), tf.sub(x, x), tf.pack([x, x]), tf.unpack(x)[1],
        tf.reverse(x, [True, False]),
        tf.to_float(tf.constant([1, 2])), tf.nn.dropout(x, 1.0), tf.nn.top_k(x, 1).indices, tf.norm(x),
        tf.arg_max(x, 0),
        tf.matmul(x, x, adjoint_b=True), tf.count_nonzero(x, reduction_indices=[0]), tf.split(x, 2, 1)[0],
    ])  # fmt: skip
    a = np.array([[1.0, 2.0], [3.0, 5.0]], np.float32)
    e = np.exp(a - a.max(0))
    expected = [
        a.mean(1, keepdims=True), [1, 1], [1, 1], np.concatenate([a, a]), np.concatenate([a, a], 1), a, e / e.sum(0),
        a * a, a - a, np.stack([a, a]), a[1], a[::-1], [1.0, 2.0], a, [[1], [1]], np.linalg.norm(a), [1, 1], a @ a.T,
        [2, 2], a[:, :1],
    ]  # fmt: skip
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    with pytest.raises(ValueError, match="given twice"):
        tf.reduce_sum(x, axis=0, reduction_indices=0)


def test_meshgrid():
    a, b, c = [1, 2, 3], [4, 5], [6, 7, 8, 9]
    for indexing in ("xy", "ij"):
        for mine, theirs in zip(
            run(tf.meshgrid(a, b, c, indexing=indexing)), np.meshgrid(a, b, c, indexing=indexing), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


def test_settings_are_taken():
    config = tf.ConfigProto(allow_soft_placement=True, gpu_options=tf.GPUOptions(allow_growth=True))
    config.gpu_options.per_process_gpu_memory_fraction = 0.5
    config.graph_options.optimizer_options.opt_level = tf.OptimizerOptions.L0
    with tf.Session(config=config) as session:
        assert session.run(tf.constant(3)) == 3
    assert config.inter_op_parallelism_threads == 0 and config.gpu_options.allow_growth is True
    cluster = tf.train.ClusterSpec({"ps": ["a:1", "b:1"], "worker": ["c:1"]})
    assert cluster.num_tasks("ps") == 2 and cluster.job_tasks("worker") == ["c:1"]
    with tf.Graph().as_default(), tf.device(tf.train.replica_device_setter(cluster=cluster)):
        v, w, x = tf.Variable(1.0), tf.Variable(1.0), tf.constant(1.0)
        assert [v.device, w.device, x.device] == ["/job:ps/task:0", "/job:ps/task:1", "/job:worker"]


def test_layers_with_kernel_and_bias():
    x = tf.constant(np.random.RandomState(0).normal(size=(2, 6, 6, 3)).astype(np.float32))
    y = tf.layers.conv2d(x, 4, 3, activation=tf.nn.relu, name="c")
    y = tf.layers.batch_normalization(y, training=True)
    y = tf.layers.max_pooling2d(y, 2, 2)
    y = tf.layers.dropout(tf.layers.flatten(y), 0.5, training=False)
    y = tf.layers.dense(y, 5, kernel_regularizer=tf.contrib.layers.l2_regularizer(0.1))
    assert [v.op.name for v in tf.global_variables()] == [
        "c/kernel", "c/bias", "batch_normalization/gamma", "batch_normalization/beta",
        "batch_normalization/moving_mean", "batch_normalization/moving_variance", "dense/kernel", "dense/bias",
    ]  # fmt: skip
    assert y.shape.as_list() == [2, 5] and len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 1
    assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == 2
    convolved = tf.get_default_graph().get_tensor_by_name("c/Relu:0")
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    kernel, a, got = session.run([tf.global_variables()[0], x, convolved])
    windows = np.lib.stride_tricks.sliding_window_view(a, (3, 3), (1, 2))
    np.testing.assert_allclose(got, np.maximum(np.einsum("nhwcij,ijco->nhwo", windows, kernel), 0), atol=1e-5)


def test_a_template_shares_its_variables():
    linear = tf.make_template("linear", lambda x: x * tf.get_variable("w", [], initializer=tf.ones_initializer()))
    linear(1.0), linear(2.0)
    assert [v.op.name for v in tf.global_variables()] == ["linear/w"]


def test_nested_structures():
    structure = {"b": [1, (2, 3)], "a": 4}
    assert tf.nest.flatten(structure) == [4, 1, 2, 3]
    assert tf.nest.map_structure(lambda x, y: x + y, structure, structure) == {"b": [2, (4, 6)], "a": 8}


def test_errors_take_tensorflows_arguments():
    error = tf.errors.OutOfRangeError(None, None, "End of sequence")
    assert error.message == "End of sequence" and isinstance(error, IndexError)


def test_tfprof_counts_parameters(capsys):
    with slim.Graph().as_default() as graph:
        slim.fully_connected(slim.placeholder(slim.float32, [1, 3]), 5)
        analysis = tf.contrib.tfprof.model_analyzer.print_model_analysis(
            graph, tfprof_options=tf.contrib.tfprof.model_analyzer.TRAINABLE_VARS_PARAMS_STAT_OPTIONS
        )
    assert analysis.total_parameters == 20 and analysis.total_float_ops >= 30
    assert "fully_connected/weights" in capsys.readouterr().out


def test_importing_it_brings_nothing_optional():
    optional = ("tensorboardX", "PIL", "tensorflow", "matplotlib")
    code = f"import sys, npslim.tf; print([m for m in {optional} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_table_of_names_is_up_to_date():
    root = golden_cases.FOLDER.parents[1]
    subprocess.run([sys.executable, root / "tools/names_table.py", "--check"], check=True)
