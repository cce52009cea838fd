"""What an op is: a kernel on arrays, a shape rule, a gradient rule and cases, in one block.

    @op(reference=lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1))
    def tanh(x):
        "Hyperbolic tangent of each element, in (-1, 1)."
        return array_module(x).tanh(x)

    tanh.shape(same)                            # the output is like the input

    @tanh.vjp
    def _(g, y, x):                             # cotangent, result, inputs: these names in every rule
        return g * (1.0 - y * y)

    tanh.cases(lambda rng: (rng.uniform(-2, 2, (3, 4)),))

Positional parameters of a kernel are tensors, keyword-only ones are attributes. Called by its name with tensors, the op
adds a node; a rule takes only the attributes that it names.

before: graph.py   next: ops/elementwise.py
"""

import functools
import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from npslim.caller import user_line
from npslim.dtypes import DType, as_dtype, numpy_dtype
from npslim.errors import (
    ArgumentTypeError,
    DTypeError,
    GraphError,
    InternalError,
    InvalidArgumentError,
    OpError,
    ShapeError,
)
from npslim.graph import get_default_graph
from npslim.indexed_slices import IndexedSlices
from npslim.later import Table
from npslim.parameters import REQUIRED, Parameters
from npslim.spec import Spec, TensorShape, broadcast, is_full
from npslim.tensor import Tensor, shapes_of

REGISTRY = Table()  # name -> Op, in the order of definition; families of ops/ that nobody uses come when asked for
_CONTEXT = ("run", "rng", "node")  # what a kernel may take from the session beside its attributes
KNOWN_LIMIT = 256  # values of small integer tensors are followed while defining


@dataclass(frozen=True)
class Case:
    """One example of an op: `draw(rng)` gives the input arrays. `gradient`: to which order it is checked."""

    draw: Any
    attrs: dict
    gradient: int = 2


@dataclass(frozen=True)
class Rejection:
    """A call that the op refuses while defining, with a part of the message."""

    message: str
    draw: object
    attrs: dict


class _Signature:
    """The signature of an op as users call it, made when it is asked for."""

    def __get__(self, op, owner=None):
        if op is None:
            return None  # that of the class is what `inspect` finds
        takes = inspect.signature(op.kernel).parameters.values()
        inputs = [p for p in takes if p.kind is not p.KEYWORD_ONLY]
        attributes = [p for p in takes if p.name in op.defaults]
        name = inspect.Parameter("name", inspect.Parameter.KEYWORD_ONLY, default=None)
        return inspect.Signature([*inputs, *attributes, name])


@dataclass(eq=False)
class Op:
    """An op. What it needs beyond its inputs it declares:

    type, node_name   TensorFlow's name for the op, and for a node that is given no name
    reference         the same function by another algorithm, for the tests; takes the arrays and the attributes
    alike             inputs that must have one dtype: True for all (but `host` ones and `refs`), or a tuple of names
    shape_only        inputs of which the kernel reads only shape and dtype
    host              inputs that the kernel reads as Python numbers: they stay on the host
    refs              inputs that are state (a variable's cell), not values
    only_reads        the kernel gives its `refs` no other value
    stateful          the kernel takes `run`, the context of the running session
    random            the kernel takes `rng`, a generator of its own that does not depend on other nodes
    differentiable    False: its gradient is zero on purpose
    holomorphic       the kernel takes complex numbers, and its derivative may be checked by the complex step
    exact             the kernel only moves and compares numbers: nothing to gain from computing it in float64
    dynamic           the shape of the output depends on values, not only on shapes
    partial           the kernel carries NaN through as "not known": see `Spec.known`
    """

    kernel: Any
    name: str
    type: str
    node_name: str
    doc: str
    reference: Any = None
    alike: Any = True
    shape_only: tuple = ()
    host: tuple = ()
    refs: tuple = ()
    only_reads: bool = False
    stateful: bool = False
    random: bool = False
    differentiable: bool = True
    holomorphic: bool = False
    exact: bool = False
    dynamic: bool = False
    partial: bool = False
    shape_rule: Any = None
    vjp_rule: Any = None
    vjp_takes: tuple = ()
    shape_takes: tuple = ()
    all_cases: list = field(default_factory=list)
    rejections: list = field(default_factory=list)
    property_check: Any = None

    def __post_init__(self):
        takes = Parameters.of(self.kernel)
        self.variadic = takes.rest is not None
        self.parameters = takes.positional + ((takes.rest,) if self.variadic else ())
        self.required = len(takes.positional) - len(takes.defaults)
        self.context = tuple(name for name in takes.keywords if name in _CONTEXT)
        self.defaults = {name: default for name, default in takes.keywords.items() if name not in _CONTEXT}
        self.__name__, self.__doc__ = self.name, self.doc

    __signature__ = _Signature()

    # ---- the rules of an op, said in its block

    def shape(self, rule):
        """Set the shape rule: from the inputs' specs to the output's Spec, or a tuple of them."""
        self.shape_rule, self.shape_takes = rule, attributes_of(rule, self.defaults)
        return rule

    def vjp(self, rule):
        """Set the gradient rule, made of ops: `rule(g, y, *inputs)` gives a cotangent for each input, or None."""
        self.vjp_rule, self.vjp_takes = rule, attributes_of(rule, self.defaults)
        return rule

    def cases(self, *draws, gradient=2, **attrs):
        """Examples, as functions of a generator that return the tuple of input arrays; all with `attrs`.

        gradient: the order of derivatives to check, 0 or False for none: at a kink, say.
        """
        self.all_cases.extend(Case(draw, attrs, gradient) for draw in draws)

    def rejects(self, message, draw, **attrs):
        """A call that must be refused with `message` in the error."""
        self.rejections.append(Rejection(message, draw, attrs))

    def properties(self, check):
        """For ops with random results: `check(result, *arrays, **attrs)` asserts what must hold."""
        self.property_check = check
        return check

    # ---- a call adds a node

    def __call__(self, *args, name=None, **attrs):
        inputs, attrs, name = self._bind(args, {**attrs, "name": name})
        graph = graph_of(inputs)
        node_name = graph.node_name(name or self.node_name)
        tensors = [graph.adopt(t) for t in self._as_tensors(inputs, graph, node_name)]
        specs = self.infer([t.spec for t in tensors], attrs, tensors)
        single = isinstance(specs, Spec)
        specs = (specs,) if single else tuple(specs)
        node = graph.add(self, tensors, attrs, self._with_known(specs, tensors, attrs), node_name)
        return node.outputs[0] if single else node.outputs if node.outputs else node

    def _bind(self, args, attrs):
        """Inputs, attributes and name. All may be given by name; attributes and name may also follow the inputs."""
        if self.variadic and args and isinstance(args[0], list | tuple):
            places = dict(
                zip((*self.defaults, "name"), args[1:], strict=False)
            )  # all inputs in one list, as in TensorFlow
            args, attrs = args[0], {**attrs, **places}
        if self.variadic and not args:
            raise ArgumentTypeError(f"{self.name}: there are no inputs.", expected="at least one tensor", got="none")
        if not self.variadic:
            places = len(self.parameters)
            args, rest = list(args[:places]), args[places:]
            for parameter in self.parameters[len(args) :]:
                if parameter in attrs:
                    args.append(attrs.pop(parameter))
                elif len(args) < self.required:
                    raise ArgumentTypeError(
                        f"{self.name}: the input {parameter!r} is missing.", expected=str(self.__signature__)
                    )
                else:
                    break
            by_position = dict(zip((*self.defaults, "name"), rest, strict=False))
            given = {key for key in attrs if key != "name" or attrs[key] is not None}
            if len(rest) > len(self.defaults) + 1 or by_position.keys() & given:
                raise ArgumentTypeError(f"{self.name}: too many arguments.", expected=str(self.__signature__))
            attrs = {**attrs, **by_position}
        name = attrs.pop("name", None)
        if attrs.keys() - self.defaults.keys():
            unknown = ", ".join(sorted(attrs.keys() - self.defaults.keys()))
            raise ArgumentTypeError(f"{self.name}() has no argument {unknown}.", expected=str(self.__signature__))
        attrs = {key: canonical(attrs.get(key, default)) for key, default in self.defaults.items()}
        missing = [key for key, value in attrs.items() if value is REQUIRED]
        if missing:
            raise ArgumentTypeError(
                f"{self.name}: the argument {missing[0]!r} is missing.", expected=str(self.__signature__)
            )
        return list(args), attrs, name

    def parameter(self, i):
        """The name of input number `i`."""
        return self.parameters[min(i, len(self.parameters) - 1)]

    def _as_tensors(self, inputs, graph, node_name):
        names = [self.parameter(i) for i in range(len(inputs))]
        group = set(names) - set(self.host + self.refs) if self.alike is True else self.alike
        group = [i for i, n in enumerate(names) if n in group]
        shared = self._shared_dtype([inputs[i] for i in group])
        with graph_as_default(graph), graph.name_scope(node_name + "/"):
            tensors = [
                as_tensor(
                    x,
                    shared if i in group and not is_tensor(x) else None,
                    name=n if not self.variadic else f"{n}_{i}",
                    ref=n in self.refs,
                )
                for i, (x, n) in enumerate(zip(inputs, names, strict=True))
            ]
        if len({tensors[i].spec.dtype for i in group}) > 1:
            raise DTypeError(
                f"{self.name}: the inputs do not have the same dtype.",
                expected="one dtype",
                got=shapes_of([tensors[i] for i in group]),
                made_at=user_line(),
                hint="cast(x, dtype) converts",
            )
        return tensors

    def _shared_dtype(self, inputs):
        """The dtype that arrays and Python numbers take on beside tensors, or that arrays give to numbers."""
        for kind in ((Tensor,), (np.ndarray, np.generic)):
            for x in inputs:
                x = x._as_tensor() if hasattr(x, "_as_tensor") else x
                if isinstance(x, kind):
                    return x.spec.dtype if isinstance(x, Tensor) else numpy_dtype(x.dtype)
        flat = [x for x in inputs if x is not None]
        return (
            np.result_type(*(default_array(x).dtype for x in flat))
            if len(flat) > 1 and not any(contains_tensor(x) for x in flat)
            else None
        )

    def infer(self, specs, attrs, tensors=()):
        """The output's Spec (or a tuple of them) by the shape rule, its errors naming this op, the inputs, the line."""
        if self.shape_rule is None:
            raise InternalError(f"{self.name} has no shape rule.", hint=f"{self.name}.shape(rule)")
        try:
            return self.shape_rule(*specs, **{key: attrs[key] for key in self.shape_takes})
        except OpError as error:
            raise self._located(error, tensors) from None

    def _located(self, error, tensors):
        lines = error.message.split("\n")
        if not lines[0].startswith(self.name):
            lines[0] = f"{self.name}: {lines[0][:1].lower()}{lines[0][1:]}"
        if tensors:
            lines.append(f"  inputs   {shapes_of(tensors)}")
        if not any(line.startswith("  made at") for line in lines):
            lines.append(f"  made at  {user_line()}")
        order = {"exp": 1, "got": 2, "inp": 3, "mad": 4, "hin": 5}
        head, parts = lines[0], _parts(lines[1:])
        parts.sort(key=lambda part: order.get(part.strip()[:3], 2))
        located = type(error)("")
        located.message = "\n".join([head, *parts])
        located.args = (located.message,)
        return located

    def _with_known(self, specs, tensors, attrs):
        """`specs`, with the values of small integer outputs filled in where the inputs tell them."""
        if self.stateful or self.random or self.refs or not all(followed(spec) for spec in specs):
            return specs
        knowns = [t.spec.known for t in tensors]
        whole = [k is not None and k.dtype == t.spec.dtype for k, t in zip(knowns, tensors, strict=True)]
        if any(k is None for k in knowns) or not tensors or not (all(whole) or self.partial):
            return specs
        try:
            with np.errstate(all="ignore"):
                found = self.kernel(*knowns, **attrs)
        except (ArithmeticError, ValueError, TypeError, IndexError):
            return specs  # the running session reports it, with the node
        found = found if isinstance(found, tuple) else (found,)
        return tuple(knowing(spec, np.asarray(value)) for spec, value in zip(specs, found, strict=True))

    def pull(self, g, node):
        """The cotangents of a node's inputs from those of its outputs (one tensor, or a tuple of several)."""
        y = node.outputs[0] if len(node.outputs) == 1 else node.outputs
        found = self.vjp_rule(g, y, *node.inputs, **{key: node.attrs[key] for key in self.vjp_takes})
        found = tuple(found) if isinstance(found, tuple | list) else (found,)
        if len(found) != len(node.inputs):
            raise InternalError(
                f"The gradient rule of {self.name} gives the wrong number of cotangents.",
                expected=len(node.inputs), got=len(found), made_at=node.made_at,
            )  # fmt: skip
        return found

    def __repr__(self):
        return f"<op {self.name}>"


def op(kernel=None, *, type=None, node_name=None, **declared) -> Any:
    """Make the function an op and put it into the registry. Keyword arguments: see `Op`."""
    if kernel is None:
        return functools.partial(op, type=type, node_name=node_name, **declared)
    name = kernel.__name__.rstrip("_")
    type = type or "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    made = Op(kernel, name, type, node_name or type, inspect.getdoc(kernel) or "", **declared)
    if not (kernel.__module__ or "").startswith("npslim."):
        REGISTRY.complete()  # so that the op of a program hears at once that npslim has one of that name
    if REGISTRY.setdefault(name, made) is not made:
        raise InternalError(f"There are two ops {name!r}.", hint="one op, one block")
    return made


def followed(spec):
    """True for small integers whose value is not known yet."""
    return spec.known is None and spec.dtype.kind in "iu" and is_full(spec.shape) and np.prod(spec.shape) <= KNOWN_LIMIT


def knowing(spec, value):
    """`spec` with its value; one without NaN is known as a whole, and has the right dtype then."""
    whole = value.dtype.kind != "f" or not np.isnan(value).any()
    return Spec(spec.shape, spec.dtype, value.astype(spec.dtype) if whole else value)


def attributes_of(rule, defaults):
    """The attributes that `rule` names; all of them if it takes `**attrs`."""
    takes = Parameters.of(rule)
    return tuple(defaults) if takes.any_keyword else tuple(name for name in takes.keywords if name in defaults)


def _parts(lines):
    """Lines grouped so that continuation lines stay with their part."""
    parts = []
    for line in lines:
        if line.startswith("           ") and parts:
            parts[-1] += "\n" + line
        else:
            parts.append(line)
    return parts


# ---- shape rules that many ops share


def same(x, *others):
    """The output is like the first input."""
    return Spec(x.shape, x.dtype)


def broadcasts(*inputs):
    """The inputs broadcast; the output has their dtype."""
    return Spec(broadcast(*(x.shape for x in inputs)), inputs[0].dtype)


def compares(*inputs):
    """The inputs broadcast; the output is boolean."""
    return Spec(broadcast(*(x.shape for x in inputs)), np.dtype(bool))


def floats(x, *others):
    """The output is like the first input, which must be floating or complex."""
    if x.dtype.kind not in "fc":
        raise DTypeError(
            "The input is not floating.",
            expected="a floating dtype",
            got=as_dtype(x.dtype).name,
            hint="cast(x, float32) converts",
        )
    return same(x)


def broadcasts_floats(*inputs):
    """The inputs, floating or complex, broadcast; the output has their dtype."""
    floats(inputs[0])
    return broadcasts(*inputs)


BROADCASTING = (broadcasts, compares, broadcasts_floats)  # the walk back sums what these rules repeat


# ---- from what people pass to tensors


def canonical(value: Any) -> Any:
    """An attribute as the kernel wants it: tuples for lists, a NumPy dtype, a number for a tensor of known value."""
    if isinstance(value, DType):
        return value.dtype
    if isinstance(value, type) and issubclass(value, np.generic):
        return np.dtype(value)
    if isinstance(value, TensorShape):
        return tuple(value.as_list())
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return tuple(canonical(v) for v in value)
    value = getattr(value, "_as_tensor", lambda: value)()
    if isinstance(value, Tensor):
        known = constant_value(value)
        if known is None:
            raise ArgumentTypeError(
                "This argument must be known while the graph is defined.", expected="a number", got=value
            )
        return known.item() if known.ndim == 0 else tuple(known.tolist())
    if isinstance(value, np.generic) and not isinstance(value, np.bool_):
        return value.item()
    return value


def graph_of(inputs):
    """The graph of the tensors among `inputs`, or the default graph.

    A default graph that is defined inside another (the branch of a cond) takes in tensors of the outer one.
    """
    default = get_default_graph()
    for x in inputs:
        graph = getattr(x, "graph", None)
        if graph is not None and not getattr(default, "outer", None):
            if getattr(graph, "outer", None):
                raise GraphError(
                    f"{x.name} is a tensor of a branch and has no value outside of it.", made_at=user_line(),
                    hint="return it from the function that cond or while_loop was given",
                )  # fmt: skip
            return graph
    return default


def graph_as_default(graph):
    """A context in which `graph` is the default graph; nothing to do if it is."""
    return _NOTHING if get_default_graph() is graph else graph.as_default()


class _Nothing:
    def __enter__(self):
        return None

    def __exit__(self, *_):
        return None


_NOTHING = _Nothing()


@op(type="Const", node_name="Const", differentiable=False)
def constant(*, value):
    """The array `value`, the same in every run."""
    return value


@constant.shape
def _(*, value):
    return Spec(value.shape, value.dtype, value)


def default_array(value: Any, narrow=True):
    """`value` as an array; `narrow`: of TensorFlow's default dtypes, float32 and int32, for Python's numbers."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
    else:
        array = np.array(value)
        if narrow and array.dtype == np.float64 and not _holds(value, (np.ndarray, np.float64)):
            array = array.astype(np.float32)
        elif narrow and array.dtype == np.int64 and not _holds(value, (np.ndarray, np.int64)):
            fits = array.size == 0 or (array.max() < 2**31 and array.min() >= -(2**31))
            array = array.astype(np.int32) if fits else array
    if array.dtype.kind in "US":
        words: Any = array.ravel().tolist()
        array = np.array([w.encode() if isinstance(w, str) else w for w in words], object).reshape(array.shape)
    return array


def _holds(value, kinds):
    if isinstance(value, list | tuple):
        return any(_holds(v, kinds) for v in value)
    return isinstance(value, kinds)


def is_tensor(value):
    """True for a tensor and for a variable."""
    return isinstance(value, Tensor) or hasattr(value, "_as_tensor")


def contains_tensor(value):
    """True for a tensor or variable, and for a nested list with one in it."""
    if isinstance(value, list | tuple):
        return any(contains_tensor(v) for v in value)
    return is_tensor(value)


def as_array(value, dtype=None):
    """A NumPy array of `value`, converted to `dtype` as TensorFlow allows it. Raises TypeError where it does not."""
    if value is None or (isinstance(value, list | tuple) and any(v is None for v in value)):
        raise ArgumentTypeError("None values are not supported.", expected="numbers", got=value)
    try:
        array = default_array(value, narrow=dtype is None)
    except ValueError:
        raise InvalidArgumentError("The nested lists are not of one shape.", got=value) from None
    if array.dtype == object and any(not isinstance(x, bytes | str) for x in array.ravel()):
        raise ArgumentTypeError("This cannot become a tensor.", expected="numbers or strings", got=repr(value)[:200])
    if dtype is None or array.dtype == dtype:
        numpy_dtype(array.dtype)
        return array
    dtype = numpy_dtype(dtype)
    lossy = {"b": "b", "i": "biu", "u": "biu", "f": "biuf", "c": "biufc"}.get(dtype.kind, "OSU")
    is_array = isinstance(value, np.ndarray | np.generic)
    if (
        array.dtype.kind not in lossy
        and array.size
        and not (is_array and array.dtype.kind != "O" and dtype.kind != "O")
    ) or (array.dtype.kind == "b" and dtype.kind != "b" and not is_array):
        raise DTypeError(
            "The value does not fit the dtype.",
            expected=as_dtype(dtype).name,
            got=f"{str(value)[:100]} ({array.dtype})",
        )
    return array.astype(dtype)


def as_tensor(value, dtype=None, name=None, ref=False):
    """`value` (tensor, variable, array, number, nested list of these) as a tensor of the default graph.

    A variable gives its value, or with `ref` its state. Raises TypeError if it has or gets another dtype than `dtype`.
    """
    if ref:
        value = value._as_ref() if hasattr(value, "_as_ref") else value
    elif is_state(value):
        value = read_of(value)
    elif hasattr(value, "_as_tensor"):
        value = value._as_tensor()
    if isinstance(value, IndexedSlices):
        value = REGISTRY["dense"](value.values, value.indices, value.dense_like)
    if isinstance(value, Tensor):
        if dtype is not None and value.spec.dtype != numpy_dtype(dtype):
            raise DTypeError(
                "The tensor has another dtype.",
                expected=as_dtype(dtype).name,
                got=f"{value.name} {as_dtype(value.spec.dtype).name}",
                made_at=user_line(),
                hint="cast(x, dtype) converts",
            )
        return value
    if isinstance(value, TensorShape):
        if not value.is_fully_defined():
            raise ShapeError(
                "A shape with unknown sizes is no tensor.", got=value, hint="shape(x) gives it at run time"
            )
        value = np.array(value.as_list(), np.int32 if dtype is None else numpy_dtype(dtype))
    if contains_tensor(value):
        return _stacked(value, dtype, name)
    if isinstance(value, list | tuple):
        value = (
            [int(v) if hasattr(v, "value") else v for v in value] if any(hasattr(v, "value") for v in value) else value
        )
    return constant(value=_frozen(as_array(value, dtype)), name=name or "Const")


def _frozen(array):
    """A copy that cannot be written to: the graph's constants stay what they were."""
    array = np.array(array)
    array.flags.writeable = False
    return array


def _stacked(values, dtype, name):
    """A nested list with tensors in it, as one tensor."""
    dtypes = [v.dtype.dtype for v in _flat(values) if contains_tensor(v)]
    dtype = dtype or dtypes[0]
    parts = [as_tensor(v, dtype) for v in values]
    return REGISTRY["stack"](*parts, axis=0, name=name or "packed")


def _flat(value):
    if isinstance(value, list | tuple):
        for v in value:
            yield from _flat(v)
    else:
        yield value


def is_state(x):
    """True for the tensor of a variable's node: its state, not its value."""
    return isinstance(x, Tensor) and x.op.op.name == "variable"


def read_of(ref):
    """The `<name>/read` tensor of a variable's node: its value from before the run's assignments."""
    return ref.graph.get_tensor_by_name(ref.op.name + "/read:0")


def constant_value(tensor):
    """The value of `tensor` as an array if it is known while defining, else None."""
    if not isinstance(tensor, Tensor):
        tensor = as_tensor(tensor)
    known = tensor.spec.known
    return None if known is None or known.dtype != tensor.spec.dtype else known


def convert_to_tensor(value, dtype=None, name=None, preferred_dtype=None):
    """`value` as a tensor; see `as_tensor`."""
    if dtype is None and preferred_dtype is not None and not contains_tensor(value):
        try:
            return as_tensor(value, preferred_dtype, name)
        except (TypeError, ValueError):
            pass
    return as_tensor(value, dtype, name)
