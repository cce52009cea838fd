"""Input pipelines as TensorFlow 1 has them: queues, the threads that fill them, and what begins and ends them."""

from npslim.queues.batching import (
    batch,
    batch_join,
    maybe_batch,
    maybe_batch_join,
    maybe_shuffle_batch,
    maybe_shuffle_batch_join,
    shuffle_batch,
    shuffle_batch_join,
)
from npslim.queues.coordinator import Coordinator, LooperThread
from npslim.queues.meter import InputMeter
from npslim.queues.producers import (
    input_producer,
    limit_epochs,
    match_filenames_once,
    range_input_producer,
    slice_input_producer,
    string_input_producer,
)
from npslim.queues.runner import (
    NestedQueueRunnerError,
    QueueRunner,
    QueueRunners,
    add_queue_runner,
    start_queue_runners,
)

__all__ = [
    "Coordinator", "InputMeter", "LooperThread", "NestedQueueRunnerError", "QueueRunner", "QueueRunners",
    "add_queue_runner", "batch", "batch_join", "input_producer", "limit_epochs", "match_filenames_once", "maybe_batch",
    "maybe_batch_join", "maybe_shuffle_batch", "maybe_shuffle_batch_join", "range_input_producer", "shuffle_batch",
    "shuffle_batch_join", "slice_input_producer", "start_queue_runners", "string_input_producer",
]  # fmt: skip
