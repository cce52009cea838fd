"""SAVE. A Saver writes a session's variables into one HDF5 file a step, and reads them back.

The file's layout is `hdf5.py`'s and the way it gets to the disk `checkpoint_files.py`'s: a crash at any instant leaves
the last good checkpoint. Beside the variables a checkpoint keeps how often each random node has drawn, so a run that is
resumed goes on with the same bits.

before: optimizers/base.py   next: ops/conv.py
"""

import os
import time

import numpy as np

from npslim import checkpoint_files as files
from npslim import resume
from npslim.array_files import open_weights
from npslim.errors import ArgumentTypeError, InvalidArgumentError, NotFoundError, OpError, ShapeError, nearest
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.logs import logger
from npslim.ops.state import group, placeholder
from npslim.registry import ABOVE
from npslim.spec import compatible, show_shape
from npslim.variables import Variable


class Saver:
    """Saves and restores variables.

    var_list: a list of variables, or {name in the checkpoint: variable}. If None, all global variables that are there
    when the Saver is made; with defer_build, or if there are none, when it is first used. reshape: restore a value of
    another shape with as many elements. max_to_keep: how many checkpoints stay, all for None or 0.
    keep_checkpoint_every_n_hours: one in so many hours stays beside these. The other arguments are accepted for old
    programs.
    """

    def __init__(
        self,
        var_list=None,
        reshape=False,
        sharded=False,
        max_to_keep=5,
        keep_checkpoint_every_n_hours=10000.0,
        name=None,
        restore_sequentially=False,
        saver_def=None,
        builder=None,
        defer_build=False,
        allow_empty=False,
        write_version=None,
        pad_step_number=False,
        save_relative_paths=False,
        filename=None,
    ):
        self._var_list = var_list
        self._reshape = reshape
        self.max_to_keep = max_to_keep or 0
        self._kept = []
        self._every_secs = 3600.0 * keep_checkpoint_every_n_hours
        self._meta = None, None  # what was written as `.meta` last: its graph with the sizes of that, its bytes
        self._saved_at, self._keep_next = {}, time.monotonic() + self._every_secs
        graph = get_default_graph()
        found = [] if defer_build or var_list is not None else graph.get_collection(GraphKeys.GLOBAL_VARIABLES)
        self._found = graph if found else None, list(found)
        if not allow_empty and not defer_build and not self.variables():
            raise InvalidArgumentError("No variables to save.", expected="at least one variable", got="none")

    def variables(self, graph=None):
        """{name in the checkpoint: variable}, of `graph` or the default one. Raises ValueError if two have one name."""
        graph = graph or get_default_graph()
        if isinstance(self._var_list, dict):
            return dict(self._var_list)
        listed = self._all(graph) if self._var_list is None else self._var_list
        named = {}
        for var in listed:
            if not isinstance(var, Variable):
                raise ArgumentTypeError("Only variables can be saved.", expected="a Variable", got=repr(var))
            if named.setdefault(var.op.name, var) is not var:
                raise InvalidArgumentError("At least two variables have the same name.", got=var.op.name)
        return named

    def _all(self, graph):
        """The global variables, those of the time at which this Saver was made; of another graph all."""
        if self._found[0] is not graph:
            self._found = graph, list(graph.get_collection(GraphKeys.GLOBAL_VARIABLES))
        return self._found[1]

    def build(self):
        """Choose the variables now, where defer_build was given."""
        self.variables()

    # ---- saving

    def save(
        self,
        sess,
        save_path,
        global_step=None,
        latest_filename=None,
        meta_graph_suffix="meta",
        write_meta_graph=False,
        write_state=True,
        strip_default_attrs=False,
        save_debug_info=False,
    ):
        """Write `<save_path>[-<global_step>].h5`; returns its path without the ending, which `restore` takes.

        global_step: a number, or a tensor or variable. write_meta_graph: write the graph beside it too, as
        `<path>.<meta_graph_suffix>`, from which `import_meta_graph` defines it without its program. The file is
        complete and verified before it gets its name; older ones beyond max_to_keep are deleted after that. Raises
        CheckpointWriteError, and FailedPreconditionError for a variable without a value; the checkpoint before is
        intact then.
        """
        variables = self.variables(sess.graph)
        step = self._step(sess, global_step)
        prefix = save_path if step is None else f"{save_path}-{step}"
        values = dict(zip(variables, sess.run(list(variables.values())), strict=True))
        beside, meta = resume.snapshot(sess)
        tensors = {name: np.asarray(value) for name, value in values.items()}
        files.save(prefix, {**tensors, **beside}, {"step": step, **meta})
        if write_state:
            self._keep(prefix, latest_filename, meta_graph_suffix)
        if write_meta_graph:
            self._write_meta_graph(sess.graph, prefix, meta_graph_suffix)
        return prefix

    def _write_meta_graph(self, graph, prefix, suffix):
        """Write the graph beside a checkpoint; one that has no such form is logged, once for each version of it."""
        version = graph, graph.version, sum(map(len, graph.collections.values()))
        if self._meta[0] != version:
            self._meta = version, None
            module = ABOVE["meta_graph"]()
            try:
                made = module.meta_graph_of(graph, self.variables(graph), self.max_to_keep)
            except (OpError, LookupError, TypeError, ValueError) as error:
                logger.warning("No .meta is written beside the checkpoints: %s", error)
                return
            left_out = module.not_read_again(made)
            if left_out:
                found = ", ".join(left_out[:5]) + (", ..." if len(left_out) > 5 else "")
                logger.warning(
                    "%d nodes of the graph cannot be read from .meta: %s. import_meta_graph(skip_unsupported=True) "
                    "reads the rest.", len(left_out), found,
                )  # fmt: skip
            self._meta = version, made.SerializeToString()
        if self._meta[1] is not None:
            files.save_beside(prefix, suffix, self._meta[1])

    def export_meta_graph(
        self, filename=None, collection_list=None, as_text=False, export_scope=None, clear_devices=False,
        clear_extraneous_savers=False, strip_default_attrs=False, save_debug_info=False,
    ):  # fmt: skip
        """The MetaGraphDef of the default graph with this Saver; see `tf.train.export_meta_graph`."""
        module, graph = ABOVE["meta_graph"](), get_default_graph()
        made = module.meta_graph_of(graph, self.variables(graph), self.max_to_keep)
        return module.export_meta_graph(
            filename, collection_list=collection_list, as_text=as_text, graph=graph, export_scope=export_scope,
            clear_devices=clear_devices, graph_def=made.graph_def, saver_def=made.saver_def,
        )  # fmt: skip

    @staticmethod
    def _step(sess, global_step):
        if global_step is None or isinstance(global_step, int | np.integer):
            return None if global_step is None else int(global_step)
        return int(sess.run(global_step))

    def _keep(self, prefix, latest_filename, suffix="meta"):
        """Note `prefix` in the state file, then delete what is beyond max_to_keep."""
        self._saved_at[prefix] = time.monotonic()
        self._kept = [p for p in self._kept if p != prefix] + [prefix]
        dropped = self._kept[: -self.max_to_keep] if self.max_to_keep else []
        self._kept = self._kept[len(dropped) :]
        files.write_state(os.path.dirname(prefix), prefix, self._kept, latest_filename or "checkpoint")
        for old in dropped:
            if self._saved_at.pop(old, float("-inf")) >= self._keep_next:
                self._keep_next += self._every_secs  # it stays
            else:
                files.remove(old, suffix)

    @property
    def last_checkpoints(self):
        """The prefixes of the checkpoints that are kept, oldest first."""
        return list(self._kept)

    def set_last_checkpoints(self, last_checkpoints):
        """Say which checkpoints count for max_to_keep."""
        self._kept = list(last_checkpoints)

    def recover_last_checkpoints(self, checkpoint_paths):
        """Count those of `checkpoint_paths` that exist for max_to_keep."""
        self._kept = [p for p in checkpoint_paths if checkpoint_exists(p)]

    # ---- restoring

    def restore(self, sess, save_path):
        """Set the variables to the values in `save_path` (a prefix or a file): all of them, or none.

        Raises NotFoundError for a missing file or missing variables, ShapeError for other shapes, with a table of what
        does not fit; DataLossError for a damaged file.
        """
        if not save_path:
            raise InvalidArgumentError("There is no checkpoint to restore.", expected="a path", got=repr(save_path))
        variables = self.variables(sess.graph)
        with open_weights(save_path) as reader:
            self._check(reader, variables, save_path)
            values = {name: self._read(reader, name, var) for name, var in variables.items()}
            meta = reader.meta
        if self._var_list is None:
            resume.take_up_draws(sess, meta, save_path)
        for name, var in variables.items():
            var.load(values[name], sess)
        logger.debug("restored %d variables from %s", len(variables), save_path)

    def _read(self, reader, name, var):
        value = reader.read(name)
        return value.reshape(var.spec.shape) if self._reshape else value

    def _check(self, reader, variables, save_path):
        """One error with a table of all variables that the checkpoint cannot give."""
        rows, missing, bad = [], False, {}
        names = set(reader.names())
        for name, var in variables.items():
            if name not in names:
                missing = True
                bad[name] = nearest(name, names - set(variables), n=1)
                rows.append(f"{name}: not in the checkpoint{_nearest(name, names)}")
            elif reader.dtype(name) != var.spec.dtype:
                bad[name] = []
                rows.append(f"{name}: {reader.dtype(name)} in the checkpoint, {var.spec.dtype} in the graph")
            elif not self._fits(reader.shape(name), var.spec.shape):
                found, wanted = show_shape(reader.shape(name)), show_shape(var.spec.shape)
                bad[name] = []
                rows.append(f"{name}: {found} in the checkpoint, {wanted} in the graph")
        if rows:
            kind = NotFoundError if missing else ShapeError
            raise kind(
                f"{save_path} does not fit the variables of the graph.", expected=f"{len(variables)} variables",
                got="\n".join(rows),
                hint=_one_class_more(reader, variables) or _what_would_fit(bad),
            )  # fmt: skip

    def _fits(self, found, wanted):
        if self._reshape and wanted is not None and None not in wanted:
            return np.prod(found) == np.prod(wanted)
        return compatible(found, wanted)


def take_up(sess, save_path):
    """After `Saver.restore`: bring the session to the checkpoint's place in the data and to its local variables.

    For a training that goes on, after local variables were initialized and before the input threads start.
    `learning.train`, `Supervisor` and `MonitoredTrainingSession` do it.
    """
    with open_weights(save_path) as reader:
        resume.take_up(sess, reader)


def assign_from_checkpoint(model_path, var_list, ignore_missing_vars=False):
    """(op, feed_dict): an op that sets variables to a checkpoint's values when it is run with that feed_dict.

    var_list: variables, or {name in the checkpoint: variable}. A value of another shape but as many elements is
    reshaped. ignore_missing_vars: leave out variables that the checkpoint does not have, with a warning each.
    Raises ValueError for missing variables and for other numbers of elements, all in one table.
    """
    wanted = Saver(var_list, allow_empty=True).variables()
    values, rows = {}, []
    with open_weights(model_path) as reader:
        names = set(reader.names())
        for name, var in wanted.items():
            if name not in names:
                if ignore_missing_vars:
                    logger.warning("Variable %s missing in checkpoint %s", name, model_path)
                else:
                    rows.append(f"{name}: not in the checkpoint{_nearest(name, names)}")
                continue
            value = reader.read(name)
            if value.size != np.prod(var.spec.shape):
                found, shape = show_shape(value.shape), show_shape(var.spec.shape)
                rows.append(f"{name}: {found} in the checkpoint, {shape} in the graph")
                continue
            values[name] = value.reshape(var.spec.shape)
    if rows:
        raise InvalidArgumentError(
            f"{model_path} does not fit the variables.", expected=f"{len(wanted)} variables", got="\n".join(rows),
            hint="ignore_missing_vars=True, or get_variables_to_restore(exclude=[...])",
        )  # fmt: skip
    assigns, feed_dict = [], {}
    for name, value in values.items():
        var = wanted[name]
        fed = placeholder(var.dtype, value.shape, name=f"placeholder/{var.op.name}")
        assigns.append(var.assign(fed))
        feed_dict[fed] = value
    return group(*assigns), feed_dict


def assign_from_checkpoint_fn(model_path, var_list, ignore_missing_vars=False, reshape_variables=False):
    """A function of a session that restores variables from a checkpoint: for the init_fn of `learning.train`.

    var_list: variables, or {name in the checkpoint: variable}. ignore_missing_vars: leave out those that the checkpoint
    does not have, with a warning each. reshape_variables: other shapes with as many elements are reshaped.
    Returns None if there is nothing to restore. Raises ValueError for an empty var_list.
    """
    if not var_list:
        raise InvalidArgumentError("var_list cannot be empty.", expected="at least one variable", got=var_list)
    wanted = Saver(var_list).variables()
    if ignore_missing_vars:
        with open_weights(model_path) as reader:
            names = set(reader.names())
        for name in [name for name in wanted if name not in names]:
            logger.warning("Variable %s missing in checkpoint %s", name, model_path)
            del wanted[name]
    if not wanted:
        logger.warning("No Variables to restore")
        return None
    saver = Saver(wanted, reshape=reshape_variables)
    return lambda session: saver.restore(session, model_path)


def _what_would_fit(bad):
    """The exclude, or the names, with which the rest could be restored. bad: {variable: [the nearest unused name]}."""
    renamed = {name: near[0] for name, near in bad.items() if near}
    if len(renamed) == len(bad):
        pairs = ", ".join(f"{near!r}: {name}" for name, near in list(renamed.items())[:3])
        return f"under these names: Saver({{{pairs}{', ...' if len(bad) > 3 else ''}}})"
    scopes = list(dict.fromkeys(name.partition("/")[0] for name in bad))
    shown = ", ".join(map(repr, scopes[:4])) + (", ..." if len(scopes) > 4 else "")
    return f"without these: Saver(get_variables_to_restore(exclude=[{shown}]))"


def _one_class_more(reader, variables):
    """A hint where the last layers differ by one class: the published nets count the background as one, or do not."""
    for name, var in variables.items():
        shape = var.spec.shape
        if name in reader.names() and shape and None not in shape:
            found = reader.shape(name)
            fits = len(found) == len(shape) and found[:-1] == shape[:-1]
            if fits and abs(found[-1] - shape[-1]) == 1 and min(found[-1], shape[-1]) >= 10:
                return (
                    f"{name} has {found[-1]} classes in the checkpoint and {shape[-1]} here. Nets with one class more "
                    f"count the background as class 0: give the net num_classes={found[-1]}, and shift labels by one"
                )
    return None


def _nearest(name, names):
    near = nearest(name, names, n=1)
    return f" (nearest: {near[0]})" if near else ""


def latest_checkpoint(checkpoint_dir, latest_filename=None):
    """The prefix of the newest checkpoint in a folder that can be read, or None."""
    return files.latest(checkpoint_dir, latest_filename or "checkpoint")


def kept_checkpoints(checkpoint_dir, latest_filename=None):
    """The prefixes that the state file of a folder lists, oldest first."""
    state = files.read_state(checkpoint_dir, latest_filename or "checkpoint")
    return [] if state is None else state[1]


def checkpoint_exists(checkpoint_prefix):
    """True if there is a checkpoint of that prefix."""
    return files.exists(checkpoint_prefix)


def checkpoint_step(checkpoint_prefix):
    """The step that a checkpoint was saved at, or None."""
    return files.step_of(checkpoint_prefix)
