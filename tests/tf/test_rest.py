"""Names whose use is more than a value: prints, checks, servers, images turned, what is refused."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import npslim.tf as tf
from npslim.autograd import check_gradients
from npslim.errors import InvalidArgumentError, UnimplementedError


def run(fetches, feeds=None):
    with tf.Session() as session:
        return session.run(fetches, feeds)


def test_print(capsys):
    x = tf.constant(np.arange(10, dtype=np.float32))
    node = tf.print("x:", x, "and", tf.constant([[1, 2], [3, 4]]), 7, tf.constant(b"text"), output_stream=sys.stdout)
    run([node, tf.print(x, summarize=-1, sep="", end="!"), tf.print()])
    out, err = capsys.readouterr()
    assert out == "x: [0.0 1.0 2.0 ... 7.0 8.0 9.0] and [[1 2]\n [3 4]] 7 text\n"
    assert err == "[0.0 1.0 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0]!\n"


def test_checks():
    x = tf.placeholder(tf.float32, [None])
    with tf.control_dependencies([tf.assert_near(x, [1.0, 2.0], atol=0.1)]):
        y = tf.identity(x)
    assert run(y, {x: [1.05, 2.0]}).tolist() == [np.float32(1.05), 2]
    with pytest.raises(InvalidArgumentError, match="not near"):
        run(y, {x: [1.2, 2.0]})
    with pytest.raises(ValueError, match="another rank"):
        tf.assert_rank_in(x, [0, 2])
    unknown = tf.placeholder(tf.float32)
    with tf.control_dependencies([tf.assert_rank_in(unknown, [0, 2])]):
        z = tf.identity(unknown)
    assert run(z, {unknown: 3.0}) == 3
    with pytest.raises(InvalidArgumentError, match="one of"):
        run(z, {unknown: [3.0]})
    with pytest.raises(TypeError, match="integer dtype"):
        tf.assert_integer(x)
    with pytest.raises(ValueError, match="no scalar"):
        tf.assert_scalar(x)
    assert tf.assert_integer(tf.constant(3)) is not None and tf.assert_scalar(tf.constant(3.0)).shape == []
    tf.add_check_numerics_ops()


def test_the_shape_of_a_run():
    x = tf.placeholder(tf.float32)
    y = tf.ensure_shape(x, [None, 2])
    assert y.shape.as_list() == [None, 2]
    assert run(y, {x: np.ones((3, 2))}).shape == (3, 2)
    for wrong in (np.ones((3, 3)), np.ones(2)):
        with pytest.raises(InvalidArgumentError, match="ensure_shape"):
            run(y, {x: wrong})
    with pytest.raises(ValueError, match=r"\[3\]"):
        tf.ensure_shape(tf.zeros([3]), [2])


def test_partitions_and_indices_are_checked():
    i = tf.placeholder(tf.int32, [3])
    parts = tf.dynamic_partition(tf.constant([1.0, 2.0, 3.0]), i, 2)
    with pytest.raises(InvalidArgumentError, match="num_partitions"):
        run(parts, {i: [0, 1, 2]})
    taken = tf.batch_gather(tf.zeros([2, 3]), tf.reshape(i[:2], [2, 1]))
    with pytest.raises(InvalidArgumentError, match="out of range"):
        run(taken, {i: [0, 3, 0]})


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: run(tf.decode_csv(["a"], [[1]])), "no int32"),
        (lambda: run(tf.decode_csv(["1"], [[1], [2]])), "too few fields"),
        (lambda: run(tf.decode_csv([",1"], [tf.constant([], tf.int32), [2]])), "required but missing"),
        (lambda: run(tf.decode_csv(['"a'], [["x"]])), "quoted field"),
        (lambda: tf.decode_csv(["1,2"], [[1]], select_cols=[1, 0]), "whose numbers rise"),
        (lambda: run(tf.substr("abc", 7, 1)), "out of range"),
        (lambda: tf.substr("abc", 0, 1, unit="UTF8_CHAR"), "by bytes"),
        (lambda: tf.regex_replace("a", "(", "b"), "no regular expression"),
        (lambda: run(tf.decode_base64("a!")), "not base64"),
        (lambda: tf.as_string(tf.constant(1), precision=2), "exclude each other"),
        (lambda: tf.string_split(["a"], sep=" ", delimiter=","), "are one"),
        (lambda: tf.string_split(["a"], result_type="RaggedTensor"), "SparseTensor"),
        (lambda: tf.sort(tf.zeros([2]), direction="UP"), "direction"),
        (lambda: tf.argsort(tf.zeros([2]), axis=1), "axis"),
        (lambda: run(tf.matrix_inverse(tf.zeros([2, 2]))), "not invertible"),
        (lambda: tf.matrix_solve(tf.zeros([2, 2]), tf.zeros([3, 1])), "do not fit"),
        (lambda: tf.gather(tf.zeros([2, 3]), [[0], [1]], batch_dims=2), "batch_dims"),
        (lambda: tf.contrib.image.rotate(tf.zeros([3]), 0.1), "no images"),
        (lambda: tf.contrib.image.transform(tf.zeros([3, 3]), [1.0] * 8, "CUBIC"), "interpolation"),
        (lambda: tf.contrib.image.rotate(tf.placeholder(tf.float32, [None, None, 3]), 0.1), "size must be known"),
        (lambda: tf.sparse_tensor_dense_matmul(tf.SparseTensor([[0, 0]], [1.0], [1, 1]), tf.zeros([1])), "no matrix"),
        (lambda: tf.DeviceSpec.from_string("/nowhere:1"), "no device"),
    ],
)  # fmt: skip
def test_refusals(call, message):
    with pytest.raises((ValueError, InvalidArgumentError), match=message):
        call()


def test_images_turned_and_moved():
    image = np.arange(24, dtype=np.float32).reshape(4, 6)
    turned = tf.contrib.image.rotate(tf.constant(image), np.pi)
    moved = tf.contrib.image.translate(tf.constant(image[None, :, :, None]), [1.0, 2.0])
    square = tf.contrib.image.rotate(tf.constant(image[:, :4, None]), np.pi / 2, "BILINEAR")
    half, shifted, quarter = run([turned, moved, square])
    np.testing.assert_array_equal(half, image[::-1, ::-1])
    np.testing.assert_array_equal(shifted[0, 2:, 1:, 0], image[:2, :-1])
    assert (shifted[0, :2] == 0).all() and (shifted[0, :, 0] == 0).all()
    np.testing.assert_allclose(quarter[..., 0], np.rot90(image[:, :4]), atol=1e-4)
    checked = check_gradients(
        lambda x: tf.contrib.image.rotate(x, 0.3, "BILINEAR"), [np.random.default_rng(0).normal(size=(2, 5, 4, 3))]
    )
    assert len(checked) == 1


def test_servers_and_devices():
    server = tf.train.Server.create_local_server()
    with tf.Session(server.target) as session:
        assert session.run(tf.constant(3)) == 3
    assert tf.train.Server({"worker": ["localhost:1"]}, job_name="worker", task_index=0).target == ""
    with pytest.raises(UnimplementedError, match="one process"):
        tf.train.Server(tf.train.ClusterSpec({"ps": ["a:1"], "worker": ["b:1", "c:1"]}), "worker", 0)
    spec = tf.DeviceSpec.from_string("/job:ps/replica:0/task:3/device:GPU:*")
    assert (spec.job, spec.replica, spec.task, spec.device_type, spec.device_index) == ("ps", 0, 3, "GPU", None)
    assert str(spec) == "/job:ps/replica:0/task:3/device:GPU:*"


def test_old_ways_to_say_it(tmp_path):
    x = tf.placeholder(tf.float32, [2])
    with tf.op_scope([x], "scope"):
        assert tf.identity(x).op.name == "scope/Identity"
    assert tf.get_local_variable("l", [1]) in tf.local_variables() and not tf.trainable_variables()
    assert tf.compat.v1.placeholder is tf.placeholder and tf.compat.v1.train.Saver is tf.train.Saver
    with pytest.raises(AttributeError, match="no TensorFlow 2 mode"):
        _ = tf.compat.v2
    writer = tf.train.SummaryWriter(str(tmp_path))
    writer.close()
    assert tf.gradients(x, x, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    assert "sequence_mask" in dir(tf) and "strings" in dir(tf)


def test_a_file_beside_the_program(tmp_path):
    (tmp_path / "data.txt").write_text("here")
    (tmp_path / "program.py").write_text(
        textwrap.dedent("""
        import npslim.tf as tf
        loader = tf.resource_loader
        path = loader.get_path_to_datafile("data.txt")
        print(loader.load_resource(path).decode(), path.startswith(loader.get_data_files_path()))
    """)
    )
    done = subprocess.run([sys.executable, str(tmp_path / "program.py")], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["here", "True"]


def test_modes_without_an_estimator():
    assert (tf.estimator.ModeKeys.TRAIN, tf.estimator.ModeKeys.PREDICT) == ("train", "infer")
    with pytest.raises(AttributeError, match="npslim.learning.train trains"):
        _ = tf.estimator.Estimator


def test_layer_objects_refuse():
    class Two(tf.layers.Layer):
        input_spec = tf.layers.InputSpec(ndim=2, axes={-1: 3})

        def call(self, inputs):
            return inputs

    assert Two()(tf.zeros([4, 3])).shape == [4, 3]
    for shape, message in [([4, 3, 3], "rank 2"), ([4, 2], "3 at axis -1")]:
        with pytest.raises(ValueError, match=message):
            Two()(tf.zeros(shape))
    with pytest.raises(TypeError, match="unexpected keyword argument 'unit'"):
        tf.layers.Dense(3, unit=2)
    dense = tf.layers.Dense(2, use_bias=False)
    with pytest.raises(AttributeError, match="has no kernel"):
        _ = dense.kernel
    dense(tf.zeros([4, 3]))
    assert dense.kernel.op.name == "dense/kernel" and dense.units == 2 and dense.built
    with pytest.raises(ValueError, match="rank from 1 to 2"):
        spec = tf.layers.InputSpec(min_ndim=1, max_ndim=2)
        type("Ranks", (Two,), {"input_spec": spec})()(tf.zeros([1, 2, 3]))
    with pytest.raises(NotImplementedError, match="needs a call"):
        tf.layers.Layer()(tf.zeros([1]))


def test_later_names_of_queues_and_of_draws():
    assert tf.queue.FIFOQueue is tf.FIFOQueue and tf.queue.RandomShuffleQueue is tf.RandomShuffleQueue
    drawn = tf.random.categorical(tf.constant([[0.0, 50.0], [50.0, 0.0]]), 3)
    narrow = tf.random.categorical(tf.constant([[0.0, 50.0]]), 2, dtype=tf.int32, seed=1)
    assert (drawn.dtype, narrow.dtype) == (tf.int64, tf.int32)
    with tf.Session() as session:
        assert session.run(drawn).tolist() == [[1, 1, 1], [0, 0, 0]] and session.run(narrow).tolist() == [[1, 1]]


def test_what_stands_in_for_seq2seq_is_said():
    with pytest.raises(AttributeError, match="while_loop and TensorArray"):
        _ = tf.contrib.seq2seq
