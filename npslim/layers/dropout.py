"""Dropout (Srivastava et al., 2014)."""

from npslim.layers.common import layer
from npslim.layers.utils import smart_cond
from npslim.ops.random import dropout as drop
from npslim.ops.shape import identity
from npslim.scopes import add_arg_scope


@add_arg_scope
def dropout(inputs, keep_prob=0.5, noise_shape=None, is_training=True, outputs_collections=None, scope=None, seed=None):
    """While training, set elements to zero with probability 1 - keep_prob and scale the others by 1 / keep_prob.

    inputs: any shape. noise_shape: the shape of the mask, which broadcasts to the inputs. is_training: a bool, or a
    boolean tensor of shape []; where false, the inputs go through unchanged. Returns the shape of `inputs`.
    """
    with layer(scope, "Dropout", inputs, outputs_collections=outputs_collections) as here:
        outputs = smart_cond(
            is_training,
            lambda: drop(here.inputs, keep_prob, noise_shape=noise_shape, seed=seed),
            lambda: identity(here.inputs),
        )
        return here.finish(outputs)
