"""Examples parsed quickly: what the plain kernel gives, to the bit, and nothing where the plain one has its say."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from npslim import wire
from npslim.data.example import BytesList, Example, Feature, Features, FloatList, Int64List
from npslim.errors import OpError
from npslim.fast.examples import parse_examples as quick
from npslim.ops.parsing import Wanted, parse_examples

plain = parse_examples.kernel
TEXT, FLOAT, INT = np.dtype(object), np.dtype(np.float32), np.dtype(np.int64)
LISTS = {TEXT: ("bytes_list", BytesList), FLOAT: ("float_list", FloatList), INT: ("int64_list", Int64List)}
VALUES = {
    TEXT: st.binary(max_size=200),
    FLOAT: st.floats(width=32, allow_nan=False),
    INT: st.one_of(st.integers(0, 200), st.integers(-(2**63), 2**63 - 1)),
}


def strings(records):
    array = np.empty(len(records), object)
    array[:] = records
    return array


@st.composite
def batches(draw):
    """Features, and Examples that have them (and others)."""
    names = draw(st.lists(st.text(max_size=6), min_size=1, max_size=4, unique=True))
    wanted = []
    for name in sorted(names):
        dtype = draw(st.sampled_from([TEXT, FLOAT, INT]))
        kind = draw(st.sampled_from(["fixed", "var"]))
        shape = draw(st.sampled_from([(), (1,), (2,), (3, 2), (20,)])) if kind == "fixed" else ()
        wanted.append(Wanted(kind, name, dtype, shape, None))
    records = []
    for _ in range(draw(st.integers(1, 3))):
        features = {"unwanted": Feature(int64_list=Int64List([300]))}
        for one in wanted:
            count = int(np.prod(one.shape)) if one.kind == "fixed" else draw(st.integers(0, 5))
            word, kind = LISTS[one.dtype]
            values = draw(st.lists(VALUES[one.dtype], min_size=count, max_size=count))
            features[one.name] = Feature(**{word: kind(values)})
        records.append(Example(Features(features)).SerializeToString())
    return tuple(wanted), records


def same(found, expected):
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape
        assert x.tobytes() == y.tobytes() if x.dtype == FLOAT else x.tolist() == y.tolist()  # NaN is not NaN


@hypothesis.settings(max_examples=40, deadline=None, derandomize=True)
@hypothesis.given(batches())
def test_quick_is_plain(batch):
    wanted, records = batch
    serialized = strings(records)
    same(quick(serialized, features=wanted, single=False), plain(serialized, features=wanted, single=False))
    one = np.array(records[0], object)
    same(quick(one, features=wanted, single=True), plain(one, features=wanted, single=True))


@hypothesis.settings(max_examples=80, deadline=None, derandomize=True)
@hypothesis.given(batches(), st.data())
def test_damaged_bytes_are_left_to_the_plain_kernel_or_give_the_same(batch, data):
    wanted, records = batch
    record = bytearray(records[0])
    if record:
        at = data.draw(st.integers(0, len(record) - 1))
        if data.draw(st.booleans()):
            record[at] = data.draw(st.integers(0, 255))
        else:
            del record[at:]
    one = np.array(bytes(record), object)
    found = quick(one, features=wanted, single=True)
    if found is not None:
        try:
            same(found, plain(one, features=wanted, single=True))
        except OpError as error:  # a feature that nobody wants may be damaged
            assert "unwanted" in bytes(record).decode("latin1") or "message" in str(error)


def entry(name, feature):
    return wire.field(1, wire.field(1, name) + wire.field(2, feature))


UNUSUAL = {
    "not packed": entry(b"a", wire.field(3, wire.field(1, 7) + wire.field(1, 8))),
    "twice": entry(b"a", wire.field(3, b"")) + entry(b"a", wire.field(3, wire.field(1, b"\x07\x08"))),
    "value first": wire.field(1, wire.field(2, wire.field(3, wire.field(1, b"\x07\x08"))) + wire.field(1, b"a")),
    "more fields": wire.field(9, 4) + entry(b"a", wire.field(3, wire.field(1, b"\x07\x08"))),
    "two lists": entry(b"a", wire.field(2, b"") + wire.field(3, wire.field(1, b"\x07\x08"))),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_forms_are_left_to_the_plain_kernel(name):
    wanted = (Wanted("fixed", "a", INT, (2,), None),)
    one = np.array(wire.field(1, UNUSUAL[name]), object)
    assert quick(one, features=wanted, single=True) is None
    assert plain(one, features=wanted, single=True)[0].tolist() == [7, 8]


def test_defaults_sequences_and_errors_are_left_to_the_plain_kernel():
    record = strings([Example(Features({"a": Feature(int64_list=Int64List([1, 2]))})).SerializeToString()])
    for wanted in (
        Wanted("fixed", "b", INT, (), (5,)), Wanted("seq", "a", INT, (), None), Wanted("fixed", "a", INT, (3,), None),
        Wanted("fixed", "a", FLOAT, (2,), None), Wanted("fixed", "a", INT, (None,), None),
    ):  # fmt: skip
        assert quick(record, features=(wanted,), single=False) is None
    assert quick(strings([]), features=(Wanted("fixed", "a", INT, (2,), None),), single=False) is None


@pytest.mark.parametrize("labels", [[1, 2, 3, 4, 5], [1, 2, 300, 4, 5], [200] * 5])
@pytest.mark.parametrize("length", [3, 200])
def test_many_of_one_form(labels, length):
    """Values differ, lengths do not; nor does a feature that nobody wants have to be the same."""
    rng = np.random.default_rng(length)
    records = [
        Example(
            Features(
                {
                    "image": Feature(bytes_list=BytesList([rng.bytes(length)])),
                    "x": Feature(float_list=FloatList(rng.normal(size=6))),
                    "label": Feature(int64_list=Int64List([label])),
                    "pair": Feature(int64_list=Int64List(rng.integers(0, 128, 2))),
                    "unwanted": Feature(bytes_list=BytesList([rng.bytes(9)])),
                }
            )
        ).SerializeToString()
        for label in labels
    ]
    wanted = (
        Wanted("fixed", "image", TEXT, (), None), Wanted("fixed", "label", INT, (1,), None),
        Wanted("fixed", "pair", INT, (2,), None), Wanted("fixed", "x", FLOAT, (2, 3), None),
    )  # fmt: skip
    serialized = strings(records)
    same(quick(serialized, features=wanted, single=False), plain(serialized, features=wanted, single=False))
    other = wanted[:3] + (Wanted("fixed", "x", FLOAT, (7,), None),)
    assert quick(serialized, features=other, single=False) is None
    broken = records[:4] + [records[4][:-1] + bytes([records[4][-1] ^ 64])]
    found = quick(strings(broken), features=wanted, single=False)
    assert found is None or len(found[0]) == 5
