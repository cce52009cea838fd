"""`tf.test`: a TestCase that compares arrays and gives sessions."""

import contextlib
import os
import shutil
import tempfile
import unittest
from typing import Any
from unittest import mock

import numpy as np

from npslim.backend import device_module
from npslim.convert import contains_tensor
from npslim.errors import OpError
from npslim.graph import Graph, get_default_graph
from npslim.session import Session
from npslim.tf.missing import reporter
from npslim.variables import Variable


def main(argv=None):
    """Run the tests of the program."""
    unittest.main(argv=argv)


def get_temp_dir():
    """A folder for the tests' files."""
    folder = os.path.join(tempfile.gettempdir(), f"npslim-test-{os.getpid()}")
    os.makedirs(folder, exist_ok=True)
    return folder


def is_gpu_available(cuda_only=False, min_cuda_compute_capability=None):
    """Whether sessions can run on a GPU: CuPy is installed and finds one."""
    try:
        device_module("gpu")
    except OpError:
        return False
    return True


def is_built_with_cuda():
    """Whether sessions can run on a GPU; see `is_gpu_available`."""
    return is_gpu_available()


class TestCase(unittest.TestCase):
    """Each test has a default graph of its own; `assertAllClose` and the like compare arrays and tensors' values."""

    __test__ = False  # not a test itself; subclasses are

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__test__ = True

    def setUp(self):
        self._folder = None
        self._session = None
        self._graph = Graph()
        entered = self._graph.as_default()
        entered.__enter__()
        self.addCleanup(entered.__exit__, None, None, None)

    def get_temp_dir(self):
        """A folder of this test alone, removed at its end."""
        if self._folder is None:
            self._folder = tempfile.mkdtemp()
            self.addCleanup(shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    @contextlib.contextmanager
    def session(self, graph=None, config=None, use_gpu=False, force_gpu=False):
        """A session of `graph`, or of the test's, as the default one."""
        with Session(graph=graph or get_default_graph(), config=config) as session:
            yield session

    @contextlib.contextmanager
    def cached_session(self, graph=None, config=None, use_gpu=False, force_gpu=False):
        """The same session each time within a test."""
        if self._session is None or (graph is not None and graph is not self._session.graph):
            self._session = Session(graph=graph or get_default_graph(), config=config)
        with self._session.graph.as_default(), self._session.as_default():
            yield self._session

    def test_session(self, graph=None, config=None, use_gpu=False, force_gpu=False):
        """`cached_session`, by its old name, which is that of a test."""
        if self.id().endswith(".test_session"):
            self.skipTest("Not a test.")
        return self.cached_session(graph, config, use_gpu, force_gpu)

    def evaluate(self, tensors):
        """The values of tensors, in the test's session."""
        with self.cached_session() as session:
            return session.run(tensors)

    def _value(self, x) -> Any:
        if isinstance(x, dict):
            return {key: self._value(v) for key, v in x.items()}
        if contains_tensor(x) or isinstance(x, Variable):
            return self.evaluate(x)
        return x

    def assertAllClose(self, a, b, rtol=1e-6, atol=1e-6, msg=None):  # noqa: N802 - unittest's style from here on
        """Equal but for |a - b| <= atol + rtol * |b|; nested lists and dictionaries too."""
        a, b = self._value(a), self._value(b)
        if isinstance(a, dict):
            self.assertEqual(set(a), set(b), msg)
            for key in a:
                self.assertAllClose(a[key], b[key], rtol, atol, msg)
        elif isinstance(a, list | tuple) and any(np.shape(x) != np.shape(a[0]) for x in a):
            self.assertEqual(len(a), len(b), msg)
            for one, other in zip(a, b, strict=True):
                self.assertAllClose(one, other, rtol, atol, msg)
        else:
            self.assertEqual(np.shape(a), np.shape(b), msg)
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol, atol, err_msg=msg or "")

    def assertAllCloseAccordingToType(  # noqa: N802
        self, a, b, rtol=1e-6, atol=1e-6, float_rtol=1e-6, float_atol=1e-6, half_rtol=1e-3, half_atol=1e-3,
        bfloat16_rtol=1e-2, bfloat16_atol=1e-2, msg=None,
    ):  # fmt: skip
        """`assertAllClose`, with wider bounds for the narrower dtype of the two."""
        a, b = np.asarray(self._value(a)), np.asarray(self._value(b))
        if np.float16 in (a.dtype, b.dtype):
            rtol, atol = max(rtol, half_rtol), max(atol, half_atol)
        elif np.float32 in (a.dtype, b.dtype):
            rtol, atol = max(rtol, float_rtol), max(atol, float_atol)
        self.assertAllClose(a, b, rtol, atol, msg)

    def assertNotAllClose(self, a, b, **options):  # noqa: N802
        """The opposite of `assertAllClose`."""
        try:
            self.assertAllClose(a, b, **options)
        except AssertionError:
            return
        raise AssertionError("The two values are close at all elements")

    def assertAllEqual(self, a, b, msg=None):  # noqa: N802
        """Equal shapes and elements; NaN equals NaN."""
        a, b = (np.asarray(self._value(x)) for x in (a, b))
        self.assertEqual(a.shape, b.shape, msg)
        np.testing.assert_array_equal(a, b, err_msg=msg or "")

    def assertNotAllEqual(self, a, b, msg=None):  # noqa: N802
        """The opposite of `assertAllEqual`."""
        try:
            self.assertAllEqual(a, b)
        except AssertionError:
            return
        raise AssertionError(f"The two values are equal at all elements. {msg or ''}")

    def assertArrayNear(self, farray1, farray2, err, msg=None):  # noqa: N802
        """Sequences of numbers at most `err` apart."""
        self.assertEqual(len(farray1), len(farray2), msg)
        for a, b in zip(farray1, farray2, strict=True):
            self.assertNear(a, b, err, msg)

    def assertNear(self, f1, f2, err, msg=None):  # noqa: N802
        """Numbers at most `err` apart."""
        self.assertTrue(f1 == f2 or abs(f1 - f2) <= err, f"{f1} != {f2} +/- {err}. {msg or ''}")

    def assertNDArrayNear(self, ndarray1, ndarray2, err, msg=None):  # noqa: N802
        """Arrays whose difference has a norm of at most `err`."""
        self.assertLessEqual(np.linalg.norm(np.asarray(ndarray1) - np.asarray(ndarray2)), err, msg)

    def assertAllGreater(self, a, comparison_target):  # noqa: N802
        """Every element is greater."""
        self.assertTrue(np.all(np.asarray(self._value(a)) > comparison_target))

    def assertAllLess(self, a, comparison_target):  # noqa: N802
        """Every element is less."""
        self.assertTrue(np.all(np.asarray(self._value(a)) < comparison_target))

    def assertAllGreaterEqual(self, a, comparison_target):  # noqa: N802
        """Every element is greater or equal."""
        self.assertTrue(np.all(np.asarray(self._value(a)) >= comparison_target))

    def assertAllLessEqual(self, a, comparison_target):  # noqa: N802
        """Every element is less or equal."""
        self.assertTrue(np.all(np.asarray(self._value(a)) <= comparison_target))

    def assertAllInSet(self, target, expected_set):  # noqa: N802
        """Every element is one of the set."""
        self.assertLessEqual(set(np.ravel(self._value(target)).tolist()), set(expected_set))

    def assertAllInRange(  # noqa: N802
        self, target, lower_bound, upper_bound, open_lower_bound=False, open_upper_bound=False
    ):
        """Every element lies between the bounds."""
        values = np.asarray(self._value(target))
        self.assertTrue(np.all(values > lower_bound if open_lower_bound else values >= lower_bound))
        self.assertTrue(np.all(values < upper_bound if open_upper_bound else values <= upper_bound))

    def assertShapeEqual(self, np_array, tf_tensor, msg=None):  # noqa: N802
        """The array has the tensor's static shape."""
        self.assertEqual(list(np.shape(np_array)), tf_tensor.get_shape().as_list(), msg)

    def assertDTypeEqual(self, target, expected_dtype):  # noqa: N802
        """The value has that dtype."""
        self.assertEqual(np.asarray(self._value(target)).dtype, np.dtype(expected_dtype))

    def assertDeviceEqual(self, device1, device2, msg=None):  # noqa: N802
        """The same device."""
        self.assertEqual(str(device1), str(device2), msg)

    def assertStartsWith(self, actual, expected_start, msg=None):  # noqa: N802
        """The text begins like that."""
        self.assertTrue(actual.startswith(expected_start), msg or f"{actual!r} does not start with {expected_start!r}")

    def assertEmpty(self, container, msg=None):  # noqa: N802
        """Nothing in it."""
        self.assertEqual(len(container), 0, msg)

    def assertNotEmpty(self, container, msg=None):  # noqa: N802
        """Something in it."""
        self.assertGreater(len(container), 0, msg)

    def assertLen(self, container, expected_len, msg=None):  # noqa: N802
        """That many in it."""
        self.assertEqual(len(container), expected_len, msg)

    @contextlib.contextmanager
    def assertRaisesWithPredicateMatch(self, exception_type, expected_err_re_or_predicate):  # noqa: N802
        """An error of that type whose message matches, or of which the function holds."""
        if callable(expected_err_re_or_predicate):
            with self.assertRaises(exception_type) as caught:
                yield
            self.assertTrue(expected_err_re_or_predicate(caught.exception))
        else:
            with self.assertRaisesRegex(exception_type, expected_err_re_or_predicate):
                yield

    def assertRaisesOpError(self, expected_err_re_or_predicate):  # noqa: N802
        """An error of a run whose message matches."""
        return self.assertRaisesWithPredicateMatch(OpError, expected_err_re_or_predicate)

    def assertItemsEqual(self, expected_seq, actual_seq, msg=None):  # noqa: N802
        """The same elements in any order."""
        self.assertCountEqual(expected_seq, actual_seq, msg)

    def assertProtoEquals(self, expected_message_maybe_ascii, message, msg=None):  # noqa: N802
        """Messages that are equal, or whose text is."""
        if isinstance(expected_message_maybe_ascii, str):
            self.assertEqual(expected_message_maybe_ascii.split(), str(message).split(), msg)
        else:
            self.assertEqual(expected_message_maybe_ascii, message, msg)


__getattr__ = reporter(__name__, lambda: globals())
