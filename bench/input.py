"""Records per second that input pipelines give on one thread: npslim's queues and Datasets, and TensorFlow's.

python bench/input.py --peer PYTHON --peer-path FOLDER [--rounds 5] [--seconds 2]

One TFRecord file for each case, read by both from the page cache. Each library runs in a process of its own, its
iterators and queues at one thread, and the two take turns. Cases:

    raw        records of 1 kB, as strings, batches of 64
    examples   Examples with an image's raw 28 x 28 bytes, a float vector and a label, parsed one by one, batches of 64
    many       the same, batches of 64 parsed at once
    pictures   Examples with a JPEG of 160 x 120, decoded, scaled to 64 x 64 and batched by 32

What is told: medians of records per second of process CPU time, and of wall-clock time. Results go to bench/results/.
"""

import argparse
import importlib
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
CASES = {"raw": 4000, "examples": 2000, "many": 4000, "pictures": 400}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

# ---- the files


def write_files(folder):
    """One file for each case."""
    data = importlib.import_module("npslim.data.tfrecord")
    rng = np.random.default_rng(0)
    makers = {"raw": lambda: rng.bytes(1000), "examples": lambda: small_example(rng), "pictures": lambda: picture(rng)}
    for case, make in makers.items():
        with data.TFRecordWriter(os.path.join(folder, case)) as writer:
            for _ in range(CASES[case]):
                writer.write(make())
    os.link(os.path.join(folder, "examples"), os.path.join(folder, "many"))


def small_example(rng):
    """An Example of three features, serialized."""
    return example_of(image=rng.bytes(784), x=rng.normal(size=16).astype(np.float32), label=int(rng.integers(10)))


def picture(rng):
    """An Example with a JPEG, serialized."""
    pixels = np.kron(rng.integers(0, 256, (15, 20, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    file = io.BytesIO()
    importlib.import_module("PIL.Image").fromarray(pixels).save(file, "JPEG", quality=90)
    return example_of(image=file.getvalue(), label=int(rng.integers(10)))


def example_of(**values):
    """The bytes of an Example."""
    example = importlib.import_module("npslim.data.example")
    features = {}
    for name, value in values.items():
        if isinstance(value, bytes):
            features[name] = example.Feature(bytes_list=example.BytesList([value]))
        elif isinstance(value, int):
            features[name] = example.Feature(int64_list=example.Int64List([value]))
        else:
            features[name] = example.Feature(float_list=example.FloatList(value))
    return example.Example(example.Features(features)).SerializeToString()


# ---- one library, in a process of its own


def npslim_datasets(path, case):
    """Batches of npslim's Dataset: (how to get one, how many records it has)."""
    tf = importlib.import_module("npslim.tf")
    return pipeline(tf, path, case, tf.Session())


def tensorflow():
    """TensorFlow's module, and a session of one thread."""
    importlib.import_module("tfshim")
    tf = importlib.import_module("tensorflow.compat.v1")
    tf.disable_v2_behavior()
    config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    return tf, lambda: tf.Session(config=config)


def tensorflow_datasets(path, case):
    """Batches of TensorFlow's Dataset."""
    tf, session = tensorflow()
    return pipeline(tf, path, case, session())


def tensorflow_queues(path, case):
    """Batches of TensorFlow's queues."""
    tf, session = tensorflow()
    return queued(tf, path, case, session)


def pipeline(tf, path, case, session):
    """The same program for both."""
    features = {"image": tf.FixedLenFeature([], tf.string), "label": tf.FixedLenFeature([], tf.int64)}
    if case != "pictures":
        features["x"] = tf.FixedLenFeature([16], tf.float32)

    def parse(record):
        found = tf.parse_single_example(record, features)
        if case == "pictures":
            image = tf.image.resize_images(tf.image.decode_jpeg(found["image"], 3), [64, 64])
            return image, found["label"]
        return tf.decode_raw(found["image"], tf.uint8), found["x"], found["label"]

    def parse_many(records):
        found = tf.parse_example(records, features)
        return tf.decode_raw(found["image"], tf.uint8), found["x"], found["label"]

    data, size = tf.data.TFRecordDataset(path).repeat(), 32 if case == "pictures" else 64
    if case in ("raw", "many"):
        data = data.batch(size)
    if case != "raw":
        data = data.map(parse_many) if case == "many" else data.map(parse).batch(size)
    following = data.make_one_shot_iterator().get_next()
    return session.make_callable(following), size


def npslim_queues(path, case):
    """Batches of npslim's queues."""
    tf = importlib.import_module("npslim.tf")
    return queued(tf, path, case, tf.Session)


def queued(tf, path, case, session):
    """The same program for both."""
    names = tf.train.string_input_producer([path], shuffle=False)
    _, record = tf.TFRecordReader().read(names)
    features = {"image": tf.FixedLenFeature([], tf.string), "label": tf.FixedLenFeature([], tf.int64)}
    if case == "raw":
        return started(tf, session, tf.train.batch([record], 64, capacity=256)), 64
    if case == "many":
        features["x"] = tf.FixedLenFeature([16], tf.float32)
        records = tf.train.batch([record], 64, capacity=256)
        found = tf.parse_example(records, features)
        return started(tf, session, [tf.decode_raw(found["image"], tf.uint8), found["x"], found["label"]]), 64
    if case == "examples":
        features["x"] = tf.FixedLenFeature([16], tf.float32)
        found = tf.parse_single_example(record, features)
        image = tf.reshape(tf.decode_raw(found["image"], tf.uint8), [784])
        return started(tf, session, tf.train.batch([image, found["x"], found["label"]], 64, capacity=256)), 64
    found = tf.parse_single_example(record, features)
    image = tf.image.resize_images(tf.image.decode_jpeg(found["image"], 3), [64, 64])
    return started(tf, session, tf.train.batch([image, found["label"]], 32, capacity=128)), 32


def started(tf, session, fetches):
    """A call that gives the next batch, its queues at work."""
    session = tf.Session()
    tf.train.start_queue_runners(session, tf.train.Coordinator())
    return session.make_callable(fetches)


LIBRARIES = {
    "npslim Dataset": npslim_datasets, "npslim queues": npslim_queues, "tf.data": tensorflow_datasets,
    "TF queues": tensorflow_queues,
}  # fmt: skip


def serve(library, case, path, seconds):
    """Answer each line of stdin by the records, CPU seconds and wall seconds of one round."""
    call, size = LIBRARIES[library](path, case)
    for _ in range(3):
        call()
    print("ready", flush=True)
    for _ in sys.stdin:
        count, cpu, wall = 0, time.process_time(), time.perf_counter()
        while time.perf_counter() - wall < seconds:
            call()
            count += size
        print(json.dumps([count, time.process_time() - cpu, time.perf_counter() - wall]), flush=True)
    os._exit(0)  # threads that wait for room in queues


# ---- all of them in turn


def start(library, case, path, args):
    """The process of a library, once it is ready."""
    python, folder = (
        (args.peer, args.peer_path) if library in ("tf.data", "TF queues") else (sys.executable, str(HERE.parent))
    )
    environment = {**os.environ, "PYTHONPATH": folder, "TF_CPP_MIN_LOG_LEVEL": "3", **dict.fromkeys(THREADS, "1")}
    command = [python, __file__, "--serve", library, "--case", case, "--path", path, "--seconds", str(args.seconds)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    )
    answer = process.stdout.readline().strip()
    if answer != "ready":
        raise RuntimeError(f"{library}, {case}: {answer or 'no answer'}")
    return process


def measured(case, path, args):
    """{library: (records per CPU second, records per second)} of one case, medians."""
    processes = {library: start(library, case, path, args) for library in LIBRARIES}
    found = {library: [] for library in LIBRARIES}
    for _ in range(args.rounds):
        for library, process in processes.items():
            process.stdin.write("go\n")
            process.stdin.flush()
            count, cpu, wall = json.loads(process.stdout.readline())
            found[library].append((count / cpu, count / wall))
    for process in processes.values():
        process.stdin.close()
        process.wait()
    return {lib: [round(statistics.median(x)) for x in zip(*runs, strict=True)] for lib, runs in found.items()}


def table(results):
    """Markdown."""
    lines = ["| case | tf.data | npslim Dataset | ratio | TF queues | npslim queues | ratio |", "| --- " * 7 + "|"]
    for case, found in results.items():
        row = [case]
        for peer, mine in (("tf.data", "npslim Dataset"), ("TF queues", "npslim queues")):
            row += [f"{found[peer][0]:,}", f"{found[mine][0]:,}", f"{found[mine][0] / found[peer][0]:.2f}"]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def main():
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer")
    parser.add_argument("--peer-path", default="")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--cases", nargs="+", default=list(CASES))
    parser.add_argument("--serve")
    parser.add_argument("--case")
    parser.add_argument("--path")
    args = parser.parse_args()
    if args.serve:
        return serve(args.serve, args.case, args.path, args.seconds)
    with tempfile.TemporaryDirectory() as folder:
        write_files(folder)
        results = {case: measured(case, os.path.join(folder, case), args) for case in args.cases}
    text = table(results) + (
        f"\nRecords per second of CPU time, one thread each, medians of {args.rounds} rounds of {args.seconds:g} s.\n"
        f"{os.cpu_count()} cores {platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}.\n"
    )
    print(text)
    if set(args.cases) == set(CASES):
        (HERE / "results" / "input.md").write_text(text)
        (HERE / "results" / "input.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
