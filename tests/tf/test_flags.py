"""`tf.app.flags`, `tf.app.run`, `tf.gfile`, `tf.logging`, HParams."""

import logging
import os
import subprocess
import sys
import textwrap

import pytest

import npslim.tf as tf
from npslim.tf import flags as flags_module


@pytest.fixture
def flags():
    values = flags_module.FlagValues()
    flags_module.DEFINE_string("name", "a", "A name.", flag_values=values)
    flags_module.DEFINE_integer("steps", 10, "How many.", lower_bound=1, flag_values=values)
    flags_module.DEFINE_float("rate", 1, "How fast.", flag_values=values)
    flags_module.DEFINE_boolean("verbose", False, "Say more.", flag_values=values)
    flags_module.DEFINE_enum("mode", "train", ["train", "eval"], "What.", flag_values=values)
    flags_module.DEFINE_list("sizes", "1,2", "Sizes.", flag_values=values)
    flags_module.DEFINE_multi_integer("gpu", None, "GPUs.", flag_values=values)
    return values


@pytest.mark.parametrize("line, expected", [
    ("--name=b --steps 3", {"name": "b", "steps": 3}),
    ("-steps=4 --verbose", {"steps": 4, "verbose": True}),
    ("--verbose --noverbose", {"verbose": False}),
    ("--verbose=true --rate 2", {"verbose": True, "rate": 2.0}),
    ("--mode=eval --sizes=3,4,5", {"mode": "eval", "sizes": ["3", "4", "5"]}),
    ("--gpu=1 --gpu 2", {"gpu": [1, 2]}),
    ("--rate=-1e-3", {"rate": -1e-3}),
    ("", {"name": "a", "steps": 10, "rate": 1.0, "verbose": False, "mode": "train", "sizes": ["1", "2"], "gpu": None}),
])  # fmt: skip
def test_a_command_line(flags, line, expected):
    assert flags(["program", *line.split()]) == ["program"]
    assert {key: getattr(flags, key) for key in expected} == expected


def test_what_is_no_flag_is_left(flags):
    assert flags(["program", "file", "--steps=2", "-", "--", "--name=x"]) == ["program", "file", "-", "--name=x"]
    assert flags.name == "a" and flags.steps == 2


@pytest.mark.parametrize("line, message", [
    ("--stepz=3", "Unknown command line flag 'stepz'"),
    ("--steps=x", "flag --steps=x: not an integer"),
    ("--steps=0", "not in"),
    ("--steps", "needs a value"),
    ("--mode=test", "value should be one of <train.eval>"),
    ("--verbose=maybe", "not a boolean"),
])  # fmt: skip
def test_bad_command_lines(flags, line, message):
    with pytest.raises(flags_module.FlagsError, match=message):
        flags(["program", *line.split()])


def test_values_can_be_set_and_listed(flags):
    flags(["program"])
    flags.steps = 7
    assert flags.flag_values_dict()["steps"] == 7 and getattr(flags, "__flags")["steps"] == 7 and "steps" in flags
    assert "--[no]verbose: Say more." in flags.get_help()
    with pytest.raises(AttributeError, match="no flag step. Did you mean steps"):
        _ = flags.step
    with pytest.raises(flags_module.DuplicateFlagError, match="defined twice"):
        flags_module.DEFINE_string("name", "b", "Another.", flag_values=flags)


def test_required_and_validated(flags):
    flags_module.DEFINE_string("data", None, "Where.", flag_values=flags)
    flags_module.mark_flag_as_required("data", flags)
    with pytest.raises(flags_module.FlagsError, match="must have a value"):
        flags(["program"])
    flags_module.register_validator("steps", lambda n: n % 2 == 0, "must be even", flags)
    with pytest.raises(flags_module.FlagsError, match="must be even"):
        flags(["program", "--data=x", "--steps=3"])


def test_app_run_in_a_program(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        textwrap.dedent("""
        import npslim.tf as tf
        flags = tf.app.flags
        flags.DEFINE_integer("steps", 5, "How many.")
        FLAGS = flags.FLAGS
        def main(argv):
            print("steps", FLAGS.steps, argv[1:])
            return 3
        if __name__ == "__main__":
            tf.app.run()
    """)
    )

    def start(*arguments):
        return subprocess.run([sys.executable, str(program), *arguments], capture_output=True, text=True)

    done = start("--steps=7", "more")
    assert done.returncode == 3 and done.stdout == "steps 7 ['more']\n"
    assert start("--help").stdout.count("--steps: How many.") == 1
    failed = start("--steps=x")
    assert failed.returncode == 1 and "not an integer" in failed.stderr and "Traceback" not in failed.stderr


def test_files(tmp_path):
    folder = str(tmp_path / "a" / "b")
    tf.gfile.MakeDirs(folder)
    path = os.path.join(folder, "x.txt")
    with tf.gfile.GFile(path, "w") as file:
        file.write("one\ntwo\n")
    assert tf.gfile.Exists(path) and not tf.gfile.IsDirectory(path) and tf.gfile.IsDirectory(folder)
    assert tf.gfile.FastGFile(path, "rb").read() == b"one\ntwo\n" and list(tf.gfile.Open(path)) == ["one\n", "two\n"]
    with tf.gfile.GFile(path) as file:
        assert (file.readline(), file.tell() > 0, file.size(), file.readlines()) == ("one\n", True, 8, ["two\n"])
    tf.gfile.Copy(path, path + "2")
    with pytest.raises(tf.errors.AlreadyExistsError, match="already exists"):
        tf.gfile.Copy(path, path + "2")
    tf.gfile.Rename(path + "2", path + "3")
    assert tf.gfile.Glob(folder + "/*") == [path, path + "3"]
    assert sorted(tf.io.gfile.listdir(folder)) == ["x.txt", "x.txt3"]
    assert tf.gfile.Stat(path).length == 8 and not tf.gfile.Stat(path).is_directory
    assert [files for _, _, files in tf.gfile.Walk(folder)] != []
    tf.gfile.Remove(path)
    with pytest.raises(tf.errors.NotFoundError, match="No such file"):
        tf.gfile.Remove(path)
    with pytest.raises(tf.errors.NotFoundError, match="No such file"):
        tf.gfile.GFile(path).read()
    tf.gfile.DeleteRecursively(str(tmp_path / "a"))
    assert not tf.gfile.Exists(folder)


def test_logging(caplog):
    tf.logging.set_verbosity(tf.logging.INFO)
    assert tf.logging.get_verbosity() == tf.logging.INFO
    with caplog.at_level(logging.INFO, "npslim"):
        tf.logging.info("step %d", 3)
        for _ in range(5):
            tf.logging.log_every_n(tf.logging.INFO, "every", 2)
            tf.logging.log_first_n(tf.logging.INFO, "first", 1)
    assert caplog.messages == ["step 3", "every", "first", "every", "every"]


def test_hyperparameters():
    h = tf.contrib.training.HParams(rate=0.1, depth=3, sizes=[1, 2], name="x", flip=False)
    assert h.parse("rate=1e-2,depth=5,sizes=[4,5,6],flip=true,name=net") is h
    assert (h.rate, h.depth, h.sizes, h.flip, h.name) == (0.01, 5, [4, 5, 6], True, "net")
    h.parse("sizes[1]=9").set_hparam("rate", 1)
    assert h.sizes == [4, 9, 6] and h.rate == 1.0 and "depth" in h and h.get("nothing", 7) == 7
    other = tf.contrib.training.HParams(rate=0.0, depth=0).parse_json('{"rate": 0.5}')
    assert other.values() == {"rate": 0.5, "depth": 0}
    for text, message in [("depth=x", "Could not parse"), ("height=3", "Unknown hyperparameter: height"),
                          ("depth", "Malformed"), ("sizes=[a]", "Could not parse")]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            h.parse(text)
    with pytest.raises(ValueError, match="reserved"):
        h.add_hparam("rate", 3)
