"""Random graphs: programs of small instructions, which make of their numbers whatever fits.

An instruction is the name of a kind and some numbers, which choose among what there is. So whatever is left of a
program is a program, too: one that shows a fault is made smaller by leaving out instructions, and by zeros.
"""

import random
from dataclasses import dataclass, replace

import numpy as np

import npslim as slim
from npslim.ops.arrange import reverse, tile
from npslim.ops.conv import conv2d, depthwise_conv2d_native
from npslim.ops.indexing import gather
from npslim.ops.join import stack
from npslim.ops.linear import matmul
from npslim.ops.logic import broadcast_like, sum_to
from npslim.ops.normalize import bias_add as plus_bias
from npslim.ops.normalize import fused_batch_norm, local_response_normalization, sum_of_near
from npslim.ops.pool import avg_pool2d, max_pool2d
from npslim.ops.state import identity_n, with_dependencies
from npslim.tensor import Node

BATCHES = (3, 3, 1, 5, 3, 0)


@dataclass(frozen=True)
class Program:
    """How to make a graph, and how to run it: `runs` are lists of numbers. known: the batch is known while defining."""

    known: bool
    tame: bool  # no functions that make a small difference large
    instructions: tuple
    runs: tuple

    def smaller(self):
        """Programs with something less, those with much less first."""
        for name, least in (("instructions", 0), ("runs", 1)):
            whole = getattr(self, name)
            size = max(1, len(whole) // 2)
            while size:
                for start in range(0, len(whole), size):
                    left = whole[:start] + whole[start + size :]
                    if len(left) >= least:
                        yield replace(self, **{name: left})
                size //= 2
        for i, (kind, numbers) in enumerate(self.instructions):
            for j, number in enumerate(numbers):
                if number:
                    less = (kind, (*numbers[:j], 0, *numbers[j + 1 :]))
                    yield replace(self, instructions=(*self.instructions[:i], less, *self.instructions[i + 1 :]))
        for i, numbers in enumerate(self.runs):
            for j, number in enumerate(numbers):
                if number:
                    less = (*numbers[:j], 0, *numbers[j + 1 :])
                    yield replace(self, runs=(*self.runs[:i], less, *self.runs[i + 1 :]))


def drawn(seed, length=24, tame=False):
    """The program of that number."""
    rng = random.Random(seed)
    kinds = [kind for kind, one in KINDS.items() if not (tame and one.wild)]
    weights = [KINDS[kind].weight for kind in kinds]

    def numbers(count):
        return tuple(rng.randrange(1 << 16) for _ in range(count))

    count = rng.randrange(3, length)
    instructions = tuple((kind, numbers(8)) for kind in rng.choices(kinds, weights, k=count))
    return Program(rng.random() < 0.5, tame, instructions, tuple(numbers(12) for _ in range(rng.randrange(2, 6))))


class Skip(Exception):
    """What an instruction asks for is not there."""


class Numbers:
    """The numbers of an instruction, one after the other; zeros where they end."""

    def __init__(self, numbers):
        self.left = iter(numbers)

    def below(self, n):
        """One below `n`."""
        if n < 1:
            raise Skip
        return next(self.left, 0) % n

    def of(self, options):
        """One of the options."""
        options = list(options)
        return options[self.below(len(options))]


class Maker:
    """A graph that is being made. tensors: what instructions may take; effects: nodes that change variables."""

    def __init__(self, program):
        self.batch = 3 if program.known else None
        self.tame = program.tame
        both = ("float32", "float32", "float64")
        self.floats = (both[len(program.runs) % 3 :][:1]) if self.tame else both
        self.tensors, self.placeholders, self.variables, self.effects = [], [], [], []

    def make(self, program):
        """The graph of the program, in the default graph."""
        slim.set_random_seed(7)
        self.tensors.append(self.fed(self.floats[0], [self.batch, 8]))
        last = None
        for kind, numbers in program.instructions:
            if kind == "again" and last:  # the same of the same
                kind, numbers, count = last
            else:
                count = len(self.tensors)
            last = kind, numbers, count
            later, self.tensors = self.tensors[count:], self.tensors[:count]
            try:
                made = KINDS[kind].make(self, Numbers(numbers))
            except (Skip, slim.errors.OpError, ValueError, TypeError):  # what does not fit is left out
                made = None
            self.tensors += later + [t for t in (made if isinstance(made, list | tuple) else [made]) if t is not None]
        return self

    def fed(self, dtype, shape):
        """A new placeholder."""
        made = slim.placeholder(dtype, shape)
        self.placeholders.append(made)
        return made

    def some(self, numbers, *kinds, rank=None, shape=None, least=0):
        """A tensor of a dtype of these kinds ("f", "i", "b"), the last ones more often."""
        kinds = kinds or ("f",)

        def fits(t):
            given = t.spec.shape
            if t.spec.dtype.kind not in kinds or given is None:
                return False
            if rank is not None and len(given) != rank or len(given) < least:
                return False
            return shape is None or given == shape

        found = [t for t in reversed(self.tensors) if fits(t)]
        number = numbers.below(1 << 16)
        if not found or number % 31 == 30:
            if shape is not None:
                raise Skip
            dtype = {"f": self.floats[number % len(self.floats)], "i": "int32", "b": "bool"}[kinds[0]]
            found = [self.fed(dtype, [self.batch, *([], [], [8], [3, 5], [5, 4, 3])[rank or max(least, 2)]])]
            self.tensors += found
        return found[min(number % len(found), number // 7 % len(found))]

    def any_variable(self, numbers, rank=None):
        """One of the variables, or a new one."""
        found = [v for v in reversed(self.variables) if rank is None or len(v.spec.shape) >= rank]
        return numbers.of(found) if found else self.variable([8], numbers.of(self.floats))

    def like(self, numbers, t):
        """What can be combined with `t`: of the same shape, or a row, or a number."""
        shape, dtype = t.spec.shape, t.spec.dtype

        def fits(other):
            given = other.spec.shape
            return other.spec.dtype == dtype and given is not None and (given in ((), shape) or given == shape[-1:])

        found = [other for other in reversed(self.tensors) if fits(other)]
        constants = [0.5, -1.0, 2.0] if self.tame else [0.5, -1.0, 2.0, 0.0, -0.0, np.inf]
        constants = constants if dtype.kind == "f" else [1, 2, 3]
        return numbers.of(found + [slim.constant(c, dtype=slim.as_dtype(dtype)) for c in constants])

    def variable(self, shape, dtype, trainable=True):
        """A new variable; its first value depends on its number alone."""
        value = np.random.default_rng(len(self.variables)).normal(size=shape).astype(dtype)
        made = slim.Variable(value, trainable=trainable, name="v")
        self.variables.append(made)
        return made


@dataclass(frozen=True)
class Kind:
    """How instructions of a name are carried out."""

    make: object
    weight: int
    wild: bool  # a small difference of its input may become a large one


KINDS = {}


def kind(weight=1, wild=False):
    """Put a function of a maker and numbers among the kinds; it returns the new tensors."""

    def put(make):
        KINDS[make.__name__] = Kind(make, weight, wild)
        return make

    return put


KINDS["again"] = Kind(lambda maker, numbers: None, 4, False)


# ---- what there is at first


@kind(2)
def placeholder(m, n):
    dtype = n.of((*m.floats, *m.floats, "int32", "bool"))
    shape = n.of(([m.batch, 8], [m.batch, 4, 4, 3], [m.batch, 6], [8], [], [m.batch], [m.batch, 3, 5]))
    return m.fed(dtype, shape)


@kind(1)
def constant(m, n):
    dtype = n.of((*m.floats, "int32"))
    shape = n.of(([8], [], [6], [3, 8], [4, 4, 3], [1, 6]))
    value = np.random.default_rng(n.below(9)).integers(-3, 4, size=shape).astype(dtype)
    return slim.constant(value)


@kind(3)
def variable(m, n):
    return slim.identity(m.variable(n.of(([8], [6], [8, 6], [3], [3, 8], [])), n.of(m.floats)))


@kind(1)
def shape_of(m, n):
    t = m.some(n, "f", "i", "b")
    return n.of((slim.shape, slim.size, slim.rank))(t)


@kind(1)
def filled_like(m, n):
    return n.of((slim.zeros_like, slim.ones_like))(m.some(n, "f", "i", "b"))


@kind(1)
def random_numbers(m, n):
    draw = n.of((slim.random_uniform, slim.random_normal, slim.truncated_normal))
    like = m.some(n)
    return draw(slim.shape(like), dtype=slim.as_dtype(like.spec.dtype), seed=n.below(3))


# ---- element by element

TAME = (
    slim.negative, slim.abs, slim.relu, slim.relu6, slim.tanh, slim.sigmoid, slim.leaky_relu, slim.elu, slim.softplus,
    slim.identity, slim.stop_gradient, slim.sin, slim.relu, slim.relu,
)  # fmt: skip
WILD = (
    slim.square, slim.exp, slim.log, slim.sqrt, slim.floor, slim.sign, slim.reciprocal, slim.rsqrt, slim.log1p,
    slim.expm1, slim.erf, slim.round,
)  # fmt: skip


@kind(10)
def unary(m, n):
    return n.of(TAME if m.tame else TAME + WILD)(m.some(n))


@kind(12)
def binary(m, n):
    tame = (slim.add, slim.subtract, slim.multiply, slim.maximum, slim.minimum)
    wild = (slim.divide, slim.squared_difference, slim.add, slim.multiply)
    function = n.of(tame if m.tame else tame + wild)
    x = m.some(n)
    y = x if n.below(5) == 0 else m.like(n, x)
    return function(x, y) if n.below(3) else function(y, x)


@kind(4)
def chain(m, n):
    """Several steps, each of which reads what the one before gives, some twice."""
    x, made = m.some(n), []
    for _ in range(3):
        which = n.below(6)
        y = m.like(n, x)
        x = (x + y, x * x, slim.relu(x), y - x, slim.tanh(x), x * 0.5)[which]
        made.append(x)
    return made


@kind(3)
def add_n(m, n):
    x = m.some(n)
    others = [m.some(n, shape=x.spec.shape) for _ in range(n.below(4))]
    return slim.add_n([x, *(o for o in others if o.spec.dtype == x.spec.dtype)])


@kind(3)
def bias_add(m, n):
    x = m.some(n, least=2)
    bias = m.variable([x.spec.shape[-1]], x.spec.dtype)
    y = _bias(x, bias)
    return [y, slim.relu(y)] if n.below(2) else y


def _bias(x, bias):
    return plus_bias(x, slim.identity(bias))


@kind(2)
def clip(m, n):
    return slim.clip_by_value(m.some(n), -1.5, 1.0)


@kind(2, wild=True)
def choose_elements(m, n):
    x = m.some(n)
    y = m.some(n, shape=x.spec.shape)
    return [slim.where(slim.greater(x, y), x, y), slim.where(slim.less(x, 0.5), y, x)][n.below(2)]


@kind(1, wild=True)
def compare(m, n):
    x = m.some(n, "f", "i")
    y = n.of((slim.less, slim.equal, slim.greater_equal))(x, m.like(n, x))
    return [y, slim.cast(y, dtype=x.spec.dtype)]


@kind(1)
def cast(m, n):
    wild = ("float16", "int32", "int64")
    return slim.cast(m.some(n, "f", "i", "b"), dtype=n.of(m.floats if m.tame else (*m.floats, *wild)))


@kind(1)
def whole_numbers(m, n):
    x = m.some(n, "i")
    return n.of((slim.add, slim.multiply, slim.maximum))(x, m.like(n, x))


# ---- sums over dimensions


@kind(5)
def reduce(m, n):
    x = m.some(n)
    rank = len(x.spec.shape)
    axis = n.of((None, *range(-rank, rank)))
    tame = (slim.reduce_sum, slim.reduce_mean, slim.reduce_max)
    wild = (slim.reduce_prod, slim.reduce_min, slim.reduce_logsumexp)
    return n.of(tame if m.tame else tame + wild)(x, axis, keepdims=n.below(2) == 1)


@kind(1, wild=True)
def index_of_largest(m, n):
    return slim.argmax(m.some(n, least=1), axis=-1)


@kind(2)
def sum_to_row(m, n):
    x = m.some(n, least=1)
    return sum_to(x, m.like(n, x))


@kind(1)
def spread_to(m, n):
    x = m.some(n, least=1)
    return broadcast_like(m.like(n, x), x)


# ---- the same elements in another shape, and parts of them


@kind(6)
def view(m, n):
    x = m.some(n, "f", "i", "b", "f", least=1)
    rank = len(x.spec.shape)
    axis = n.below(rank)
    which = n.below(10)
    if which == 0:
        return slim.reshape(x, [-1])
    if which == 1:
        return slim.transpose(x)
    if which == 2:
        return slim.expand_dims(x, n.below(rank + 1))
    if which == 3:
        return slim.squeeze(slim.expand_dims(x, axis), [axis])
    if which == 4:
        return slim.split(x, 2, axis=axis)
    if which == 5:
        return slim.unstack(x, axis=axis)
    if which == 6:
        return x[:, 1:] if rank > 1 else x[1:]
    if which == 7:
        return x[..., ::2]
    if which == 8:
        return slim.reshape(x, [-1, x.spec.shape[-1]])
    return slim.flatten(x)


@kind(4)
def put_together(m, n):
    x = m.some(n, least=1)
    others = [x, x if n.below(3) == 0 else m.some(n, shape=x.spec.shape)]
    if n.below(3) == 0:
        return stack(others, axis=n.below(2))
    return slim.concat(others, axis=n.below(len(x.spec.shape)))


@kind(2)
def arranged(m, n):
    x = m.some(n, least=2)
    which = n.below(5)
    if which == 0:
        return reverse(x, axis=(1,))
    if which == 1:
        return tile(x, [1, 2] + [1] * (len(x.spec.shape) - 2))
    if which == 2:
        return slim.pad(x, [[0, 0], [1, 2]] + [[0, 0]] * (len(x.spec.shape) - 2))
    if which == 3:
        return gather(x, slim.constant([0, 2, 1, 0]), axis=1)
    return slim.cumsum(x, axis=1)


# ---- products, convolutions, normalization


@kind(6)
def product(m, n):
    x = m.some(n, rank=2)
    which = n.below(4)
    if which == 0:
        return matmul(x, x, transpose_b=True)
    if which == 1:
        return matmul(x, x, transpose_a=True)
    shared = [v for v in m.variables if v.spec.shape[:1] == x.spec.shape[1:] and len(v.spec.shape) == 2]
    shared = [v for v in shared if v.spec.dtype == x.spec.dtype]
    size = x.spec.shape[1]
    w = n.of(shared) if which == 2 and shared else m.variable([size, n.of((6, 8, 3))], x.spec.dtype)
    y = matmul(x, slim.identity(w))
    return slim.relu(_bias(y, m.variable([y.spec.shape[-1]], x.spec.dtype))) if n.below(2) else y


def _image(m, n):
    return m.some(n, rank=4)


@kind(5)
def convolution(m, n):
    x = _image(m, n)
    size, o = n.of(([1, 1], [3, 3], [2, 2], [4, 4], [1, 3])), n.of((2, 3, 4))
    how = {"strides": n.of((1, 1, 2)), "padding": n.of(("SAME", "VALID"))}
    w = slim.identity(m.variable([*size, x.spec.shape[3], o], x.spec.dtype))
    y = conv2d(x, w, **how)
    after = n.below(5)
    if after == 0:
        return y
    if after == 1:
        return slim.relu(_bias(y, m.variable([o], x.spec.dtype)))
    return _normalized(m, y, training=after != 2, relu=after != 3)


@kind(2)
def by_channel(m, n):
    x = _image(m, n)
    w = slim.identity(m.variable([3, 3, x.spec.shape[3], n.of((1, 1, 2))], x.spec.dtype))
    return depthwise_conv2d_native(x, w, strides=n.of((1, 2)), padding="SAME")


@kind(2)
def several_branches(m, n):
    """Convolutions by 1x1 of one input, as inception has them."""
    x, made = _image(m, n), []
    for _ in range(2 + n.below(2)):
        w = slim.identity(m.variable([1, 1, x.spec.shape[3], 2], x.spec.dtype))
        made.append(slim.relu(conv2d(x, w, strides=1, padding="SAME")))
    return slim.concat(made, 3)


@kind(3)
def pooling(m, n):
    x = _image(m, n)
    size, stride, padding = n.of(((2, 2), (3, 2), (3, 1), (1, 2))), n.of((1, 2)), n.of(("SAME", "VALID"))
    return n.of((max_pool2d, avg_pool2d))(x, ksize=size, strides=stride, padding=padding)


@kind(3)
def normalization(m, n):
    x = m.some(n, least=2)
    return _normalized(m, x, training=n.below(3) > 0, relu=n.below(2) > 0)


def _normalized(m, x, training, relu):
    c, dtype = x.spec.shape[-1], x.spec.dtype
    scale, offset, mean = (slim.identity(m.variable([c], dtype)) for _ in range(3))
    variance = slim.constant(np.full(c, 0.5, dtype))
    given = () if training else (mean, variance)
    y, *moments = fused_batch_norm(x, scale, offset, *given, is_training=training)
    return [y, *moments, slim.relu(y)] if relu else [y, *moments]


@kind(2)
def near_channels(m, n):
    x, radius = m.some(n, least=1), n.below(4)
    y = local_response_normalization(x, depth_radius=radius, alpha=0.5, beta=n.of((0.75, 0.5, 1.0)))
    return [y, sum_of_near(x, radius=radius)]


@kind(2)
def powers(m, n):
    x = m.some(n)
    return slim.pow(slim.square(x) + 0.5 if m.tame else x, n.of((-0.75, 0.75, -0.5, 2.0, 1.5)))


@kind(2)
def shares(m, n):
    return n.of((slim.softmax, slim.log_softmax))(m.some(n, least=2))


@kind(3)
def cross_entropy(m, n):
    logits = m.some(n, rank=2)
    which = n.below(3)
    if which == 0:
        labels = slim.constant(np.eye(logits.spec.shape[1] or 1, dtype=logits.spec.dtype)[0])
        losses = slim.softmax_cross_entropy_with_logits(labels=broadcast_like(labels, logits), logits=logits)
    elif which == 1:
        labels = m.some(n, shape=logits.spec.shape)
        losses = slim.softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    else:
        labels = slim.reduce_sum(slim.zeros_like(logits, dtype=np.dtype(np.int32)), -1) + n.below(3)
        losses = slim.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return [losses, slim.softmax(logits)] if n.below(2) else losses


# ---- effects


def _value_for(m, n, v):
    """A tensor of the variable's shape and dtype."""
    found = [t for t in reversed(m.tensors) if t.spec.shape == v.spec.shape and t.spec.dtype == v.spec.dtype]
    if not found or n.below(4) == 0:
        return slim.identity(v) * 0.5
    return n.of(found)


@kind(5)
def assignment(m, n):
    v = m.any_variable(n)
    how = n.of((slim.assign, slim.assign_add, slim.assign_sub))
    made = how(v, _value_for(m, n, v))
    m.effects.append(made)
    return made


@kind(2)
def rows_of_variable(m, n):
    v = m.any_variable(n, rank=1)
    indices = slim.constant([0, 2, 0])
    updates = slim.constant(np.ones((3, *v.spec.shape[1:]), v.spec.dtype))
    made = n.of((slim.scatter_update, slim.scatter_add, slim.scatter_sub))(v, indices, updates)
    m.effects.append(made)
    return made


@kind(2)
def some_rows(m, n):
    """Rows of a variable, some of them twice: its gradient is one of rows."""
    v = m.any_variable(n, rank=1)
    return gather(slim.convert_to_tensor(v), slim.constant([0, 2, 0]), axis=0)


@kind(4)
def after(m, n):
    """Something that waits for an effect: a read of a variable, or what was computed before."""
    first = n.of(reversed(m.effects)) if m.effects else assignment(m, n).op
    if n.below(2) and m.variables:
        with slim.control_dependencies([first]):
            return n.of(reversed(m.variables)).read_value()
    return with_dependencies([first], m.some(n))


@kind(1)
def together(m, n):
    made = slim.group(*(n.of(m.effects) for _ in range(2)))
    m.effects.append(made)


@kind(1)
def all_at_once(m, n):
    return list(identity_n(m.some(n), m.some(n)))


def _loss(m, n, variables):
    """A number that the variables have a part in."""
    shapes = {v.spec.dtype for v in variables}
    terms = [slim.reduce_sum(slim.square(variables[0]))]
    if n.below(4) == 0 and len(variables[-1].spec.shape) > 0:
        terms.append(slim.reduce_sum(gather(slim.convert_to_tensor(variables[-1]), slim.constant([1, 0, 1]), axis=0)))
    terms += [slim.reduce_mean(m.some(n)) for _ in range(2)]
    dtype = next(iter(shapes), np.dtype(np.float32))
    return slim.add_n([slim.cast(t, dtype=dtype) for t in terms])


@kind(4)
def gradients(m, n):
    xs = [m.some(n) for _ in range(1 + n.below(3))] + [slim.identity(v) for v in m.variables[: n.below(3)]]
    ys = [m.some(n)]
    return [g for g in slim.gradients(ys, xs) if isinstance(g, slim.Tensor)]


OPTIMIZERS = (
    lambda: slim.GradientDescentOptimizer(0.125),
    lambda: slim.MomentumOptimizer(0.125, 0.5),
    lambda: slim.MomentumOptimizer(0.125, 0.5, use_nesterov=True),
    lambda: slim.AdamOptimizer(0.02),
    lambda: slim.RMSPropOptimizer(0.01, 0.9, 0.5, epsilon=1e-3),
    lambda: slim.RMSPropOptimizer(0.01, 0.9, 0.5, epsilon=1e-3, centered=True),
    lambda: slim.AdagradOptimizer(0.05),
    lambda: slim.AdadeltaOptimizer(0.5),
    lambda: slim.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    lambda: slim.ProximalGradientDescentOptimizer(0.1, 0.01, 0.01),
    lambda: slim.ProximalAdagradOptimizer(0.1),
)


@kind(6)
def training(m, n):
    optimizer = n.of(OPTIMIZERS[:3] if m.tame else OPTIMIZERS)()  # others divide by what may be nearly zero
    variables = [v for v in m.variables if v.trainable]
    some = variables[-1 - n.below(6) :] or [m.variable([8], "float32")]
    pairs = optimizer.compute_gradients(_loss(m, n, some), var_list=some)
    pairs = [(g, v) for g, v in pairs if g is not None]
    if n.below(3) == 0 and pairs:  # a gradient that somebody else makes
        pairs[0] = (slim.identity(pairs[0][1]) * 0.25, pairs[0][1])
    made = optimizer.apply_gradients(pairs)
    m.effects.append(made)
    if n.below(3) == 0:
        with slim.control_dependencies([made]):
            average = slim.ExponentialMovingAverage(0.75)
            m.effects.append(average.apply([v for _, v in pairs]))
    return [g for g, _ in pairs if isinstance(g, slim.Tensor)]


# ---- choices and loops


@kind(2)
def choice(m, n):
    x, y = m.some(n), m.some(n)
    pred = slim.greater(slim.reduce_sum(m.some(n)), 0.123)
    with_effect = n.below(3) == 0 and m.variables
    v = n.of(m.variables) if with_effect else None

    def one():
        z = slim.tanh(x) + 1.0
        if v is not None and x.spec.dtype == v.spec.dtype:
            z = z + slim.reduce_sum(slim.assign_add(v, slim.ones_like(slim.identity(v))))
        return z

    return slim.cond(pred, one, lambda: x * 0.5 + slim.cast(slim.reduce_sum(y), dtype=x.spec.dtype))


@kind(2)
def turns(m, n):
    x, w = m.some(n), m.some(n)

    def body(i, z):
        z = slim.tanh(z * 0.5) + slim.cast(slim.reduce_mean(w), dtype=x.spec.dtype)
        return i + 1, z

    return slim.while_loop(lambda i, z: i < n_turns, body, [slim.constant(0), x])[1] if (n_turns := n.below(4)) else x


# ---- what may fail


@kind(1)
def may_not_fit(m, n):
    """Sums of what has the same size by chance alone."""
    x = m.some(n, least=1)
    y = m.some(n, least=1)
    return x + slim.cast(y, dtype=x.spec.dtype)


@kind(1)
def may_be_infinite(m, n):
    return slim.check_numerics(m.some(n), "numbers")


@kind(1)
def by_python(m, n):
    """A function of the user's that gives its own argument back."""
    x = m.some(n)
    y = slim.py_func(lambda a: a, [x], slim.as_dtype(x.spec.dtype))
    y.set_shape(x.spec.shape)
    return y


# ---- any op, on the arrays of one of its cases


@kind(4, wild=True)
def any_op(m, n):
    """Its inputs come from loops, so that they may be overwritten; loops read its outputs."""
    op = n.of(_ops())
    case = n.of(op.all_cases)
    arrays = case.draw(np.random.default_rng(n.below(50)))
    inputs = []
    for i, array in enumerate(arrays):
        array = np.asarray(array)
        t = slim.constant(array)
        if array.dtype.kind == "f" and op.parameter(i) not in op.host:
            v = m.variable(array.shape, array.dtype, trainable=False) if n.below(3) == 0 else None
            t = slim.identity(v) * 0.0 + t if v is not None else slim.abs(t) * slim.sign(t)
        inputs.append(t)
    made = op(*inputs, **case.attrs)
    made = made if isinstance(made, list | tuple) else [made]
    made = [t for t in made if isinstance(t, slim.Tensor) and t.spec.dtype.kind in "fiub"]
    return [*made, *(slim.relu(t * 2.0) for t in made if t.spec.dtype.kind == "f")]


def _ops():
    if not _OPS:
        slim.REGISTRY.complete()
        ops = [op for op in slim.REGISTRY.values() if op.all_cases and not (op.stateful or op.random or op.refs)]
        _OPS.extend(sorted(ops, key=lambda op: op.name))
    return _OPS


_OPS = []


# ---- runs


@dataclass
class Call:
    """What a run asks for: tensors and nodes, and {tensor: array}."""

    fetches: list
    feeds: dict


def call(maker, numbers):
    """The run of these numbers."""
    n = Numbers(numbers)
    batch = maker.batch or n.of(BATCHES)
    rng = np.random.default_rng(n.below(1000))
    style = n.below(8)
    feeds = {t: _array(rng, t, batch, style, n.below(9), maker.tame) for t in maker.placeholders}
    for _ in range(n.below(3) if style != 6 else 0):
        t = n.of(maker.tensors)
        shape = t.spec.shape
        if shape is not None and None not in shape[1:] and t not in feeds:
            feeds[t] = _array(rng, t, batch, 0, n.below(9), maker.tame)
    graph = slim.get_default_graph()
    everything = [t for node in graph.get_operations() for t in node.outputs if t.spec.dtype != object]
    fetches = [n.of(maker.effects) for _ in range(min(len(maker.effects), n.below(3)))]
    fetches += [n.of(reversed(maker.tensors)) for _ in range(1 + n.below(3))]
    fetches += [n.of(everything)] if n.below(3) == 0 else []
    return Call([f if isinstance(f, Node | slim.Tensor) else slim.convert_to_tensor(f) for f in fetches], feeds)


def _array(rng, t, batch, style, layout, tame):
    shape = tuple(batch if size is None else size for size in t.spec.shape)
    if t.spec.dtype.kind == "f":
        value = rng.normal(size=shape)
        if style == 1:
            value = np.round(value * 2)
        if style == 2 and not tame:
            value = rng.choice([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0, 1e30, 1e-30], size=shape)
        if style == 3:
            value = np.where(rng.random(shape) < 0.5, 0.0, value)
    else:
        value = rng.integers(0, 3, size=shape)
    return _laid_out(np.asarray(value, t.spec.dtype), layout)


def _laid_out(array, layout):
    """The same values, elsewhere in memory."""
    if layout == 1 and array.ndim:
        return np.asfortranarray(array)
    if layout == 2 and array.ndim:
        return np.repeat(array, 2, axis=0)[::2]
    if layout == 3 and array.ndim:
        return array[::-1].copy()[::-1]
    if layout == 4:
        array = array.copy()
        array.flags.writeable = False
    if layout == 5 and array.ndim:
        return np.broadcast_to(array[:1], array.shape)
    return array
