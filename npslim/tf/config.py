"""Settings that old programs pass to sessions. They are taken and kept; npslim's own are arguments of `Session`."""

import enum
import types

from npslim.errors import InvalidArgumentError, UnimplementedError
from npslim.tf.missing import PAGE


class Settings:
    """Named values, given at the start or set later; what was never set is false, as in a protocol buffer.

    A field in `parts` is itself such an object, made when first asked for.
    """

    parts = {}
    constants = ()

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name in type(self).parts:
            value = self.__dict__[name] = type(self).parts[name]()
            return value
        return 0

    def __repr__(self):
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({fields})"

    def CopyFrom(self, other):  # noqa: N802 - a protocol buffer's name
        """Take all fields of `other`."""
        self.__dict__.clear()
        self.__dict__.update(other.__dict__)


class GPUOptions(Settings):
    """`allow_growth`, `per_process_gpu_memory_fraction` and so on: CuPy's pool needs none of them."""


class OptimizerOptions(Settings):
    """How TensorFlow rewrites graphs; `Session(kernels=...)` chooses npslim's ways."""

    OFF, ON_1, ON_2, L0, L1 = -1, 1, 2, -1, 0


class GraphOptions(Settings):
    """Holds `optimizer_options`."""

    parts = {"optimizer_options": OptimizerOptions, "rewrite_options": Settings}


class ConfigProto(Settings):
    """`allow_soft_placement`, `log_device_placement`, `gpu_options` ...: taken by `Session`, and without effect."""

    parts = {"gpu_options": GPUOptions, "graph_options": GraphOptions, "device_count": dict}


class RunOptions(Settings):
    """`trace_level` and so on."""

    NO_TRACE, SOFTWARE_TRACE, HARDWARE_TRACE, FULL_TRACE = 0, 1, 2, 3


class RunMetadata(Settings):
    """What TensorFlow would fill in; it stays empty."""

    parts = {"step_stats": Settings}


class ClusterSpec:
    """The jobs of a cluster and their addresses, from {job: list of addresses}."""

    def __init__(self, cluster):
        cluster = cluster.as_dict() if isinstance(cluster, ClusterSpec) else cluster
        self._jobs = {job: list(tasks.values() if isinstance(tasks, dict) else tasks) for job, tasks in cluster.items()}

    @property
    def jobs(self):
        """The names of the jobs."""
        return list(self._jobs)

    def as_dict(self):
        """{job: list of addresses}."""
        return dict(self._jobs)

    def num_tasks(self, job_name):
        """How many tasks the job has. Raises ValueError for an unknown job."""
        return len(self.job_tasks(job_name))

    def job_tasks(self, job_name):
        """The addresses of the job's tasks. Raises ValueError for an unknown job."""
        if job_name not in self._jobs:
            raise ValueError(f"No such job in cluster: {job_name!r}; there are {', '.join(self._jobs)}.")
        return list(self._jobs[job_name])


def replica_device_setter(
    ps_tasks=0, ps_device="/job:ps", worker_device="/job:worker", merge_devices=True, cluster=None, ps_ops=None,
    ps_strategy=None,
):  # fmt: skip
    """A device function that spreads variables over `ps_tasks` tasks in turn; None if there are none.

    npslim notes devices and runs everything in one process.
    """
    if cluster is not None:
        cluster = ClusterSpec(cluster)
        job = ps_device.split("/job:", 1)[1].split("/")[0]
        ps_tasks = cluster.num_tasks(job) if job in cluster.jobs else 0
    if not ps_tasks:
        return None
    placed = types.SimpleNamespace(count=0)
    variables = ps_ops or ("Variable", "VariableV2", "VarHandleOp", "HashTable")

    def device(node):
        if node.type not in variables:
            return worker_device
        task, placed.count = placed.count % ps_tasks, placed.count + 1
        return f"{ps_device}/task:{task}"

    return device


class Server:
    """A server of a cluster of one process: `target` is what a Session takes.

    Raises UnimplementedError where the cluster has more tasks: npslim computes in one process.
    """

    def __init__(self, server_or_cluster_def, job_name=None, task_index=None, protocol=None, config=None, start=True):
        self.server_def = ClusterSpec(server_or_cluster_def)
        tasks = [f"/job:{job}/task:{i}" for job in self.server_def.jobs for i in range(self.server_def.num_tasks(job))]
        if len(tasks) != 1:
            raise UnimplementedError(
                "npslim computes in one process.", expected="a cluster of one task", got=", ".join(tasks) or "none",
                hint=f"run the worker alone, with SyncReplicasOptimizer for larger batches; see {PAGE}",
            )  # fmt: skip

    @classmethod
    def create_local_server(cls, config=None, start=True):
        """A server of a cluster that is this process."""
        return cls({"local": ["localhost:0"]}, config=config, start=start)

    @property
    def target(self):
        """What a Session takes: this process."""
        return ""

    def start(self):
        """Nothing: it runs."""

    def join(self):
        """Nothing: there is nobody to wait for."""


class DeviceSpec:
    """The name of a device in parts: `/job:j/replica:r/task:t/device:TYPE:i`."""

    def __init__(self, job=None, replica=None, task=None, device_type=None, device_index=None):
        self.job, self.device_type = job, device_type.upper() if device_type else None
        self.replica, self.task, self.device_index = (
            None if x is None else int(x) for x in (replica, task, device_index)
        )

    @classmethod
    def from_string(cls, spec):
        """The parts of a name. Raises ValueError for one that is none."""
        made = cls()
        for part in filter(None, spec.split("/")):
            key, *values = part.split(":")
            if key in ("cpu", "gpu", "CPU", "GPU") and len(values) <= 1:
                key, values = "device", [key, *values]
            if key == "device" and len(values) in (1, 2):
                made.device_type = None if values[0] == "*" else values[0].upper()
                made.device_index = int(values[1]) if len(values) == 2 and values[1] != "*" else None
            elif key in ("job", "replica", "task") and len(values) == 1:
                setattr(made, key, values[0] if key == "job" else int(values[0]))
            else:
                raise InvalidArgumentError(
                    "This is no device.", expected="/job:j/replica:r/task:t/device:GPU:0", got=spec
                )
        return made

    def to_string(self):
        """The name."""
        parts = [f"/{key}:{value}" for key in ("job", "replica", "task") if (value := getattr(self, key)) is not None]
        if self.device_type is not None:
            parts.append(f"/device:{self.device_type}:{'*' if self.device_index is None else self.device_index}")
        return "".join(parts)

    def __str__(self):
        return self.to_string()


class AggregationMethod:
    """How gradients are added up: npslim has one way."""

    ADD_N = DEFAULT = 0
    EXPERIMENTAL_TREE, EXPERIMENTAL_ACCUMULATE_N = 1, 2


class UnconnectedGradients(enum.Enum):
    """What `gradients` gives where nothing depends on x."""

    NONE, ZERO = "none", "zero"


class VariableSynchronization(enum.Enum):
    """When copies of a variable are made equal: there is one."""

    AUTO, NONE, ON_WRITE, ON_READ = range(4)


class VariableAggregation(enum.Enum):
    """How the updates of a variable's copies become one: there is one."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA, ONLY_FIRST_TOWER = 0, 1, 2, 3, 3
