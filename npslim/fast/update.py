"""Optimizers' updates, in cache-sized blocks, in place where nobody else holds the variable's array.

The operations and their order are those of `ops/update.py`, so the bits are the same. A reader of a cell takes its
array under the cell's lock (`Cell.initialized`), and an array that anybody holds has a higher reference count: then the
update makes a new array, and what was read stays what it was.
"""

import contextlib
import sys

import numpy as np

from npslim.fast.arena import scratch
from npslim.fast.blas import add_times, add_transposed, product
from npslim.fast.rare_updates import RARE
from npslim.fast.tiles import flat, halves, rows
from npslim.fast.workers import each, threads

BLOCK = 1 << 17  # elements: 512 KB of float32
SMALL = 6 << 10  # elements of all its cells: below, the plain kernel is quicker, and its temporary arrays take little
NOTHING = {}  # spares of which there are none
PRODUCT = 1 << 19  # elements of a gradient's part: for each, BLAS lays out the cotangents anew


def is_free(cell):
    """True if the cell's array may be written to: it is its own, and nobody else holds it."""
    only_here = sys.getrefcount(cell.value) <= 2  # the cell, and the argument; a local name counts in some Pythons only
    value = cell.value
    return only_here and value.base is None and value.flags.writeable


def writable(cell, spares):
    """The array to put the cell's next value into: the present one, or another if anybody else holds it."""
    if is_free(cell):
        return cell.value
    spare = spares.pop(id(cell), None)
    fits = spare is not None and spare.shape == cell.value.shape and spare.dtype == cell.value.dtype
    return spare if fits else np.empty_like(cell.value)


def new(cell, spares):
    """A new array for the cell's next value."""
    return np.empty_like(cell.value)


class locked:
    """A context in which this thread has the locks of some cells."""

    def __init__(self, cells):
        self.cells = cells

    def __enter__(self):
        for cell in self.cells:
            cell.lock.acquire()

    def __exit__(self, *_):
        for cell in self.cells:
            cell.lock.release()


class Desks:
    """Working memory for each thread that may help with an update: three blocks, and one for a part of a gradient.

    It is this thread's own, whoever uses it, so all of it is there before anything is written.
    """

    def __init__(self, dtype, gradient=0):
        counts = (BLOCK, BLOCK, BLOCK, gradient)
        self.free = [
            [scratch(("update", desk, i), count, dtype) for i, count in enumerate(counts)] for desk in range(threads())
        ]

    @contextlib.contextmanager
    def one(self):
        """A desk for as long as one part takes."""
        desk = self.free.pop()
        try:
            yield desk
        finally:
            self.free.append(desk)


def reserving(updates):
    """What takes all memory that updates in place need, so that none of them fails when another one is done.

    updates: for each of them the number of its first input here, how many cells it has, whether its gradient is a
    product, and whether it forms parts of that. The kernel takes, of each update, the cells and the gradient, or its
    two factors. It gives arrays for those cells whose own are held by somebody, by the cell's `id`, and gradients as
    updates want them laid out, by that of the one that there is.
    """

    def reserve(*inputs):
        spares, desks = {}, set()
        for first, cells, by_factors, formed in updates:
            states = inputs[first : first + cells]
            operands = inputs[first + cells : first + cells + 1 + by_factors]
            if np.size(states[0].value) * cells < SMALL:
                continue
            if formed or not by_factors:
                desks.add((operands[-1].dtype, max(PRODUCT, operands[-1].shape[-1]) if formed else 0))
            for cell in states:
                _spare(cell, spares)
            if by_factors:
                _factors_as_wanted(spares, states[0].value, *operands)
            elif not operands[0].flags.c_contiguous:
                spares[id(operands[0])] = np.ascontiguousarray(operands[0])
        for dtype, gradient in desks:
            Desks(dtype, gradient)
        return (spares,)

    reserve.label = "reserves memory"
    return reserve


def _spare(cell, spares):
    """Put an array for the cell's next value among the spares, if it needs one."""
    with cell.lock:
        if cell.value is None or is_free(cell) and cell.value.flags.c_contiguous:
            return
        if cell.value.flags.c_contiguous:
            spares[id(cell)] = np.empty_like(cell.value)
        else:
            cell.value = np.array(cell.value, order="C")


def _factors_as_wanted(spares, value, x, g):
    """Put the second factor of a gradient among the spares if it must be laid out anew; all of it if need be."""
    if x.flags.c_contiguous and g.flags.c_contiguous and value.flags.c_contiguous:
        return
    x_flat, columns = flat(x), flat(g)
    if not _fit(x_flat, columns, value):
        spares[id(x), id(g)] = (x_flat.T @ columns).reshape(value.shape)
    elif not columns.flags.c_contiguous:
        spares[id(g)] = np.ascontiguousarray(columns)


def blocked(block_update, kernel, cells, attrs=NOTHING, writable=writable):
    """The kernel `update(spares, *states, *numbers, grad)` of an op with `attrs`, block by block.

    spares: what `reserving` gave. It calls `block_update(outs, values, *numbers, grad, desk, **attrs)` on blocks of the
    arrays of `cells` variables. writable: what gives the array to write to, `new` if what is there must stay. Where
    arrays are not laid out alike, `kernel`, the plain one, does it.
    """

    def update(spares, *inputs):
        states, numbers, grad = inputs[:cells], inputs[cells:-1], inputs[-1]
        if np.size(grad) * cells < SMALL:
            return kernel(*inputs)
        grad = spares.get(id(grad), grad)
        with locked(states):
            if not _alike(grad, *[cell.initialized() for cell in states]) or any(np.ndim(x) for x in numbers):
                return _all_or_nothing(kernel, states, inputs)
            outs = [writable(cell, spares) for cell in states]
            _by_blocks(block_update, outs, [cell.value for cell in states], numbers, grad, attrs)
            for cell, out in zip(states, outs, strict=True):
                cell.value = out
            return outs[0]

    update.label = "blocked"
    return update


def joined(block_update, kernel, cells, attrs=NOTHING, writable=writable):
    """The same for a gradient that is a product: `update(spares, *states, *numbers, x, g)`, x^T g being the gradient.

    Some rows of the product at a time, so that nobody needs memory for all of it.
    """
    whole = blocked(block_update, kernel, cells, attrs, writable)
    alone = by_product(block_update, attrs)

    def update(spares, *inputs):
        states, numbers, (x, g) = inputs[:cells], inputs[cells:-2], inputs[-2:]
        gradient = spares.get((id(x), id(g)))
        if gradient is not None:
            return whole(spares, *states, *numbers, gradient)
        x, g = flat(x), spares.get(id(g), flat(g))
        with locked(states):
            if not _fit(x, g, *[cell.initialized() for cell in states]):
                gradient = (x.T @ g).reshape(states[0].value.shape)
                return _all_or_nothing(kernel, states, (*states, *numbers, gradient))
            outs = [writable(cell, spares) for cell in states]
            if alone is None:
                _by_rows(_with_gradient(block_update, g, attrs), outs, [c.value for c in states], numbers, x, g)
            else:
                _begin_with_values(outs, states)
                _by_rows(alone, outs, (), numbers, x, g)
            for cell, out in zip(states, outs, strict=True):
                cell.value = out
            return outs[0]

    update.label = "joined with its gradient"
    return update


def _all_or_nothing(kernel, states, inputs):
    """The plain kernel; if it fails on the way, the cells keep what they hold."""
    before = [cell.value for cell in states]
    try:
        return kernel(*inputs)
    except BaseException:
        for cell, value in zip(states, before, strict=True):
            cell.value = value
        raise


def _fit(x, g, *values):
    """True if x^T g is a gradient of the arrays `values`, which are laid out alike."""
    if x.dtype != g.dtype or x.dtype != values[0].dtype or not x.flags.c_contiguous:
        return False
    return values[0].size == x.shape[1] * g.shape[1] and _alike(*values)


def _begin_with_values(outs, cells):
    for out, cell in zip(outs, cells, strict=True):
        if out is not cell.value:
            out[...] = cell.value


def _by_rows(update, outs, values, numbers, x, g):
    """`update(outs, values, *numbers, x, g)` of some rows, that is columns of x, at a time."""
    if outs[0].ndim != 2:
        outs, values = [rows(a) for a in outs], [rows(a) for a in values]
    if not g.flags.c_contiguous:
        g = np.ascontiguousarray(g)
    count, step = x.shape[1], max(1, PRODUCT // g.shape[1])
    if count <= step:
        return update(outs, values, *numbers, x, g)

    def some(part):
        update([a[part] for a in outs], [a[part] for a in values], *numbers, x[:, part], g)

    each(some, [slice(start, start + step) for start in range(0, count, step)])


def _with_gradient(block_update, g, attrs):
    """An update of rows for which their part of the gradient is computed, and forgotten."""
    desks = Desks(g.dtype, max(PRODUCT, g.shape[1]))

    def update(outs, values, *numbers_x_g):
        *numbers, x, g = numbers_x_g
        with desks.one() as desk:
            grad = desk[3][: outs[0].size]
            product(x.T, g, grad.reshape(outs[0].shape))
            outs, values = [a.reshape(-1) for a in outs], [a.reshape(-1) for a in values]
            for start in range(0, grad.size, BLOCK):
                part = slice(start, start + BLOCK)
                block_update([a[part] for a in outs], [a[part] for a in values], *numbers, grad[part], desk, **attrs)

    return update


def by_product(block_update, attrs):
    """The update that BLAS does without the gradient, of arrays that hold the present values; or None."""
    return None if attrs.get("use_nesterov") else JOINED.get(block_update)


def _descent_by_product(outs, _, alpha, x, g):
    """var -= alpha * x^T g, all of it by BLAS."""
    add_transposed(x, g, outs[0], 1.0, -float(alpha))


def _momentum_by_product(outs, _, lr, factor, x, g):
    """accum = momentum * accum + x^T g, then var -= lr * accum, both by BLAS."""
    var, accum = outs
    add_transposed(x, g, accum, float(factor))
    add_times(accum, -float(lr), var)


def _alike(*arrays):
    """True if all are whole arrays of one floating dtype and shape, element beside element."""
    first = arrays[0]
    for a in arrays:
        if not (
            isinstance(a, np.ndarray) and a.flags.c_contiguous and a.shape == first.shape and a.dtype == first.dtype
        ):
            return False
    return first.dtype.kind == "f"


def _by_blocks(block_update, outs, values, numbers, grad, attrs):
    outs, values, grad = [x.reshape(-1) for x in outs], [x.reshape(-1) for x in values], grad.reshape(-1)
    desks = Desks(grad.dtype)
    if grad.size <= BLOCK // 2:
        return block_update(outs, values, *numbers, grad, desks.free[0], **attrs)

    def one(part):
        with desks.one() as desk:
            block_update([x[part] for x in outs], [x[part] for x in values], *numbers, grad[part], desk, **attrs)

    each(one, halves(grad.size, min(BLOCK, grad.size - 1)))


def gradient_descent(outs, values, alpha, delta, desk):
    """var -= alpha * delta."""
    step = np.multiply(alpha, delta, out=desk[0][: delta.size])
    np.subtract(values[0], step, out=outs[0])


def momentum(outs, values, lr, momentum, grad, desk, *, use_nesterov=False):
    """accum = momentum * accum + grad; var -= lr * accum, or Nesterov's step."""
    step, accum = desk[0][: grad.size], outs[1]
    np.multiply(values[1], momentum, out=accum)
    np.add(accum, grad, out=accum)
    if use_nesterov:
        ahead = np.multiply(accum, momentum, out=desk[1][: grad.size])
        np.multiply(ahead, lr, out=ahead)
        np.multiply(grad, lr, out=step)
        np.add(step, ahead, out=step)
    else:
        np.multiply(accum, lr, out=step)
    np.subtract(values[0], step, out=outs[0])


def adam(outs, values, beta1_power, beta2_power, lr, beta1, beta2, epsilon, grad, desk):
    """The moving averages of the gradient and of its square, then the step."""
    step, root = (part[: grad.size] for part in desk[:2])
    (var, m, v), (old, old_m, old_v) = outs, values
    corrected = lr * np.sqrt(1 - beta2_power) / (1 - beta1_power)
    np.subtract(grad, old_m, out=step)
    np.multiply(step, 1 - beta1, out=step)
    np.add(old_m, step, out=m)
    np.multiply(grad, grad, out=step)
    np.subtract(step, old_v, out=step)
    np.multiply(step, 1 - beta2, out=step)
    np.add(old_v, step, out=v)
    np.sqrt(v, out=root)
    np.add(root, epsilon, out=root)
    np.multiply(m, corrected, out=step)
    np.divide(step, root, out=step)
    np.subtract(old, step, out=var)


def rms_prop(outs, values, lr, rho, momentum, epsilon, grad, desk):
    """The moving average of the gradient's square, then the step with momentum."""
    step, root = (part[: grad.size] for part in desk[:2])
    (var, ms, mom), (old, old_ms, old_mom) = outs, values
    np.multiply(grad, grad, out=step)
    np.subtract(step, old_ms, out=step)
    np.multiply(step, 1 - rho, out=step)
    np.add(old_ms, step, out=ms)
    np.add(ms, epsilon, out=root)
    np.sqrt(root, out=root)
    np.multiply(lr, grad, out=step)
    np.divide(step, root, out=step)
    np.multiply(old_mom, momentum, out=mom)
    np.add(mom, step, out=mom)
    np.subtract(old, mom, out=var)


def adagrad(outs, values, lr, grad, desk):
    """accum += grad ** 2; var -= lr * grad / sqrt(accum)."""
    step, root = (part[: grad.size] for part in desk[:2])
    np.multiply(grad, grad, out=step)
    np.add(values[1], step, out=outs[1])
    np.sqrt(outs[1], out=root)
    np.multiply(lr, grad, out=step)
    np.divide(step, root, out=step)
    np.subtract(values[0], step, out=outs[0])


JOINED = {gradient_descent: _descent_by_product, momentum: _momentum_by_product}
UPDATES = {
    "apply_gradient_descent": (gradient_descent, 1),
    "apply_momentum": (momentum, 2),
    "apply_adam": (adam, 3),
    "apply_rms_prop": (rms_prop, 3),
    "apply_adagrad": (adagrad, 2),
    **RARE,
}
