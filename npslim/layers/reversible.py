"""Training with less memory: blocks whose inputs follow from their outputs, and functions computed a second time.

Both give up the values between input and output after the forward pass. The gradient computes them again, from the
block's outputs (Gomez et al., 2017, The Reversible Residual Network) or from the function's inputs.
"""

import functools

from npslim.autograd import gradients
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError
from npslim.graph import control_dependencies
from npslim.ops.custom_gradient import recorded, with_gradient
from npslim.ops.shape import identity
from npslim.scopes import (
    arg_scope,
    current_arg_scope,
    get_variable_scope,
    opened_again,
    scopes_opened,
    variable_scope,
)


def rev_block(x1, x2, f, g, num_layers=1, f_side_input=None, g_side_input=None, is_training=True):
    """`num_layers` times: x1 = x1 + f(x2), then x2 = x2 + g(x1). Returns (x1, x2).

    x1, x2: tensors of one shape. f, g: functions of a tensor that keep its shape, or lists of num_layers of them;
    with a side input (a list of tensors) it is their second argument. is_training: False builds the plain block, which
    keeps its values for a gradient. Variables are made in `revblock/revlayer_<i>/f` and `/g`.
    """
    block = RevBlock(f, g, num_layers, f_side_input, g_side_input, is_training)
    return block.forward(x1, x2)


class RevBlock:
    """`rev_block` as an object; `backward` computes the inputs from the outputs.

    use_efficient_backprop: False keeps the values of the forward pass for the gradient.
    Raises ValueError for lists of functions of another length than num_layers.
    """

    def __init__(
        self,
        f,
        g,
        num_layers=1,
        f_side_input=None,
        g_side_input=None,
        use_efficient_backprop=True,
        name="revblock",
        **kwargs,
    ):
        self.f, self.g = ([h] * num_layers if callable(h) else list(h) for h in (f, g))
        if len(self.f) != num_layers or len(self.g) != num_layers:
            raise InvalidArgumentError(
                "RevBlock: f and g need a function for each layer.", expected=f"{num_layers} each",
                got=f"{len(self.f)} and {len(self.g)}", made_at=user_line(),
            )  # fmt: skip
        self.f_side_input, self.g_side_input = f_side_input or [], g_side_input or []
        self.use_efficient_backprop, self.name, self.num_layers = use_efficient_backprop, name, num_layers
        self._scope = None

    def build(self, _):
        """Nothing: the functions make their variables when they are first called."""

    def call(self, inputs, forward=True):
        """`forward(x1, x2)`, or `backward(y1, y2)`, of a pair."""
        return self.forward(*inputs) if forward else self.backward(*inputs)

    __call__ = call

    def forward(self, x1, x2):
        """The outputs (y1, y2)."""
        x1, x2 = as_tensor(x1), as_tensor(x2)
        with self._inside():
            if not self.use_efficient_backprop:
                return self._forward(x1, x2)
            x1, x2 = identity(x1), identity(x2)
            ys, variables = recorded(self._forward, x1, x2)
            sides = [as_tensor(x) for x in (*self.f_side_input, *self.g_side_input)]

            def pull(g1, g2):
                return self._pull(*ys, g1, g2, sides, variables)

            return with_gradient(*ys, x1, x2, *sides, *variables, count=2, pull=pull, name="IdentityN")

    def backward(self, y1, y2):
        """The inputs (x1, x2) that `forward` makes (y1, y2) of."""
        x1, x2 = as_tensor(y1), as_tensor(y2)
        with self._inside(reuse=True):
            for i in reversed(range(self.num_layers)):
                x2 = x2 - self._apply("g", i, x1)
                x1 = x1 - self._apply("f", i, x2)
        return x1, x2

    def _inside(self, reuse=None):
        """The block's variable scope, the same at each use."""
        return variable_scope(self._scope or self.name, reuse=True if self._scope else reuse)

    def _forward(self, x1, x2):
        self._scope = get_variable_scope()
        for i in range(self.num_layers):
            x1 = x1 + self._apply("f", i, x2)
            x2 = x2 + self._apply("g", i, x1)
        return x1, x2

    def _apply(self, which, i, x):
        function, side = (self.f, self.f_side_input) if which == "f" else (self.g, self.g_side_input)
        with variable_scope(f"revlayer_{i}"), variable_scope(which):
            return function[i](x, side) if side else function[i](x)

    def _pull(self, y1, y2, g1, g2, sides, variables):
        """The gradients by the inputs, the side inputs and the variables, layer by layer from the outputs."""
        by_rest = [None] * (len(sides) + len(variables))
        with variable_scope(self._scope, reuse=True):
            for i in reversed(range(self.num_layers)):
                with control_dependencies([g1, g2]):
                    y1, y2 = identity(y1), identity(y2)
                gy = self._apply("g", i, y1)
                by_y1, *by_g = gradients(gy, [y1, *sides, *variables], g2, stop_gradients=[y1])
                g1 = _sum(g1, by_y1)
                x2 = y2 - gy
                fx = self._apply("f", i, x2)
                by_x2, *by_f = gradients(fx, [x2, *sides, *variables], g1, stop_gradients=[x2])
                g2 = _sum(g2, by_x2)
                by_rest = [_sum(_sum(old, a), b) for old, a, b in zip(by_rest, by_g, by_f, strict=True)]
                y1, y2 = y1 - fx, x2
        return [g1, g2, *by_rest]


def _sum(a, b):
    """a + b, where None counts as nothing."""
    return b if a is None else a if b is None else as_tensor(a) + as_tensor(b)


def recompute_grad(fn, use_data_dep="__rev_block_lib_default", tupleize_grads=False):
    """A function like `fn` whose gradient computes fn again instead of keeping its values.

    fn: takes and gives tensors; it may make variables, which the second time are reused. The other arguments choose
    how TensorFlow orders the second pass; here it follows the first gradient in any case. As in TF-Slim.
    """

    @functools.wraps(fn)
    def wrapped(*args):
        args = [identity(as_tensor(x)) for x in args]
        scope, opened, defaults = get_variable_scope(), scopes_opened(), current_arg_scope()
        result, variables = recorded(fn, *args)
        results = list(result) if isinstance(result, tuple | list) else [result]

        def pull(*gs):
            with control_dependencies(gs):
                again = [identity(x) for x in args]
            with opened_again(scope, opened), arg_scope(defaults):
                values = fn(*again)
            return gradients(values, [*again, *variables], list(gs), stop_gradients=again)

        outputs = with_gradient(*results, *args, *variables, count=len(results), pull=pull, name="IdentityN")
        outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
        return type(result)(outputs) if isinstance(result, tuple | list) else outputs[0]

    return wrapped
