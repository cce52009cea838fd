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

before: convert.py   next: ops/elementwise.py
"""

import functools
import inspect
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from npslim.caller import user_line
from npslim.convert import as_tensor, canonical, contains_tensor, default_array, is_tensor
from npslim.dtypes import numpy_dtype
from npslim.errors import ArgumentTypeError, DTypeError, GraphError, InternalError, OpError, located
from npslim.graph import get_default_graph
from npslim.parameters import REQUIRED, Parameters
from npslim.registry import REGISTRY
from npslim.spec import Spec, is_full
from npslim.tensor import Tensor, shapes_of

_CONTEXT = ("run", "rng", "node")  # what a kernel may take from the session beside its attributes
KNOWN_LIMIT = 256  # values of small integer tensors are followed while defining


class Case(NamedTuple):
    """One example of an op: `draw(rng)` gives the input arrays. `gradient`: to which order it is checked."""

    draw: Any
    attrs: dict
    gradient: int = 2


class Rejection(NamedTuple):
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


@dataclass(eq=False, repr=False)
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
        inputs, attrs = self._bind_list(args, attrs) if self.variadic else self._bind_inputs(args, attrs)
        name = attrs.pop("name", None)
        if unknown := attrs.keys() - self.defaults.keys():
            raise self._bad_call(f"{self.name}() has no argument {', '.join(sorted(unknown))}.")
        attrs = {key: canonical(attrs.get(key, default)) for key, default in self.defaults.items()}
        missing = [key for key, value in attrs.items() if value is REQUIRED]
        if missing:
            raise self._bad_call(f"{self.name}: the argument {missing[0]!r} is missing.")
        return inputs, attrs, name

    def _bind_list(self, args, attrs):
        """For any number of inputs, which may come in one list, as in TensorFlow."""
        if args and isinstance(args[0], list | tuple):
            attrs = {**attrs, **dict(zip((*self.defaults, "name"), args[1:], strict=False))}
            args = args[0]
        if not args:
            raise ArgumentTypeError(f"{self.name}: there are no inputs.", expected="at least one tensor", got="none")
        return list(args), attrs

    def _bind_inputs(self, args, attrs):
        places = len(self.parameters)
        inputs, rest = list(args[:places]), args[places:]
        for parameter in self.parameters[len(inputs) :]:
            if parameter in attrs:
                inputs.append(attrs.pop(parameter))
            elif len(inputs) < self.required:
                raise self._bad_call(f"{self.name}: the input {parameter!r} is missing.")
            else:
                break
        by_position = dict(zip((*self.defaults, "name"), rest, strict=False))
        given = {key for key in attrs if key != "name" or attrs[key] is not None}
        if len(rest) > len(self.defaults) + 1 or by_position.keys() & given:
            raise self._bad_call(f"{self.name}: too many arguments.")
        return inputs, {**attrs, **by_position}

    def _bad_call(self, sentence):
        return ArgumentTypeError(sentence, expected=str(self.__signature__))

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
        numbers = [x for x in inputs if x is not None]
        if len(numbers) < 2 or any(contains_tensor(x) for x in numbers):
            return None
        dtypes = [default_array(x).dtype for x in numbers]
        kind = max(
            (dtype.kind for dtype in dtypes), key="bOuifc".find
        )  # 1 beside 2.5 is a float32, not NumPy's float64
        return np.result_type(*(dtype for dtype in dtypes if dtype.kind == kind))

    def infer(self, specs, attrs, tensors=()):
        """The output's Spec (or a tuple of them) by the shape rule, its errors naming this op, the inputs, the line."""
        if self.shape_rule is None:
            raise InternalError(f"{self.name} has no shape rule.", hint=f"{self.name}.shape(rule)")
        try:
            return self.shape_rule(*specs, **{key: attrs[key] for key in self.shape_takes})
        except OpError as error:
            raise located(error, self.name, shapes_of(tensors), user_line()) from None

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


def attributes_of(rule, defaults):
    """The attributes that `rule` names; all of them if it takes `**attrs`."""
    takes = Parameters.of(rule)
    return tuple(defaults) if takes.any_keyword else tuple(name for name in takes.keywords if name in defaults)


@op(type="Const", node_name="Const", differentiable=False)
def constant(*, value):
    """The array `value`, the same in every run."""
    return value


@constant.shape
def _(*, value):
    return Spec(value.shape, value.dtype, value)


# ---- values that are known while defining


def followed(spec):
    """True for small integers whose value is not known yet."""
    return spec.known is None and spec.dtype.kind in "iu" and is_full(spec.shape) and np.prod(spec.shape) <= KNOWN_LIMIT


def knowing(spec, value):
    """`spec` with its value; one without NaN is known as a whole, and has the right dtype then."""
    whole = value.dtype.kind != "f" or not np.isnan(value).any()
    return Spec(spec.shape, spec.dtype, value.astype(spec.dtype) if whole else value)


# ---- the graph that a node goes to


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
