"""Layers that take or give sparse tensors: sequences to sparse ones, and embeddings."""

from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import float32, int64
from npslim.errors import InvalidArgumentError
from npslim.graph import get_default_graph
from npslim.layers.common import append_tensor_alias, layer_without_variables
from npslim.ops import embedding
from npslim.ops.indexing import gather_nd, where_true
from npslim.ops.logic import not_equal
from npslim.ops.shape import shape
from npslim.ops.sparse import SparseTensor
from npslim.regularizers import apply_regularization
from npslim.scopes import add_arg_scope, variable_scope
from npslim.variables import model_variable


@add_arg_scope
def dense_to_sparse(tensor, eos_token=0, outputs_collections=None, scope=None):
    """The elements of `tensor` that are not `eos_token`, as a SparseTensor of the same shape."""
    with layer_without_variables(scope, "dense_to_sparse", tensor) as (opened, tensor):
        places = where_true(not_equal(tensor, as_tensor(eos_token, tensor.spec.dtype)))
        outputs = SparseTensor(places, gather_nd(tensor, places), shape(tensor, out_type=int64))
        if outputs_collections:
            append_tensor_alias(outputs.values, opened)
            get_default_graph().add_to_collections(outputs_collections, outputs)
        return outputs


def embed_sequence(
    ids, vocab_size=None, embed_dim=None, unique=False, initializer=None, regularizer=None, trainable=True, scope=None,
    reuse=None,
):  # fmt: skip
    """Each id as a row of a variable `<scope>/embeddings [vocab_size, embed_dim]` (float32).

    ids: `[n, length]` integers in [0, vocab_size). Returns `[n, length, embed_dim]`. The variable's sizes may be left
    out where it is reused. unique: look up each distinct id once. As tf.contrib.layers.embed_sequence.
    Raises ValueError if sizes are missing and reuse is off.
    """
    if not (reuse or (vocab_size and embed_dim)):
        raise InvalidArgumentError(
            "embed_sequence: the sizes of the embeddings must be given, unless they are reused.",
            expected="vocab_size and embed_dim", got=f"{vocab_size} and {embed_dim}", made_at=user_line(),
        )  # fmt: skip
    with variable_scope(scope, "EmbedSequence", [ids], reuse=reuse):
        sizes = [vocab_size, embed_dim] if vocab_size and embed_dim else None
        embeddings = model_variable(
            "embeddings", shape=sizes, dtype=float32, initializer=initializer, trainable=trainable
        )
        if regularizer is not None:
            apply_regularization(regularizer, [embeddings])
        if unique:
            return embedding.embedding_lookup_unique(embeddings, ids)
        return embedding.embedding_lookup(embeddings, ids)
