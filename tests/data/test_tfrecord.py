"""TFRecord files and what they hold, against files and values of TensorFlow; damage, and the way back."""

import gzip
import zlib
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from npslim import crc32c
from npslim.data import example, tfrecord
from npslim.errors import DataLossError, NotFoundError, OpError

FOLDER = Path(__file__).parent.parent / "golden"
FILES = [("data.tfrecord", None), ("data.gz.tfrecord", "GZIP"), ("data.zlib.tfrecord", "ZLIB")]


@pytest.fixture(scope="module")
def golden():
    with np.load(FOLDER / "tfrecord.npz") as file:
        return dict(file)


@pytest.mark.parametrize("name, options", FILES)
def test_files_of_tensorflow(golden, name, options):
    records = list(tfrecord.tf_record_iterator(FOLDER / "files/tfrecord" / name, options))
    assert len(records) == 6
    for i, record in enumerate(records):
        assert len(record) == golden[f"tfrecord.{i}.serialized"].size  # a map's entries have no order of their own
        found = example.Example.FromString(record).features.feature
        assert found["image/encoded"].bytes_list.value[0] == golden[f"tfrecord.{i}.encoded"].tobytes()
        sides = [found[f"image/object/bbox/{side}"].float_list.value for side in ("ymin", "xmin", "ymax", "xmax")]
        np.testing.assert_array_equal(np.array(sides, np.float32).T, golden[f"decoder.{i}.bbox"])


def test_known_checksums():
    # RFC 3720, appendix B.4, and the classic check value
    known = {b"123456789": 0xE3069283, bytes(32): 0x8A9136AA, b"\xff" * 32: 0x62A8AB43, bytes(range(32)): 0x46DD794E}
    for data, checksum in known.items():
        assert crc32c.crc32c_by_numpy(data) == checksum == crc32c.crc32c(data)
    rng = np.random.default_rng(0)
    for size in (0, 1, 1023, 1024, 5000, 100_003):
        data = rng.bytes(size)
        assert crc32c.crc32c_by_numpy(data) == crc32c.crc32c(data)


@pytest.mark.parametrize("compression", [None, "", "GZIP", "ZLIB"])
def test_what_is_written_is_read(tmp_path, compression):
    records = [b"", b"a", b"x" * 100_000, bytes(range(256))]
    path = tmp_path / "file"
    with tfrecord.TFRecordWriter(path, tfrecord.TFRecordOptions(compression)) as writer:
        for record in records:
            writer.write(record)
    assert list(tfrecord.tf_record_iterator(path, compression)) == records
    if compression == "GZIP":
        assert gzip.decompress(path.read_bytes())[:8] == bytes(8)
    if compression == "ZLIB":
        assert zlib.decompress(path.read_bytes())[:8] == bytes(8)
    with pytest.raises(RuntimeError, match="closed"):
        writer.write(b"more")


def test_damage_is_said_with_its_place(tmp_path):
    path = tmp_path / "file"
    with tfrecord.TFRecordWriter(path) as writer:
        for record in (b"one", b"two", b"three"):
            writer.write(record)
    data = bytearray(path.read_bytes())
    for cut, message in ((len(data) - 1, "cut inside a record"), (19 + 5, "cut inside a header")):
        path.write_bytes(data[:cut])
        with pytest.raises(DataLossError, match=message) as caught:
            list(tfrecord.tf_record_iterator(path))
        assert str(path) in str(caught.value) and "record" in str(caught.value)
    data[8 + 4 + 1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataLossError, match=r"record 0 at byte 0: The data's checksum is wrong"):
        list(tfrecord.tf_record_iterator(path))
    with pytest.raises(NotFoundError, match="no such file"):
        next(tfrecord.tf_record_iterator(tmp_path / "none"))
    with pytest.raises(ValueError, match="compression"):
        tfrecord.TFRecordOptions("LZ4")


@pytest.mark.parametrize("name, options", FILES)
def test_no_mutation_goes_unseen(tmp_path, name, options):
    data = (FOLDER / "files/tfrecord" / name).read_bytes()
    whole = list(tfrecord.tf_record_iterator(FOLDER / "files/tfrecord" / name, options))
    rng = np.random.default_rng(1)
    path = tmp_path / "mutated"
    silent = 0
    for _ in range(300):
        mutated = bytearray(data)
        kind = rng.integers(3)
        if kind == 0:
            mutated[rng.integers(len(data))] ^= 1 << rng.integers(8)
        elif kind == 1:
            del mutated[rng.integers(len(data)) :]
        else:
            at = rng.integers(len(data))
            mutated[at : at + 8] = rng.bytes(8)
        path.write_bytes(mutated)
        try:
            found = list(tfrecord.tf_record_iterator(path, options))
        except OpError as error:
            assert isinstance(error, DataLossError) and str(path) in str(error)
        else:
            silent += found != whole[: len(found)]
    assert silent == 0


# ---- messages


names = st.text(max_size=5)
features = st.one_of(
    st.lists(st.binary(max_size=9), max_size=4).map(lambda v: example.Feature(bytes_list=example.BytesList(v))),
    st.lists(st.floats(width=32, allow_nan=False), max_size=4).map(
        lambda v: example.Feature(float_list=example.FloatList(v))
    ),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4).map(
        lambda v: example.Feature(int64_list=example.Int64List(v))
    ),
)


def plain(feature):
    """What a feature holds, where an empty list and none are alike."""
    kind = feature.WhichOneof("kind")
    return [] if kind is None else list(getattr(feature, kind).value)


def protobuf_classes():
    """TensorFlow's messages, made with the protobuf package from their definition."""
    pool = pytest.importorskip("google.protobuf.descriptor_pool")
    factory = pytest.importorskip("google.protobuf.message_factory")
    proto = pytest.importorskip("google.protobuf.descriptor_pb2")
    file = proto.FileDescriptorProto(name="example_for_test.proto", package="t", syntax="proto3")
    kinds = {"BytesList": 12, "FloatList": 2, "Int64List": 3}
    for name, kind in kinds.items():
        file.message_type.add(name=name).field.add(name="value", number=1, type=kind, label=3)
    feature = file.message_type.add(name="Feature")
    feature.oneof_decl.add(name="kind")
    for i, name in enumerate(kinds, 1):
        field = {"BytesList": "bytes_list", "FloatList": "float_list", "Int64List": "int64_list"}[name]
        feature.field.add(name=field, number=i, type=11, label=1, type_name=f".t.{name}", oneof_index=0)

    def with_map(name, field, value):
        message = file.message_type.add(name=name)
        entry = message.nested_type.add(name="".join(p.title() for p in field.split("_")) + "Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=9, label=1)
        entry.field.add(name="value", number=2, type=11, label=1, type_name=value)
        message.field.add(name=field, number=1, type=11, label=3, type_name=f".t.{name}.{entry.name}")

    with_map("Features", "feature", ".t.Feature")
    file.message_type.add(name="FeatureList").field.add(
        name="feature", number=1, type=11, label=3, type_name=".t.Feature"
    )
    with_map("FeatureLists", "feature_list", ".t.FeatureList")
    file.message_type.add(name="Example").field.add(
        name="features", number=1, type=11, label=1, type_name=".t.Features"
    )
    sequence = file.message_type.add(name="SequenceExample")
    sequence.field.add(name="context", number=1, type=11, label=1, type_name=".t.Features")
    sequence.field.add(name="feature_lists", number=2, type=11, label=1, type_name=".t.FeatureLists")
    descriptors = pool.DescriptorPool()
    descriptors.Add(file)
    return {
        name: factory.GetMessageClass(descriptors.FindMessageTypeByName(f"t.{name}"))
        for name in ("Example", "SequenceExample")
    }


@pytest.fixture(scope="module")
def theirs():
    return protobuf_classes()


@hypothesis.settings(max_examples=60, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(st.dictionaries(names, features, max_size=4))
def test_examples_go_both_ways_with_protobuf(theirs, values):
    ours = example.Example(example.Features(values))
    other = theirs["Example"].FromString(ours.SerializeToString())
    assert {k: plain(v) for k, v in other.features.feature.items()} == {k: plain(v) for k, v in values.items()}
    back = example.Example.FromString(other.SerializeToString())
    assert {k: plain(v) for k, v in back.features.feature.items()} == {k: plain(v) for k, v in values.items()}


@hypothesis.settings(max_examples=40, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(
    st.dictionaries(names, features, max_size=3), st.dictionaries(names, st.lists(features, max_size=3), max_size=3)
)
def test_sequence_examples_go_both_ways_with_protobuf(theirs, context, lists):
    ours = example.SequenceExample(
        example.Features(context), example.FeatureLists({k: example.FeatureList(v) for k, v in lists.items()})
    )
    other = theirs["SequenceExample"].FromString(ours.SerializeToString())
    back = example.SequenceExample.FromString(other.SerializeToString())
    for message in (other, back):
        assert {k: plain(v) for k, v in message.context.feature.items()} == {k: plain(v) for k, v in context.items()}
        found = {k: [plain(f) for f in v.feature] for k, v in message.feature_lists.feature_list.items()}
        assert found == {k: [plain(f) for f in v] for k, v in lists.items()}


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    try:
        example.Example.FromString(data)
    except DataLossError:
        pass


@pytest.mark.parametrize(
    "bad",
    [
        lambda: example.BytesList(["text"]),
        lambda: example.Int64List([1.5]),
        lambda: example.Int64List([2**63]),
        lambda: example.FloatList(["1"]),
    ],
)
def test_values_of_another_kind_are_refused(bad):
    with pytest.raises(TypeError):
        bad()
