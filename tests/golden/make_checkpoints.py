"""Write files/sharded_v{1,2}, checkpoints in two shards with a variable in three parts, files/many, one of many
variables, and checkpoints.npz: the values of the former and of files/ckpt_v{1,2}, which TensorFlow 2.15.1 wrote.

    python tests/golden/make_checkpoints.py FILES.NPZ

Needs TensorFlow 2, and nothing of npslim. FILES.NPZ holds the values of files/ckpt_v{1,2} under `ckpt/<name>`, and what
the net they were saved from makes of an input.
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
HERE = Path(__file__).parent
RNG = np.random.RandomState(3)


def variables(version):
    for name, device in (("a", "/cpu:0"), ("b", "/cpu:1"), ("c", "/cpu:0")):
        with tf.device(device):
            tf.get_variable(name, initializer=RNG.randn(3, 2).astype(np.float32))
    with tf.device("/cpu:1"):
        parts = tf.get_variable(
            "parts/w", [5, 6], tf.float64, tf.random_uniform_initializer(seed=1),
            partitioner=tf.fixed_size_partitioner(3, axis=1),
        )  # fmt: skip
        tf.get_variable("int64", initializer=np.array([-1, 2**40, -(2**50)]))
        tf.get_variable("int8", initializer=np.array([-3, 7], np.int8))
        tf.get_variable("complex64", initializer=np.array([1 - 2j, 3], np.complex64))
        if version == 2:
            tf.get_variable("half", initializer=np.array([1.5, -2], np.float16))
    return parts


def many():
    (HERE / "files/many").mkdir(exist_ok=True)
    with tf.Graph().as_default(), tf.Session() as session:
        for i in range(300):
            shape = (1 + i % 3,) * (i % 4)
            tf.get_variable(f"block_{i % 17}/{'unit' * (i % 5)}/weights_{i}", initializer=np.full(shape, i, np.float32))
        tf.get_variable("text", initializer=np.array(["abc", "", "x" * 200]))
        tf.get_variable("numbers", initializer=np.array([1j, 2]))
        tf.get_variable("empty", initializer=np.zeros((0, 3), np.int64))
        tf.get_variable("half", initializer=np.array([1.5, -2], np.float16))
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver()
        saver.save(session, str(HERE / "files/many/model.ckpt"), write_meta_graph=False, write_state=False)


def main(given):
    many()
    values = {}
    for version, kind in ((1, tf.train.SaverDef.V1), (2, tf.train.SaverDef.V2)):
        folder = HERE / "files" / f"sharded_v{version}"
        folder.mkdir(exist_ok=True)
        with tf.Graph().as_default():
            parts = variables(version)
            whole = parts.as_tensor()
            config = tf.ConfigProto(device_count={"CPU": 2}, allow_soft_placement=True)
            with tf.Session(config=config) as session:
                session.run(tf.global_variables_initializer())
                saver = tf.train.Saver(sharded=True, write_version=kind)
                saver.save(session, str(folder / "model.ckpt"), 5, write_meta_graph=False, write_state=False)
                found = {v.op.name: v for v in tf.global_variables() if not v.op.name.startswith("parts")}
                for name, value in session.run({**found, "parts/w": whole}).items():
                    values[f"sharded_v{version}/{name}"] = value
    with np.load(given, allow_pickle=True) as file:
        for key in file.files:
            if key.startswith("ckpt/"):
                values[key] = file[key]
        values |= {"input": file["ckpt_input_x"], "output": file["ckpt_output"]}
    np.savez_compressed(HERE / "checkpoints.npz", **values)


if __name__ == "__main__":
    main(sys.argv[1])
