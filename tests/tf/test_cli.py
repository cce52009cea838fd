"""`python -m npslim run` and `python -m npslim port` on old programs."""

import os
import subprocess
import sys
import textwrap

PROGRAM = """
import tensorflow as tf
from tensorflow.contrib import slim
import tensorflow.contrib.layers as layers
from tensorflow.contrib.slim.nets import vgg

flags = tf.app.flags
flags.DEFINE_integer("steps", 3, "How many.")


def main(_):
    x = tf.placeholder(tf.float32, [None, 4])
    y = slim.fully_connected(x, 2, weights_regularizer=layers.l2_regularizer(0.1))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        print(flags.FLAGS.steps, sess.run(y, {x: [[0, 0, 0, 0]]}).shape, vgg.vgg_16.default_image_size)


if __name__ == "__main__":
    tf.app.run()
"""


def npslim(*arguments):
    return subprocess.run([sys.executable, "-m", "npslim", *map(str, arguments)], capture_output=True, text=True)


def test_run(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    done = npslim("run", path, "--steps", 5)
    assert done.returncode == 0 and done.stdout == "5 (1, 2) 224\n", done.stderr
    assert "there is no such file" in npslim("run", tmp_path / "other.py").stderr


def test_port_reports_and_writes(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    done = npslim("port", "--write", path)
    assert done.returncode == 0 and "9 names of TensorFlow, 9 in npslim, 0 missing" in done.stdout
    ported = path.read_text()
    assert "tensorflow" not in ported and (tmp_path / "program.py.orig").read_text() == PROGRAM
    for line in ("import npslim.tf as tf", "import npslim as slim", "import npslim.tf.contrib.layers as layers"):
        assert line in ported
    done = subprocess.run([sys.executable, str(path), "--steps=4"], capture_output=True, text=True)
    assert done.stdout == "4 (1, 2) 224\n", done.stderr
    assert "nothing to change" in npslim("port", "--write", path).stdout


def test_port_says_what_is_missing(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(
        textwrap.dedent("""
        import tensorflow as tf
        import tensorflow.lite
        tf.reduce_meen(1)
        tf.keras.Model()
        tf.nn.nothing_like_it_at_all
    """)
    )
    done = npslim("port", path)
    assert done.returncode == 1 and "3 names of TensorFlow, 0 in npslim, 3 missing" in done.stdout
    for text in (":3: npslim has no module tensorflow.lite", ":4: tf.reduce_meen: did you mean tf.reduce_mean",
                 ":5: tf.keras.Model: Keras objects", ":6: tf.nn.nothing_like_it_at_all: tf.nn has no"):  # fmt: skip
        assert text in done.stdout
    path.write_text("print 'hello'\n")
    assert "this is not Python 3" in npslim("port", path).stderr


INNER = """
import tensorflow as tf, sys
import os, math

def build():
    from tensorflow.python.ops import math_ops, array_ops as ao
    from tensorflow.contrib.framework.python.ops import arg_scope
    from tensorflow.python.training import moving_averages
    with arg_scope([tf.contrib.layers.conv2d], stride=2):
        y = tf.contrib.layers.conv2d(ao.zeros([1, 4, 4, 1]), 2, 3)
    assert moving_averages.assign_moving_average
    return math_ops.reduce_sum(y)

with tf.Session() as sess:
    y = build()
    sess.run(tf.global_variables_initializer())
    print(sess.run(y), math.pi > 3, os.sep, len(sys.argv))
"""


def test_port_of_inner_modules_and_several_names(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(INNER)
    done = npslim("port", "--write", path)
    assert done.returncode == 0 and "0 missing" in done.stdout and "no module" not in done.stdout
    lines = path.read_text().splitlines()
    place = lines.index("    import npslim.tf; npslim.tf.install()  # answers for the inner modules of TensorFlow")
    assert lines[place + 1 : place + 3] == [
        "    from tensorflow.python.ops import math_ops", "    from tensorflow.python.ops import array_ops as ao",
    ]  # fmt: skip
    assert lines[1:3] == ["import npslim.tf as tf", "import sys"] and "import os, math" in lines
    for command in ([str(path)], ["-m", "npslim", "run", f"{path}.orig"]):
        done = subprocess.run([sys.executable, *command], capture_output=True, text=True)
        assert done.stdout == f"0.0 True {os.sep} 1\n", done.stderr
