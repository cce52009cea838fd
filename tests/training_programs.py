"""Small trainings with everything in them that a resumed run could get wrong.

As a program it serves: for each line "LOGDIR STEPS SAVE_EVERY" it forks a process that trains, for tests to kill.
"""

import hashlib
import importlib
import os
import sys
import traceback

import numpy as np

import npslim as slim
from npslim import queues, schedules
from npslim.hdf5 import Reader
from npslim.resume import LOCAL

X = np.random.default_rng(0).normal(size=(30, 5, 5, 1)).astype(np.float32)
Y = (X.sum((1, 2, 3)) > 0).astype(np.int32)

OPTIMIZERS = {
    "GradientDescent": slim.GradientDescentOptimizer,
    "Momentum": lambda rate: slim.MomentumOptimizer(rate, 0.9),
    "Nesterov": lambda rate: slim.MomentumOptimizer(rate, 0.9, use_nesterov=True),
    "Adam": slim.AdamOptimizer,
    "Adagrad": slim.AdagradOptimizer,
    "Adadelta": slim.AdadeltaOptimizer,
    "RMSProp": lambda rate: slim.RMSPropOptimizer(rate, momentum=0.5),
    "RMSProp, centered": lambda rate: slim.RMSPropOptimizer(rate, momentum=0.5, centered=True),
    "Ftrl": lambda rate: slim.FtrlOptimizer(rate, l1_regularization_strength=0.01),
    "ProximalGradientDescent": lambda rate: slim.ProximalGradientDescentOptimizer(rate, 0.01),
    "ProximalAdagrad": lambda rate: slim.ProximalAdagradOptimizer(rate, l2_regularization_strength=0.01),
    "AdagradDA": lambda rate: slim.AdagradDAOptimizer(rate, slim.get_or_create_global_step()),
    "MovingAverage": lambda rate: slim.MovingAverageOptimizer(slim.MomentumOptimizer(rate, 0.9), 0.8),
}
SCHEDULES = {
    "constant": lambda step: 0.05,
    "exponential": lambda step: schedules.exponential_decay(0.05, step, 4, 0.7),
    "staircase": lambda step: schedules.exponential_decay(0.05, step, 4, 0.7, staircase=True),
    "natural_exp": lambda step: schedules.natural_exp_decay(0.05, step, 4, 0.7),
    "inverse_time": lambda step: schedules.inverse_time_decay(0.05, step, 4, 0.7),
    "polynomial": lambda step: schedules.polynomial_decay(0.05, step, 7, 0.001, power=2.0, cycle=True),
    "piecewise": lambda step: schedules.piecewise_constant(step, [3, 6], [0.05, 0.02, 0.01]),
    "cosine": lambda step: schedules.cosine_decay(0.05, step, 9),
    "cosine_restarts": lambda step: schedules.cosine_decay_restarts(0.05, step, 3),
    "linear_cosine": lambda step: schedules.linear_cosine_decay(0.05, step, 9),
    "noisy_linear_cosine": lambda step: schedules.noisy_linear_cosine_decay(0.05, step, 9),
}


def augmented(image):
    """The image moved and flipped at random."""
    image = slim.pad(image, [[1, 1], [1, 1], [0, 0]])
    corner = slim.random_uniform([2], 0, 3, dtype=slim.int32)
    image = slim.slice(image, slim.concat([corner, [0]], 0), [5, 5, 1])
    return slim.where(slim.random_uniform([]) < 0.5, image, slim.reverse(image, [1]))


def from_queues(threads=3):
    """Batches of images and labels, shuffled twice, from several threads."""
    image, label = queues.slice_input_producer([X, Y], seed=4)
    return queues.shuffle_batch([augmented(image), label], 6, 25, 9, num_threads=threads, seed=5)


def from_dataset(threads=3):
    """The same by a dataset."""
    from npslim.data.pipeline import Dataset

    data = Dataset.from_tensor_slices((X, Y)).shuffle(13, seed=4).map(lambda x, y: (augmented(x), y), threads)
    return data.repeat().batch(6, drop_remainder=True).prefetch(2).make_one_shot_iterator().get_next()


def define(optimizer="Momentum", schedule="exponential", source=from_queues, seed=3):
    """A train op of a small convolutional net with batch norm, dropout, a moving average and a streaming metric."""
    if seed is not None:
        slim.set_random_seed(seed)
    images, labels = source()
    step = slim.get_or_create_global_step()
    with slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm, normalizer_params={"decay": 0.8}):
        x = slim.conv2d(images, 4, 3)
    x = slim.dropout(slim.flatten(x), 0.7)
    logits = slim.fully_connected(x, 2, activation_fn=None)
    loss = slim.losses.sparse_softmax_cross_entropy(logits, labels)
    seen = slim.metrics.streaming_accuracy(slim.argmax(logits, 1), slim.cast(labels, slim.int64))[1]
    average = slim.ExponentialMovingAverage(0.7, step)
    updates = [
        *slim.get_collection(slim.GraphKeys.UPDATE_OPS),
        seen,
        average.apply([loss, *slim.get_model_variables()]),
    ]
    optimizer = OPTIMIZERS[optimizer](SCHEDULES[schedule](step))
    return slim.learning.create_train_op(loss, optimizer, update_ops=updates)


def train(logdir, steps, save_every=None, losses=None, **options):
    """Train to step `steps`, saving every so many steps; `losses` gets the loss of each step."""
    saver = {}

    def step_fn(session, train_op, global_step, kwargs):
        loss, stop = slim.learning.train_step(session, train_op, global_step, kwargs)
        if losses is not None:
            losses.append(float(loss))
        step = int(session.run(global_step))
        if save_every and step % save_every == 0 and step < steps:
            saver["saver"].save(session._session if hasattr(session, "_session") else session,
                                os.path.join(logdir, "model.ckpt"), step)  # fmt: skip
        return loss, stop

    with slim.Graph().as_default():
        train_op = define(**options)
        saver["saver"] = slim.Saver(max_to_keep=3)
        return slim.learning.train(
            train_op, str(logdir), number_of_steps=steps, log_every_n_steps=0, train_step_fn=step_fn,
            saver=saver["saver"], save_summaries_secs=None,
        )  # fmt: skip


def state(logdir, step):
    """{name: CRC-32} of all variables and metrics of a checkpoint, and how often what is in the step has drawn."""
    with Reader(os.path.join(logdir, f"model.ckpt-{step}.h5")) as reader:
        reader.verify()
        names = reader.names() + [name for name in reader.hidden() if name.startswith(f"{LOCAL}accuracy")]
        return {name: reader.crc32(name) for name in names}, reader.meta["draws"]


def digest(logdir, step):
    """One number for `state`."""
    return hashlib.sha256(repr(state(logdir, step)).encode()).hexdigest()


def serve():
    """Train in forked processes: prints the pid of each, and when it has ended its status."""
    for module in ("h5py", "tensorboardX"):  # once, not in each process
        importlib.import_module(module)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _train_and_exit(*line.split())
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _train_and_exit(folder, steps, save_every):
    """Train; the errors go to `<folder>.err`, the digest of the end to `<folder>.out`."""
    status = 1
    with open(f"{folder}.err", "w", encoding="utf-8", buffering=1) as errors:
        os.dup2(errors.fileno(), 2)
        try:
            train(folder, int(steps), int(save_every))
            with open(f"{folder}.out", "w", encoding="utf-8") as out:
                out.write(digest(folder, int(steps)))
            status = 0
        except SystemExit as stop:
            status = stop.code
        except KeyboardInterrupt:
            status = 130
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)


if __name__ == "__main__":
    serve()
