"""`tf.contrib.tfprof`: the size of a model, printed."""

import types

from npslim.model_analyzer import analyze_vars, summary
from npslim.tf.missing import reporter
from npslim.variables import trainable_variables

TRAINABLE_VARS_PARAMS_STAT_OPTIONS = {"select": ["params"], "account_type_regexes": ["_trainable_variables"]}
FLOAT_OPS_OPTIONS = {"select": ["float_ops"]}


def print_model_analysis(graph, run_meta=None, op_log=None, tfprof_cmd="scope", tfprof_options=None):
    """Print the trainable variables and how many parameters they have, or the layers and their floating operations.

    Returns an object with `total_parameters` and `total_float_ops`, two operations for a multiply-add.
    """
    with graph.as_default():
        parameters, _ = analyze_vars(trainable_variables(), print_info=tfprof_options is not FLOAT_OPS_OPTIONS)
        table = summary()
        operations = 2 * table.multiply_adds
        if tfprof_options is FLOAT_OPS_OPTIONS:
            print(table)
    return types.SimpleNamespace(total_parameters=parameters, total_float_ops=operations)


model_analyzer = types.SimpleNamespace(
    print_model_analysis=print_model_analysis, FLOAT_OPS_OPTIONS=FLOAT_OPS_OPTIONS,
    TRAINABLE_VARS_PARAMS_STAT_OPTIONS=TRAINABLE_VARS_PARAMS_STAT_OPTIONS,
)  # fmt: skip

__getattr__ = reporter(__name__, lambda: globals())
