"""Evaluation: restore a checkpoint, run the metrics' updates, give their values."""

from npslim.checkpoint import Saver
from npslim.errors import InvalidArgumentError
from npslim.events import open_writer
from npslim.graph import get_default_graph
from npslim.log import logger
from npslim.session import Session
from npslim.variables import (
    get_global_step,
    global_variables,
    local_variables_initializer,
    variables_initializer,
)

_USE_DEFAULT = 0


def evaluate_once(
    master,
    checkpoint_path,
    logdir,
    num_evals=1,
    initial_op=None,
    initial_op_feed_dict=None,
    eval_op=None,
    eval_op_feed_dict=None,
    final_op=None,
    final_op_feed_dict=None,
    summary_op=_USE_DEFAULT,
    summary_op_feed_dict=None,
    variables_to_restore=None,
    session_config=None,
    hooks=None,
):
    """Restore `checkpoint_path`, run `eval_op` `num_evals` times, and return the value of `final_op`.

    eval_op: the metrics' updates (a tensor or any structure of them). final_op: the metrics' values, any structure.
    variables_to_restore: all global variables unless given; the others are initialized, as local variables are.
    logdir: where the scalars of `final_op` are noted, if it is a dictionary; None for nowhere.
    Raises NotFoundError for a missing checkpoint, ValueError for num_evals below 1.
    """
    if num_evals < 1:
        raise InvalidArgumentError("num_evals must be positive.", expected="num_evals >= 1", got=num_evals)
    graph = get_default_graph()
    restored = global_variables() if variables_to_restore is None else variables_to_restore
    kept = set(restored.values()) if isinstance(restored, dict) else set(restored)
    saver = Saver(restored) if restored else None
    others = variables_initializer([var for var in global_variables() if var not in kept])
    local_init, step = local_variables_initializer(), get_global_step(graph)
    logger.info("Starting evaluation of %s", checkpoint_path)
    with graph.as_default(), Session(graph=graph, config=session_config) as session:
        session.run(others)
        session.run(local_init)
        if saver is not None and checkpoint_path is not None:
            saver.restore(session, checkpoint_path)
        if initial_op is not None:
            session.run(initial_op, initial_op_feed_dict)
        for i in range(num_evals if eval_op is not None else 0):
            session.run(eval_op, eval_op_feed_dict)
            logger.info("Evaluation [%d/%d]", i + 1, num_evals)
        final = None if final_op is None else session.run(final_op, final_op_feed_dict)
        with open_writer(logdir) as writer:
            if isinstance(final, dict):
                scalars = {str(name): value for name, value in final.items() if getattr(value, "ndim", 1) == 0}
                writer.scalars(0 if step is None else int(session.run(step)), **scalars)
    logger.info("Finished evaluation.")
    return final
