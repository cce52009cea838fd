"""Recurrent networks: a cell of rnn_cell run over the steps of sequences, to one side or to both.

The dynamic functions take tensors and define one step, which runs as often as the longest sequence asks for; the
static ones take a list of tensors and define every step.
"""

from typing import Any

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import int32
from npslim.errors import ArgumentTypeError, InvalidArgumentError, ShapeError
from npslim.graph import control_dependencies
from npslim.nested import flat, mapped, outline, packed
from npslim.ops.arrange import reverse, reverse_sequence
from npslim.ops.create import range_
from npslim.ops.debug import Assert
from npslim.ops.elementwise import maximum
from npslim.ops.join import concat, stack, unstack
from npslim.ops.logic import cast, equal, less_equal, where
from npslim.ops.reduce import reduce_all, reduce_max
from npslim.ops.shape import expand_dims, identity, shape, transpose, zeros_like
from npslim.ops.turns import over_elements
from npslim.rnn_cell import check_cell
from npslim.scopes import variable_scope
from npslim.spec import compatible, show_shape


def dynamic_rnn(
    cell,
    inputs,
    sequence_length=None,
    initial_state=None,
    dtype=None,
    parallel_iterations=None,
    swap_memory=False,
    time_major=False,
    scope=None,
):
    """(outputs, final state) of `cell` over the steps of `inputs`.

    inputs: `[b, t, ...]`, or with time_major `[t, b, ...]`, all sizes but b and t known; or a nesting of such. Outputs
    are `[b, t, n]` (`[t, b, n]`) in the structure of `cell.output_size`. sequence_length: integers `[b]`; beyond it the
    outputs are zero and the state stays. initial_state: zeros of `dtype` unless given. Variables lie in the scope
    `rnn`, or `scope`. Raises TypeError for what is no cell, ValueError for inputs of wrong shape or a missing dtype.
    """
    check_cell("cell", cell)
    with variable_scope(scope or "rnn"):
        inputs = mapped(as_tensor, inputs)
        parts = [x if time_major else _turned(x) for x in flat(inputs)]
        steps, batch_size = _sizes(parts)
        state = _initial_state(cell, initial_state, batch_size, dtype)
        parts, count = [*parts], None
        if sequence_length is not None:
            lengths = _checked_lengths(sequence_length, batch_size)
            over = less_equal(expand_dims(lengths, axis=0), expand_dims(range_(steps), axis=1))
            parts, count = [*parts, over], maximum(1, reduce_max(lengths))
        made = []

        def turn(carried, elements):
            now = packed(state, carried)
            output, new = _step(cell, packed(inputs, elements[: len(flat(inputs))]), now, elements[len(flat(inputs)) :])
            made.append(output)
            return flat(new), flat(output)

        final, results = over_elements(turn, flat(state), parts, count=count)
        results = [x if time_major else _turned(x) for x in results]
        return packed(made[0], results), packed(state, final)


def _step(cell, inputs, state, over):
    """(output, new state); where a sequence is `over`, zeros and the old state. `over`: [booleans `[b]`], or []."""
    output, new = cell(inputs, state)
    output, new = mapped(as_tensor, output), mapped(as_tensor, new)
    if outline(new) != outline(state):
        raise ArgumentTypeError(
            "The cell returns a state of another structure.", expected=outline(state), got=outline(new),
            made_at=user_line(),
        )  # fmt: skip
    for done in over:
        kept = zip(flat(state), flat(new), strict=True)
        new = packed(state, [y if y.spec.shape == () else where(done, x, y) for x, y in kept])
        output = mapped(lambda y, done=done: where(done, zeros_like(y), y), output)
    return output, new


def _turned(x):
    """`x` with its first two dimensions exchanged."""
    if x.spec.shape is None or len(x.spec.shape) < 2:
        raise ShapeError(
            "Sequences in a batch have at least two dimensions.", expected="[b, t, ...]", got=f"{x.name} {x.spec}",
            made_at=user_line(),
        )  # fmt: skip
    return transpose(x, perm=[1, 0, *range(2, len(x.spec.shape))])


def _sizes(parts):
    """The number of steps and the batch size of inputs `[t, b, ...]`, as numbers where they are known."""
    for x in parts:
        known = x.spec.shape
        if known is None or len(known) < 3 or None in known[2:] or not _agree(known[:2], parts[0].spec.shape[:2]):
            raise ShapeError(
                "An input of a recurrent network has the wrong shape.",
                expected=f"[{_size(parts[0], 0)} steps, {_size(parts[0], 1)} rows, d ...], d known",
                got=f"{x.name} {x.spec}", made_at=user_line(),
            )  # fmt: skip
    sizes = parts[0].spec.shape[:2]
    return [shape(parts[0])[i] if size is None else size for i, size in enumerate(sizes)]


def _agree(sizes, others):
    return all(None in pair or pair[0] == pair[1] for pair in zip(sizes, others, strict=True))


def _size(x, i):
    size = x.spec.shape[i] if x.spec.shape is not None and len(x.spec.shape) > i else None
    return "?" if size is None else size


def _initial_state(cell, initial_state, batch_size, dtype):
    if initial_state is not None:
        return mapped(as_tensor, initial_state)
    if dtype is None:
        raise InvalidArgumentError(
            "If there is no initial_state, there must be a dtype.", expected="dtype=float32, say", got="dtype=None"
        )
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(inputs=None, batch_size=batch_size, dtype=dtype)
    return cell.zero_state(batch_size, dtype)


def _checked_lengths(sequence_length, batch_size):
    """The lengths as int32 `[b]`, their number checked."""
    lengths = cast(as_tensor(sequence_length), dtype=int32)
    rows = batch_size if isinstance(batch_size, int) else None
    if not compatible(lengths.spec.shape, (rows,)):
        raise ShapeError(
            "sequence_length must be a vector of length batch_size.", expected=show_shape((rows,)),
            got=f"{lengths.name} {lengths.spec}", made_at=user_line(),
        )  # fmt: skip
    fits = reduce_all(equal(shape(lengths), as_tensor([batch_size])))
    with control_dependencies([Assert(fits, ["sequence_length: shape ", shape(lengths), " for rows: ", batch_size])]):
        return identity(lengths, name="CheckSeqLen")


def bidirectional_dynamic_rnn(
    cell_fw,
    cell_bw,
    inputs,
    sequence_length=None,
    initial_state_fw=None,
    initial_state_bw=None,
    dtype=None,
    parallel_iterations=None,
    swap_memory=False,
    time_major=False,
    scope=None,
):
    """((outputs forward, backward), (final states)): `dynamic_rnn` of `cell_fw` from the first step to the last, and of
    `cell_bw` from the last to the first, each output at the place of its step.

    Variables lie in `bidirectional_rnn/fw` and `/bw`. For the other arguments and errors see `dynamic_rnn`.
    """
    check_cell("cell_fw", cell_fw)
    check_cell("cell_bw", cell_bw)
    time, batch = (0, 1) if time_major else (1, 0)

    def backward(x):
        x = as_tensor(x)
        if sequence_length is None:
            return reverse(x, axis=(time,))
        return reverse_sequence(x, sequence_length, seq_axis=time, batch_axis=batch)

    options: Any = dict(sequence_length=sequence_length, dtype=dtype, time_major=time_major)
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw:
            forward, state_fw = dynamic_rnn(cell_fw, inputs, initial_state=initial_state_fw, scope=fw, **options)
        with variable_scope("bw") as bw:
            back, state_bw = dynamic_rnn(
                cell_bw, mapped(backward, inputs), initial_state=initial_state_bw, scope=bw, **options
            )
        return (forward, mapped(backward, back)), (state_fw, state_bw)


def stack_bidirectional_dynamic_rnn(
    cells_fw, cells_bw, inputs, initial_states_fw=None, initial_states_bw=None, dtype=None, sequence_length=None,
    parallel_iterations=None, time_major=False, scope=None, swap_memory=False,
):  # fmt: skip
    """(outputs, final states forward, final states backward) of layers of cells in both directions, one on the other.

    Each layer takes what the one below gives in both directions, side by side; so are the outputs, `[b, t, n]`
    (`[t, b, n]`). The states are tuples, one for each layer. Variables lie in `stack_bidirectional_rnn/cell_<i>`, or
    `scope` for the first part. For the other arguments see `bidirectional_dynamic_rnn`.
    Raises ValueError unless there are as many cells, and first states if any, in both directions.
    """
    layers = len(cells_fw)
    first_fw, first_bw = initial_states_fw or [None] * layers, initial_states_bw or [None] * layers
    if not layers or {len(cells_bw), len(first_fw), len(first_bw)} != {layers}:
        raise InvalidArgumentError(
            "stack_bidirectional_dynamic_rnn: the two directions differ.",
            expected="as many cells and states, one or more",
            got=f"{layers} and {len(cells_bw)} cells, {len(first_fw)} and {len(first_bw)} first states",
            made_at=user_line(),
        )  # fmt: skip
    states_fw, states_bw = [], []
    with variable_scope(scope or "stack_bidirectional_rnn"):
        for i, (fw, bw) in enumerate(zip(cells_fw, cells_bw, strict=True)):
            with variable_scope(f"cell_{i}"):
                outputs, (last_fw, last_bw) = bidirectional_dynamic_rnn(
                    fw, bw, inputs, sequence_length, first_fw[i], first_bw[i], dtype, time_major=time_major
                )
                inputs = concat(*outputs, axis=2)
                states_fw.append(last_fw)
                states_bw.append(last_bw)
    return inputs, tuple(states_fw), tuple(states_bw)


def static_rnn(cell, inputs, initial_state=None, dtype=None, sequence_length=None, scope=None):
    """(outputs, final state) of `cell` over a list of inputs `[b, ...]`, or of nestings of such; every step is defined.

    Outputs are a list of what the cell gives. sequence_length: integers `[b]`; beyond it the outputs are zero and the
    state stays. initial_state: zeros of `dtype` unless given. Variables lie in the scope `rnn`, or `scope`.
    Raises TypeError for what is no cell or no list, ValueError for an empty list, a wrong shape or a missing dtype.
    """
    check_cell("cell", cell)
    _check_list(inputs)
    with variable_scope(scope or "rnn") as here:
        inputs = [mapped(as_tensor, x) for x in inputs]
        _, batch_size = _sizes([expand_dims(x, axis=0) for x in flat(inputs)])
        state = _initial_state(cell, initial_state, batch_size, dtype)
        lengths = None if sequence_length is None else _checked_lengths(sequence_length, batch_size)
        outputs = []
        for time, x in enumerate(inputs):
            if time:
                here.reuse_variables()
            output, state = _step(cell, x, state, [] if lengths is None else [less_equal(lengths, time)])
            outputs.append(output)
        return outputs, state


def _check_list(inputs):
    if not isinstance(inputs, list | tuple):
        raise ArgumentTypeError("The inputs are no list.", expected="a tensor for each step", got=repr(inputs))
    if not inputs:
        raise InvalidArgumentError("The inputs are empty.", expected="a tensor for each step", got=inputs)


def static_bidirectional_rnn(
    cell_fw,
    cell_bw,
    inputs,
    initial_state_fw=None,
    initial_state_bw=None,
    dtype=None,
    sequence_length=None,
    scope=None,
):
    """(outputs, final state forward, backward): `static_rnn` of `cell_fw` from the first step to the last, and of
    `cell_bw` from the last to the first. Each output is the two of its step joined, `[b, n + m]`.

    Variables lie in `bidirectional_rnn/fw` and `/bw`. For the other arguments and errors see `static_rnn`.
    """
    check_cell("cell_fw", cell_fw)
    check_cell("cell_bw", cell_bw)
    _check_list(inputs)
    options = dict(sequence_length=sequence_length, dtype=dtype)
    with variable_scope(scope or "bidirectional_rnn"):
        with variable_scope("fw") as fw:
            forward, state_fw = static_rnn(cell_fw, inputs, initial_state=initial_state_fw, scope=fw, **options)
        with variable_scope("bw") as bw:
            back, state_bw = static_rnn(
                cell_bw, _backward(inputs, sequence_length), initial_state=initial_state_bw, scope=bw, **options
            )
        back = _backward(back, sequence_length)
        pairs = [(flat(x), flat(y)) for x, y in zip(forward, back, strict=True)]
        joined = [[concat(x, y, axis=1) for x, y in zip(*pair, strict=True)] for pair in pairs]
        return [packed(x, parts) for x, parts in zip(forward, joined, strict=True)], state_fw, state_bw


def _backward(steps, lengths):
    """A list of nestings of tensors `[b, ...]` in reverse order, within the length of each row."""
    if lengths is None:
        return list(reversed(steps))
    columns = [stack(*column, axis=0) for column in zip(*map(flat, steps), strict=True)]
    columns = [unstack(reverse_sequence(x, lengths, seq_axis=0, batch_axis=1)) for x in columns]
    return [packed(x, parts) for x, parts in zip(steps, zip(*columns, strict=True), strict=True)]
