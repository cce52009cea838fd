"""tf.contrib.data: functions for `Dataset.apply`."""

from npslim.data.pipeline import Dataset


def unbatch():
    """As `Dataset.unbatch`."""
    return lambda dataset: dataset.unbatch()


def batch_and_drop_remainder(batch_size):
    """As `Dataset.batch`, a smaller last batch left out."""
    return lambda dataset: dataset.batch(batch_size, drop_remainder=True)


def padded_batch_and_drop_remainder(batch_size, padded_shapes, padding_values=None):
    """As `Dataset.padded_batch`, a smaller last batch left out."""
    return lambda dataset: dataset.padded_batch(batch_size, padded_shapes, padding_values, drop_remainder=True)


def shuffle_and_repeat(buffer_size, count=None, seed=None):
    """As `Dataset.shuffle` and then `repeat`; no element of an epoch comes before the end of the one before."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def map_and_batch(
    map_func, batch_size, num_parallel_batches=None, drop_remainder=False, num_parallel_calls=None
):  # fmt: skip
    """As `Dataset.map` and then `batch`. num_parallel_batches: the threads of so many batches."""
    if num_parallel_calls is None and num_parallel_batches is not None:
        num_parallel_calls = batch_size * num_parallel_batches
    return lambda dataset: dataset.map(map_func, num_parallel_calls).batch(batch_size, drop_remainder)


def parallel_interleave(
    map_func, cycle_length, block_length=1, sloppy=False, buffer_output_elements=None, prefetch_input_elements=None
):
    """As `Dataset.interleave`. The other arguments change nothing: the order is always the same."""
    return lambda dataset: dataset.interleave(map_func, cycle_length, block_length)


def enumerate_dataset(start=0):
    """As `Dataset.enumerate`."""
    return lambda dataset: dataset.enumerate(start)


def ignore_errors():
    """The same elements, without those whose function fails, or the rest of a file that cannot be read."""

    def apply(dataset):
        return Dataset(dataset.element, lambda context: dataset.stream(context.forgiving()), [dataset])

    return apply


def prefetch_to_device(device, buffer_size=None):
    """As `Dataset.prefetch`: a session has one device."""
    return lambda dataset: dataset.prefetch(buffer_size)


def Counter(start=0, step=1):  # noqa: N802 - TensorFlow's name
    """The numbers from `start` on by `step`, without an end."""
    return Dataset.range(start, 1 << 62 if step > 0 else -(1 << 62), step)
