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
        from tensorflow.contrib.framework.python.ops import arg_scope as same
        from tensorflow.contrib.framework.python.ops.arg_scope import arg_scope as and_again
        assert same is and_again is arg_scope
        from tensorflow.contrib.layers.python.layers import utils
        from tensorflow.contrib.slim.nets import resnet_v1, vgg
        from tensorflow.contrib.slim.python.slim.nets import inception
        from tensorflow.python.ops import array_ops, math_ops, variable_scope
        from tensorflow.python.framework import ops, dtypes
        from tensorflow.python.training import moving_averages
        from tensorflow.python.platform import gfile, app, flags
        from tensorflow.contrib.training import HParams
        from tensorflow.python import pywrap_tensorflow
        from tensorflow.contrib.rnn.python.ops import core_rnn_cell
        from tensorflow.core.framework import graph_pb2, summary_pb2
        from tensorflow.core.protobuf import config_pb2
        from tensorflow.core.example import example_pb2
        assert pywrap_tensorflow.NewCheckpointReader is tf.train.NewCheckpointReader
        assert core_rnn_cell.LSTMCell is tf.nn.rnn_cell.LSTMCell and graph_pb2.GraphDef is tf.GraphDef
        assert summary_pb2.Summary is tf.Summary and config_pb2.ConfigProto is tf.ConfigProto
        assert example_pb2.Example is tf.train.Example
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


def test_names_of_inner_modules():
    """What programs took from TensorFlow's inner modules, module by module."""
    done = run("""
        import importlib, npslim.tf
        npslim.tf.install()
        used = {
            "training.moving_averages": "assign_moving_average ExponentialMovingAverage",
            "ops.control_flow_ops": "with_dependencies cond group while_loop no_op case tuple",
            "ops.array_ops": "zeros ones shape rank concat stack expand_dims squeeze identity where gather",
            "ops.nn_ops": "conv2d bias_add relu max_pool softmax convolution xw_plus_b",
            "ops.math_ops": "add matmul cast reduce_sum to_float sqrt div not_equal",
            "ops.init_ops": "zeros_initializer constant_initializer truncated_normal_initializer",
            "ops.variable_scope": "variable_scope get_variable get_variable_scope variable_op_scope",
            "framework.ops": "name_scope convert_to_tensor GraphKeys device control_dependencies Graph Tensor op_scope",
            "framework.dtypes": "float32 int64 string DType as_dtype",
            "framework.tensor_shape": "TensorShape Dimension as_shape",
            "framework.tensor_util": "constant_value make_tensor_proto MakeNdarray",
            "layers.utils": "smart_cond constant_value",
            "training.training_util": "get_global_step get_or_create_global_step global_step",
            "training.session_run_hook": "SessionRunHook SessionRunArgs",
            "util.compat": "as_bytes as_str as_text",
            "util.nest": "flatten map_structure",
            "platform.tf_logging": "info warn error set_verbosity",
            "training.checkpoint_utils": "init_from_checkpoint load_checkpoint list_variables",
            "training.learning_rate_decay": "exponential_decay polynomial_decay",
            "ops.parsing_ops": "FixedLenFeature parse_single_example decode_raw",
        }
        for module, names in used.items():
            found = importlib.import_module("tensorflow.python." + module)
            missing = [name for name in names.split() if not hasattr(found, name)]
            assert not missing, (module, missing)
        print(sum(len(names.split()) for names in used.values()))
    """)
    assert int(done.stdout) > 80, done.stderr
