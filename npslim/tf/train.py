"""`tf.train`: optimizers, schedules, checkpoints, queues, sessions that train, and Examples."""

from npslim.checkpoint import Saver, checkpoint_exists, latest_checkpoint
from npslim.checkpoint_reader import (
    NewCheckpointReader,
    get_checkpoint_state,
    init_from_checkpoint,
    list_variables,
    load_checkpoint,
    load_variable,
    update_checkpoint_state,
)
from npslim.data.example import (
    BytesList,
    Example,
    Feature,
    FeatureList,
    FeatureLists,
    Features,
    FloatList,
    Int64List,
    SequenceExample,
)
from npslim.evaluation import checkpoints_iterator
from npslim.graph_def.export import write_graph
from npslim.graph_def.messages import SaverDef
from npslim.graph_def.meta import import_meta_graph
from npslim.graph_def.meta_export import export_meta_graph
from npslim.hooks import (
    CheckpointSaverHook,
    CheckpointSaverListener,
    FeedFnHook,
    FinalOpsHook,
    GlobalStepWaiterHook,
    LoggingTensorHook,
    NanLossDuringTrainingError,
    NanTensorHook,
    SecondOrStepTimer,
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
    StepCounterHook,
    StopAtStepHook,
    SummarySaverHook,
)
from npslim.monitored import (
    ChiefSessionCreator,
    MonitoredSession,
    MonitoredTrainingSession,
    Scaffold,
    SingularMonitoredSession,
    WorkerSessionCreator,
)
from npslim.moving_averages import ExponentialMovingAverage
from npslim.optimizers import (
    AdadeltaOptimizer,
    AdagradDAOptimizer,
    AdagradOptimizer,
    AdamOptimizer,
    FtrlOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    Optimizer,
    ProximalAdagradOptimizer,
    ProximalGradientDescentOptimizer,
    RMSPropOptimizer,
)
from npslim.queues import (
    Coordinator,
    LooperThread,
    QueueRunner,
    add_queue_runner,
    batch,
    batch_join,
    input_producer,
    limit_epochs,
    match_filenames_once,
    maybe_batch,
    maybe_batch_join,
    maybe_shuffle_batch,
    maybe_shuffle_batch_join,
    range_input_producer,
    shuffle_batch,
    shuffle_batch_join,
    slice_input_producer,
    start_queue_runners,
    string_input_producer,
)
from npslim.queues import runner as queue_runner
from npslim.replicas import SyncReplicasOptimizer
from npslim.schedules import (
    cosine_decay,
    cosine_decay_restarts,
    exponential_decay,
    inverse_time_decay,
    linear_cosine_decay,
    natural_exp_decay,
    noisy_linear_cosine_decay,
    piecewise_constant,
    polynomial_decay,
)
from npslim.supervisor import SessionManager, Supervisor
from npslim.tf.config import ClusterSpec, Server, replica_device_setter
from npslim.tf.missing import reporter
from npslim.tf_summary import FileWriter, summary_iterator
from npslim.variables import (
    assert_global_step,
    create_global_step,
    get_global_step,
    get_or_create_global_step,
)

piecewise_constant_decay = piecewise_constant


def SummaryWriter(*args, **kwargs):  # noqa: N802 - its name before TensorFlow 1.0
    """See `tf.summary.FileWriter`."""
    return FileWriter(*args, **kwargs)


def global_step(sess, global_step_tensor):
    """The number that the global step is at. See `Session.run`."""
    return int(sess.run(global_step_tensor))


__getattr__ = reporter(__name__, lambda: globals())
