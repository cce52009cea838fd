"""Converters for state: variables of both kinds, assignments, optimizers' updates; and what only orders or feeds.

A variable of TensorFlow's second kind (a resource) becomes one of the first: npslim has one kind.

before: tensor_arrays.py   next: tables.py
"""

from npslim.graph_def.source import imports
from npslim.ops import state
from npslim.registry import REGISTRY


@imports("Placeholder")
def _(n):
    return state.placeholder(dtype=n.dtype("dtype"), shape=n.shape("shape") if n.has("shape") else None, name=n.name)


@imports("PlaceholderV2")
def _(n):
    return state.placeholder(dtype=n.dtype("dtype"), shape=n.shape("shape"), name=n.name)


@imports("PlaceholderWithDefault")
def _(n):
    return state.placeholder_with_default(n.input(0), shape=n.shape("shape"), name=n.name)


@imports("NoOp", "ControlTrigger")
def _(n):
    return state.no_op(name=n.name)


@imports("VariableV2", "Variable", "VarHandleOp")
def _(n):
    n.ignore("allowed_devices")
    return state.variable(shape=n.shape("shape"), dtype=n.dtype("dtype"), name=n.name)


@imports("ReadVariableOp")
def _(n):
    return state.read(n.ref(0), name=n.name)


@imports("IsVariableInitialized", "VarIsInitializedOp")
def _(n):
    return state.is_variable_initialized(n.ref(0), name=n.name)


@imports("Assign", "AssignVariableOp")
def _(n):
    return state.assign(n.ref(0), n.input(1), validate_shape=n.flag("validate_shape", True), name=n.name)


@imports("CountUpTo", "ResourceCountUpTo")
def _(n):
    return state.count_up_to(n.ref(0), limit=n.integer("limit"), name=n.name)


def _update(*types, name, order=None, attrs=()):
    """Ops that change as many variables as npslim's op `name` has `refs`, from the inputs that follow.

    order: which of those inputs npslim's op takes first, second, ...; attrs: flags that it has too.
    """
    made = REGISTRY[name]

    @imports(*types)
    def _(n):
        refs = [n.ref(i) for i in range(len(made.refs))]
        rest = [n.input(i) for i in range(len(refs), len(n))]
        if order is not None:
            rest = [rest[i] for i in order]
        n.only("update_slots", "b", True)
        if "use_nesterov" not in attrs:
            n.only("use_nesterov", "b", False)
        return made(*refs, *rest, **{attr: n.flag(attr, False) for attr in attrs}, name=n.name)


_update("AssignAdd", "AssignAddVariableOp", name="assign_add")
_update("AssignSub", "AssignSubVariableOp", name="assign_sub")
for _kind in ("Add", "Sub", "Mul", "Div", "Min", "Max", "Update"):
    _update(f"Scatter{_kind}", f"ResourceScatter{_kind}", name=f"scatter_{_kind.lower()}")
_update("ApplyGradientDescent", "ResourceApplyGradientDescent", name="apply_gradient_descent")
_update("ApplyAdam", "ResourceApplyAdam", name="apply_adam")
for _sparse, _order in (("", (0, 2, 1)), ("Sparse", (0, 3, 2, 1))):  # lr, grad (, indices), momentum
    _update(
        f"{_sparse}ApplyMomentum", f"Resource{_sparse}ApplyMomentum",
        name=f"{_sparse.lower()}_apply_momentum".strip("_"), order=_order, attrs=("use_nesterov",),
    )  # fmt: skip
for _type, _name, _numbers in (
    ("Adagrad", "adagrad", 1), ("Adadelta", "adadelta", 3), ("RMSProp", "rms_prop", 4),
    ("CenteredRMSProp", "centered_rms_prop", 4), ("ProximalGradientDescent", "proximal_gradient_descent", 3),
    ("ProximalAdagrad", "proximal_adagrad", 3),
):  # fmt: skip
    _update(f"Apply{_type}", f"ResourceApply{_type}", name=f"apply_{_name}")
    _order = (*range(_numbers), _numbers + 1, _numbers)  # TensorFlow has the gradient before the indices
    _update(f"SparseApply{_type}", f"ResourceSparseApply{_type}", name=f"sparse_apply_{_name}", order=_order)
