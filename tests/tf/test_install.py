"""Programs that import tensorflow themselves, run by npslim."""

import subprocess
import sys
import textwrap


def run(code):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)


def test_an_old_programs_imports():
    done = run("""
        import npslim, npslim.tf
        npslim.tf.install()
        import tensorflow as tf
        import tensorflow.contrib.slim as slim
        import tensorflow.compat.v1 as tf1
        import tf_slim
        from tensorflow.contrib import slim as slim2
        from tensorflow.contrib import layers
        from tensorflow.contrib.framework import arg_scope
        from tensorflow.contrib.framework.python.ops import add_arg_scope
        from tensorflow.contrib.layers.python.layers import utils
        from tensorflow.contrib.slim.nets import resnet_v1, vgg
        from tensorflow.contrib.slim.python.slim.nets import inception
        from tensorflow.python.ops import array_ops, math_ops, variable_scope
        from tensorflow.python.framework import ops, dtypes
        from tensorflow.python.training import moving_averages
        from tensorflow.python.platform import gfile, app, flags
        from tensorflow.contrib.training import HParams
        assert tf is npslim.tf and tf1 is tf and slim is npslim and slim2 is slim and tf_slim is npslim
        assert vgg is npslim.nets.vgg and arg_scope is npslim.arg_scope and utils is npslim.layers.utils
        assert array_ops.concat is tf.concat and ops.GraphKeys is tf.GraphKeys and dtypes.float32 == tf.float32
        assert gfile.Exists is tf.gfile.Exists and variable_scope.get_variable is tf.get_variable
        assert inception.inception_v3 and HParams(a=1).a == 1
        try:
            import tensorflow.lite
        except ImportError as error:
            print(error)
        npslim.tf.uninstall()
        try:
            import tensorflow
        except ImportError:
            print("gone")
    """)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["npslim has no module tensorflow.lite. See docs/from-tensorflow.md.", "gone"]


def test_importing_npslim_answers_for_nothing():
    done = run("""
        import npslim, npslim.tf, sys
        assert not any(name.split(".")[0] in ("tensorflow", "tf_slim") for name in sys.modules)
        try:
            import tensorflow
        except ImportError:
            print("no")
    """)
    assert done.stdout == "no\n"


def test_the_real_tensorflow_is_not_replaced():
    done = run("""
        import sys, types
        sys.modules["tensorflow"] = types.ModuleType("tensorflow")
        import npslim.tf
        try:
            npslim.tf.install()
        except RuntimeError as error:
            print(error)
    """)
    assert done.stdout.startswith("The real tensorflow is loaded")


def test_a_test_case():
    done = run("""
        import npslim.tf as tf
        class T(tf.test.TestCase):
            def test_close(self):
                with self.test_session():
                    self.assertAllClose(tf.constant([1.0, 2.0]).eval(), [1.0, 2.0])
                    self.assertAllEqual(tf.zeros([2]), [0, 0])
                    with self.assertRaisesOpError("assertion failed"):
                        tf.Assert(tf.constant(False) & tf.placeholder_with_default(True, []), ["x"]).run()
            def test_graphs_are_fresh(self):
                self.assertEqual(len(tf.get_default_graph().get_operations()), 0)
                self.assertNotAllClose([1.0], [2.0])
                self.assertShapeEqual([[1]], tf.zeros([1, 1]))
            def test_fails(self):
                self.assertAllClose({"a": [1.0]}, {"a": [1.1]})
        tf.test.main()
    """)
    assert done.returncode == 1 and "FAILED (failures=1, skipped=1)" in done.stderr  # test_session
