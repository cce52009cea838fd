"""Write tests/golden/datasets.json: what TensorFlow's datasets give for the cases of tests/dataset_cases.py.

    python tools/make_dataset_golden.py [--out tests/golden/datasets.json]

Needs TensorFlow 2, and nothing of npslim.
"""

import argparse
import json
import sys
import tempfile
import types
from pathlib import Path

import tensorflow.compat.v1 as tf

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import dataset_cases


def names():
    """What the cases use of TensorFlow."""
    more = tf.data.experimental
    return types.SimpleNamespace(
        data=tf.data, make_initializable_iterator=tf.data.make_initializable_iterator, Session=tf.Session,
        SparseTensor=tf.SparseTensor, sparse_tensor_to_dense=tf.sparse_tensor_to_dense, cast=tf.cast, equal=tf.equal,
        size=tf.size, string_to_number=tf.string_to_number, int32=tf.int32, int64=tf.int64, float32=tf.float32,
        string=tf.string, unbatch=more.unbatch, map_and_batch=more.map_and_batch, ignore_errors=more.ignore_errors,
        batch_and_drop_remainder=lambda n: lambda dataset: dataset.batch(n, drop_remainder=True),
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="tests/golden/datasets.json")
    options = parser.parse_args()
    tf.disable_v2_behavior()
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        files = dataset_cases.sources(tf, Path(folder))
        for name, make in dataset_cases.CASES.items():
            with tf.Graph().as_default():
                dataset = make(names(), files)
                elements, error = dataset_cases.drained(names(), dataset, tf.errors.OpError)
                described = dataset_cases.described(dataset)
            found[name] = {"described": described, "elements": elements, "error": error}
    with open(options.out, "w", encoding="utf-8") as file:
        json.dump({"about": __doc__.split("\n")[0], "tensorflow": tf.__version__, "cases": found}, file)
    print(f"{len(found)} cases")


if __name__ == "__main__":
    main()
