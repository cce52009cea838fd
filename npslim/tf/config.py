"""Settings that old programs pass to sessions. They are taken and kept; npslim's own are arguments of `Session`."""

import types


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
