"""The collection of losses, and their sum."""

from npslim.convert import as_tensor
from npslim.errors import InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.graph_keys import GraphKeys
from npslim.ops.elementwise import add_n
from npslim.scopes import add_arg_scope


@add_arg_scope
def add_loss(loss, loss_collection=GraphKeys.LOSSES):
    """Add `loss` to a collection, unless that is None."""
    if loss_collection:
        get_default_graph().add_to_collection(loss_collection, loss)


def get_losses(scope=None, loss_collection=GraphKeys.LOSSES):
    """The losses of a collection, those whose name begins with `scope` if given."""
    return get_default_graph().get_collection(loss_collection, scope)


def get_regularization_losses(scope=None):
    """The penalties that regularizers made."""
    return get_default_graph().get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope=None, name="total_regularization_loss"):
    """The sum of the penalties that regularizers made, 0.0 if there are none."""
    penalties = get_regularization_losses(scope)
    return add_n(*penalties, name=name) if penalties else as_tensor(0.0)


def get_total_loss(add_regularization_losses=True, name="total_loss", scope=None):
    """The sum of all losses, and of the regularization losses unless told otherwise. Raises ValueError if none."""
    losses = get_losses(scope)
    if add_regularization_losses:
        losses += get_regularization_losses(scope)
    if not losses:
        raise InvalidArgumentError(
            "There are no losses to add up.", expected="at least one in the collection 'losses'", got="none",
            hint="the functions of npslim.losses put theirs there; add_loss(x) does it for your own",
        )  # fmt: skip
    return add_n(*losses, name=name)
