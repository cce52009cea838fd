"""`tf.graph_util`: graphs cut, frozen, and simplified."""

from npslim.graph_def.export import (
    convert_variables_to_constants,
    extract_sub_graph,
    remove_training_nodes,
    tensor_shape_from_node_def_name,
)
from npslim.graph_def.importer import import_graph_def
from npslim.tf.missing import reporter

__getattr__ = reporter(__name__, lambda: globals())
