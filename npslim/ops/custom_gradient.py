"""Gradients that the user defines: a function of the graph whose derivative is another function of the graph."""

import functools
import inspect

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.op import op
from npslim.ops.shape import identity
from npslim.spec import Spec


@op(type="IdentityN", alike=(), exact=True, reference=lambda *tensors, count, pull: tensors[:count])
def with_gradient(*tensors, count, pull):
    """The first `count` tensors as they are. The others get the gradients `pull(*gs)`, a list, these get none."""
    return tensors[:count]


@with_gradient.shape
def _(*tensors, count):
    return tuple(Spec(x.shape, x.dtype) for x in tensors[:count])


@with_gradient.vjp
def _(g, y, *tensors, count, pull):
    return [None] * count + list(pull(*(g if isinstance(g, tuple) else (g,))))


with_gradient.cases(lambda rng: (rng.normal(size=(2, 3)), rng.normal(size=2)), count=2, pull=lambda *gs: [], gradient=0)
with_gradient.cases(lambda rng: (rng.normal(size=3), rng.normal(size=3)), count=1, pull=lambda g: [g], gradient=0)


def recorded(function, *args):
    """(results, variables): the result of `function(*args)` and the variables' values that its nodes take."""
    graph = get_default_graph()
    start = len(graph.nodes)
    result = function(*args)
    taken = {t: None for node in graph.nodes[start:] for t in node.inputs if _is_read(t)}
    return result, list(taken)


def _is_read(tensor):
    """True for the value of a trainable kind of variable: floating, and read from its state."""
    source = tensor.op
    return (
        source.type == "Identity"
        and len(source.inputs) == 1
        and source.inputs[0].op.op.name == "variable"
        and tensor.spec.dtype.kind in "fc"
    )


def custom_gradient(f):
    """A decorator: `f(*tensors)` returns (y, grad), and grad(*dy) the gradients by the tensors.

    y: a tensor or a list of them, dy one for each. Where `f` uses variables, grad must take them as `variables=` and
    return (gradients, gradients by the variables). Raises TypeError if it does not. As in TensorFlow.
    """

    @functools.wraps(f)
    def decorated(*args):
        args = [identity(as_tensor(x)) for x in args]
        (result, grad), variables = recorded(f, *args)
        results = list(result) if isinstance(result, tuple | list) else [result]
        _check_takes_variables(grad, variables)

        def pull(*gs):
            if not variables:
                found = grad(*gs)
                return list(found) if isinstance(found, tuple | list) else [found]
            by_args, by_variables = grad(*gs, variables=variables)
            return [*(by_args if isinstance(by_args, tuple | list) else [by_args]), *by_variables]

        outputs = with_gradient(*results, *args, *variables, count=len(results), pull=pull)
        outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
        return outputs if isinstance(result, tuple | list) else outputs[0]

    return decorated


def _check_takes_variables(grad, variables):
    parameters = inspect.signature(grad).parameters
    takes = "variables" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if variables and not takes:
        raise InvalidArgumentError(
            "custom_gradient: the function uses variables, and its gradient does not take them.",
            expected="def grad(*dy, variables=None)", got=f"{grad.__name__}{inspect.signature(grad)}",
            made_at=user_line(),
        )  # fmt: skip
