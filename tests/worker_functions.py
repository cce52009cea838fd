"""Functions that worker processes import."""

import os
import signal

import npslim.tf as tf


def decode(record):
    """The number in a record, its square, random numbers of its own, and the process."""
    number = tf.string_to_number(record, tf.float32)
    pid = tf.py_func(lambda x: (_act(float(x)), os.getpid())[1], [number], tf.int64)
    pid.set_shape([])
    return number, number * number, tf.random_uniform([2]), pid


def _act(number):
    if number == 13:
        raise ValueError("thirteen cannot be decoded")
    if number == 17:
        os.kill(os.getpid(), signal.SIGKILL)


def twice(x):
    """One tensor."""
    return x + x


def broken(x):
    """Works where it is traced first, and in no worker."""
    if os.environ.get("NPSLIM_TEST_PARENT") != str(os.getpid()):
        raise LookupError("no such table here")
    return x
