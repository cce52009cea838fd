"""Answers for `import tensorflow`: an old program runs unchanged after `npslim.tf.install()`.

The names `tensorflow`, `tf_slim`, `tensorflow.contrib.slim`, `tensorflow.compat.v1` and the inner modules that old code
imported, `tensorflow.python.ops.array_ops` and so on, give npslim's modules. Nothing is installed on import.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types

from npslim.errors import FailedPreconditionError

# Where a module of TensorFlow is here. What is not listed is looked for by its own name below npslim.tf.
_PLACES = {
    "tensorflow": "npslim.tf",
    "tensorflow.compat": "npslim.tf",
    "tensorflow.compat.v1": "npslim.tf",
    "tensorflow.contrib.slim": "npslim",
    "tensorflow.contrib.slim.python.slim": "npslim",
    "tensorflow.contrib.slim.python.slim.nets": "npslim.nets",
    "tensorflow.contrib.slim.nets": "npslim.nets",
    "tensorflow.contrib.slim.python.slim.data": "npslim.data",
    "tensorflow.contrib.framework.python.ops.arg_scope": "npslim.scopes",
    "tensorflow.python.saved_model": "npslim.tf.saved_model",
    "tf_slim": "npslim",
}

# Names of modules within TensorFlow, below tensorflow.python and tensorflow.contrib.*.python.
_INNER = set(
    """
    adam add_arg_scope app arg_scope base basic_session_run_hooks checkpoint_management checkpoint_utils client
    compat constant_op coordinator core core_rnn core_rnn_cell data deprecation device device_lib dtypes eager
    errors evaluation example flags framework function gfile gradient_descent graph_io graph_util importer
    initializers input layers learning learning_rate_decay lib loss_ops momentum monitored_session moving_averages
    nest nn op_def_registry ops optimizer optimizers partitioned_variables platform protobuf python
    pywrap_tensorflow queue_runner random_seed regularizers resource_loader rnn rnn_cell saver session
    session_manager session_run_hook slim slot_creator sparse_tensor summaries summary supervisor
    sync_replicas_optimizer tensor_shape tensor_util test test_util tf_decorator tf_export tf_inspect tf_logging
    training training_util util utils variable_scope variables versions
    """.split()
)

# The modules whose names an inner module of TensorFlow may hold, in the order they are looked through.
_SOURCES = (
    "npslim.tf", "npslim.tf.nn", "npslim.tf.train", "npslim.tf.summary", "npslim.tf.losses", "npslim.tf.metrics",
    "npslim.tf.gfile", "npslim.tf.flags", "npslim.tf.app", "npslim.tf.logging", "npslim.tf.errors", "npslim.tf.test",
    "npslim.tf.python_io", "npslim.tf.io", "npslim.tf.contrib.layers", "npslim.tf.contrib.framework",
    "npslim.tf.contrib.training", "npslim.tf.image", "npslim.tf.data", "npslim.tf.compat", "npslim.tf.graph_util",
    "npslim.tf.nest", "npslim.rnn_cell", "npslim.rnn",
    "npslim.graph", "npslim.op", "npslim", "npslim.moving_averages", "npslim.layers.utils", "npslim.ops.state",
    "npslim.ops.cond", "npslim.spec", "npslim.dtypes", "npslim.initializers", "npslim.scopes",
)  # fmt: skip


_PACKAGES = set("client core eager example framework layers ops platform protobuf python slim training util".split())


def _is_inner(name):
    return name in _INNER or name.endswith(("_ops", "_impl", "_pb2"))


class _Inner(types.ModuleType):
    """A module such as tensorflow.python.ops.array_ops: its names are found wherever npslim has them."""

    __path__ = []

    def __getattr__(self, name):
        package = self.__name__.rpartition(".")[2] in _PACKAGES and not self.__name__.endswith("framework.ops")
        if name.startswith("__") or (package and _is_inner(name)):
            raise AttributeError(name)  # a module within this one: the import goes on to that
        for source in _SOURCES:
            try:
                value = getattr(importlib.import_module(source), name)
            except (AttributeError, ImportError):
                continue
            if not isinstance(value, types.ModuleType):  # those are imported, and found by their own names
                return value
        raise AttributeError(f"npslim has no {name}, which {self.__name__} has. See docs/from-tensorflow.md.")


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of TensorFlow in npslim."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] not in ("tensorflow", "tf_slim"):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec):
        return _resolve(spec.name)

    def exec_module(self, module):
        """Nothing: the module is there."""


def _resolve(name):
    """The module of npslim that answers for `name`. Raises ImportError if there is none."""
    if name in _PLACES:
        return _importable(_PLACES[name])
    last = name.rpartition(".")[2]
    for prefix, place in sorted(_PLACES.items(), key=lambda item: -len(item[0])):
        inside = name.startswith("tensorflow.python.") and not prefix.startswith("tensorflow.python.")
        if name.startswith(prefix + ".") and not inside:
            found = _below(place, name[len(prefix) + 1 :])
            if found is not None:
                return found
            break
    if (".python" in name or name.startswith("tensorflow.core")) and _is_inner(last):
        return _Inner(name)
    raise ImportError(f"npslim has no module {name}. See docs/from-tensorflow.md.", name=name)


def answer(name):
    """The module, or the object in one, that answers for a dotted name of TensorFlow once installed; None if there is
    none.
    """
    try:
        return _resolve(name)
    except ImportError:
        pass
    module, _, last = name.rpartition(".")
    try:
        return getattr(_resolve(module), last) if module else None
    except (ImportError, AttributeError):
        return None


def _importable(place):
    return importlib.import_module(place)


def _below(place, rest):
    """The module or namespace at `rest` below the module `place`, or None."""
    found = importlib.import_module(place)
    for part in rest.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            if not found.__name__.startswith("npslim"):
                return None  # an inner module of TensorFlow, asked for by this very name
            try:
                found = importlib.import_module(f"{found.__name__}.{part}")
            except (ImportError, AttributeError):
                return None
    if isinstance(found, types.ModuleType):
        return found
    inner = types.ModuleType(f"{place}.{rest}")
    inner.__dict__.update(vars(found))
    return inner


_finder = _Finder()


def _ours(module):
    return isinstance(module, _Inner) or getattr(module, "__name__", "").split(".")[0] == "npslim"


def install():
    """Let `import tensorflow` and `import tf_slim` give npslim until `uninstall()`.

    Raises FailedPreconditionError, a RuntimeError, if the real one is loaded.
    """
    for name in ("tensorflow", "tf_slim"):
        if name in sys.modules and not _ours(sys.modules[name]):
            raise FailedPreconditionError(
                f"The real {name} is loaded; npslim cannot answer for it.",
                expected="install() before anything imports it", got=getattr(sys.modules[name], "__file__", "a module"),
            )  # fmt: skip
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall():
    """Undo `install()`: later imports find the real ones, or nothing."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [n for n in sys.modules if n.split(".")[0] in ("tensorflow", "tf_slim")]:
        del sys.modules[name]
