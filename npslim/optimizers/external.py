"""Minimizers of SciPy on a graph's loss: the variables are one long vector to them, as in `tf.contrib.opt`."""

import numpy as np

from npslim.autograd import gradients
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.defaults import session_for
from npslim.errors import ArgumentTypeError, InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.logs import logger
from npslim.spec import is_full


class ScipyOptimizerInterface:
    """Minimizes a scalar loss by `scipy.optimize.minimize`; the loss must not depend on anything random.

    loss: a scalar. var_list: the variables that are moved, all trainable ones unless given. equalities, inequalities:
    lists of tensors that must be 0, or not negative; the method is SLSQP then. var_to_bounds: {variable: (lower,
    upper)}, each broadcast to the variable, None for no bound. optimizer_kwargs: what `minimize` takes, such as
    method="L-BFGS-B" (the default) and options={"maxiter": 100}. Raises ValueError where there are no variables.
    """

    def __init__(self, loss, var_list=None, equalities=None, inequalities=None, var_to_bounds=None, **optimizer_kwargs):
        self._loss, self.optimizer_kwargs = as_tensor(loss), optimizer_kwargs
        trainable = get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES)
        self._vars = list(trainable if var_list is None else var_list)
        if not self._vars or not all(is_full(var.spec.shape) for var in self._vars):
            raise InvalidArgumentError(
                "There is nothing to minimize by.", expected="variables of known shapes", got=self._vars,
                made_at=user_line(),
            )  # fmt: skip
        self._sizes = [int(np.prod(var.spec.shape)) for var in self._vars]
        self._limits = [*(("eq", as_tensor(x)) for x in equalities or ())]
        self._limits += [("ineq", as_tensor(x)) for x in inequalities or ()]
        self._slopes = [self._slope(y) for y in (self._loss, *(y for _, y in self._limits))]
        self._bounds = None if var_to_bounds is None else self._all_bounds(var_to_bounds)

    def _slope(self, y):
        if y.spec.shape not in ((), None):
            raise ArgumentTypeError(
                "Only scalars are minimized and constrained.", expected="[]", got=y, made_at=user_line()
            )
        return [as_tensor(g) for g in gradients(y, self._vars, unconnected_gradients="zero")]

    def _all_bounds(self, given):
        def of(var, side):
            bound = given.get(var, (-np.inf, np.inf))[side]
            bound = (-np.inf, np.inf)[side] if bound is None else bound
            return np.broadcast_to(bound, var.spec.shape).ravel()

        return [pair for var in self._vars for pair in zip(of(var, 0), of(var, 1), strict=True)]

    def minimize(
        self, session=None, feed_dict=None, fetches=None, step_callback=None, loss_callback=None, **run_kwargs
    ):
        """Move the variables of `session`, the default one unless given, to a minimum.

        step_callback: gets the vector of all variables after each step. loss_callback: gets the values of `fetches` at
        each evaluation. Returns SciPy's result; its message is logged.
        """
        from scipy.optimize import minimize  # noqa: PLC0415 - slow to import

        session = session_for(session)

        def evaluate(at, which, y, more=()):
            self._load(at, session)
            found, slopes, seen = session.run([y, self._slopes[which], list(more)], feed_dict, **run_kwargs)
            return float(found), np.concatenate([np.ravel(g) for g in slopes]).astype(np.float64), seen

        def loss(at):
            value, slope, seen = evaluate(at, 0, self._loss, fetches or ())
            if loss_callback is not None:
                loss_callback(*seen)
            return value, slope

        limits = [
            {
                "type": kind,
                "fun": lambda at, i=i, y=y: evaluate(at, i, y)[0],
                "jac": lambda at, i=i, y=y: evaluate(at, i, y)[1],
            }
            for i, (kind, y) in enumerate(self._limits, 1)
        ]
        options = {"method": "SLSQP" if limits else "L-BFGS-B", "bounds": self._bounds, **self.optimizer_kwargs}
        start = np.concatenate([np.ravel(value) for value in session.run(self._vars)]).astype(np.float64)
        result = minimize(loss, start, jac=True, callback=step_callback, constraints=limits, **options)
        self._load(result.x, session)
        logger.info("Optimization terminated with: %s, after %d iterations.", result.message, result.get("nit", 0))
        return result

    def _load(self, vector, session):
        parts = np.split(np.asarray(vector), np.cumsum(self._sizes)[:-1])
        for var, part in zip(self._vars, parts, strict=True):
            var.load(part.reshape(var.spec.shape).astype(var.spec.dtype), session)
