"""The messages Example and SequenceExample, to build them and to look into them: `tf.train.Example` and its parts."""

import collections

import numpy as np

from npslim import wire
from npslim.errors import ArgumentTypeError
from npslim.ops import parsing


class _List:
    """A list of values of one kind, in `value`."""

    number = 0

    def __init__(self, value=()):
        self.value = [self._checked(v) for v in value]

    @staticmethod
    def _checked(value):
        raise NotImplementedError

    def __eq__(self, other):
        return type(self) is type(other) and self.value == other.value

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self):
        return f"{type(self).__name__}({self.value!r})"

    def SerializeToString(self):  # noqa: N802 - protobuf's name
        """The bytes of the message."""
        return self._packed()

    def _packed(self):
        raise NotImplementedError


class BytesList(_List):
    """Strings, as bytes."""

    number = 1

    @staticmethod
    def _checked(value):
        if not isinstance(value, bytes | bytearray | np.bytes_):
            raise ArgumentTypeError("A BytesList holds bytes.", expected="bytes", got=repr(value), hint="s.encode()")
        return bytes(value)

    def _packed(self):
        return b"".join(wire.field(1, v) for v in self.value)


class FloatList(_List):
    """Numbers, kept as float32."""

    number = 2

    @staticmethod
    def _checked(value):
        if isinstance(value, str | bytes):
            raise ArgumentTypeError("A FloatList holds numbers.", expected="a float", got=repr(value))
        return float(np.float32(value))

    def _packed(self):
        return wire.field(1, np.array(self.value, "<f4").tobytes()) if self.value else b""


class Int64List(_List):
    """Whole numbers in [-2**63, 2**63)."""

    number = 3

    @staticmethod
    def _checked(value):
        if not isinstance(value, int | np.integer | np.bool_) or not -(2**63) <= int(value) < 2**63:
            raise ArgumentTypeError("An Int64List holds 64-bit integers.", expected="an int64", got=repr(value))
        return int(value)

    def _packed(self):
        return wire.field(1, b"".join(map(wire.varint, self.value))) if self.value else b""


class Feature:
    """One of `bytes_list`, `float_list` and `int64_list`."""

    def __init__(self, bytes_list=None, float_list=None, int64_list=None):
        given = [x for x in (bytes_list, float_list, int64_list) if x is not None]
        self._list = given[-1] if given else None

    def WhichOneof(self, name="kind"):  # noqa: N802 - protobuf's name
        """'bytes_list', 'float_list', 'int64_list', or None for an empty feature."""
        names = {BytesList: "bytes_list", FloatList: "float_list", Int64List: "int64_list"}
        return None if self._list is None else names[type(self._list)]

    def _of(self, kind):
        return self._list if isinstance(self._list, kind) else kind()

    @property
    def bytes_list(self):
        """The BytesList, empty if the feature is of another kind."""
        return self._of(BytesList)

    @property
    def float_list(self):
        """The FloatList, empty if the feature is of another kind."""
        return self._of(FloatList)

    @property
    def int64_list(self):
        """The Int64List, empty if the feature is of another kind."""
        return self._of(Int64List)

    def SerializeToString(self):  # noqa: N802 - protobuf's name
        """The bytes of the message."""
        return b"" if self._list is None else wire.field(self._list.number, self._list.SerializeToString())

    @classmethod
    def of_values(cls, values):
        """The feature of an array as `parsing.feature_values` gives it."""
        if values is None:
            return cls()
        if values.dtype == object:
            return cls(bytes_list=BytesList(values))
        return cls(float_list=FloatList(values)) if values.dtype.kind == "f" else cls(int64_list=Int64List(values))

    def __eq__(self, other):
        return isinstance(other, Feature) and self._list == other._list

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self):
        return f"Feature({self._list!r})"


class Features:
    """`feature`: a dictionary from names to features; a name that is not there gives an empty one."""

    def __init__(self, feature=None):
        self.feature = collections.defaultdict(Feature, feature or {})

    def SerializeToString(self):  # noqa: N802 - protobuf's name
        """The bytes of the message, names in order."""
        return _entries(self.feature)


def _entries(messages):
    """The bytes of a map from names to messages."""
    pairs = sorted((key.encode(), value.SerializeToString()) for key, value in messages.items())
    return b"".join(wire.field(1, wire.field(1, key) + wire.field(2, value)) for key, value in pairs)


class _Message:
    """What can be read from bytes."""

    @classmethod
    def FromString(cls, data):  # noqa: N802 - protobuf's name
        """The message of bytes. Raises DataLossError for what is none."""
        message = cls()
        message.ParseFromString(data)
        return message

    def ParseFromString(self, data):  # noqa: N802 - protobuf's name
        """Become the message of bytes; returns how many they are. Raises DataLossError."""
        raise NotImplementedError


class Example(_Message):
    """`features`: a map from names to lists of values."""

    def __init__(self, features=None):
        self.features = features or Features()

    def SerializeToString(self):  # noqa: N802 - protobuf's name
        """The bytes of the message."""
        return wire.field(1, self.features.SerializeToString())

    def ParseFromString(self, data):
        found = parsing.example_of(data)
        self.features = Features({name: Feature.of_values(values) for name, values in found.items()})
        return len(data)


class FeatureList:
    """`feature`: a list of features."""

    def __init__(self, feature=()):
        self.feature = list(feature)

    def SerializeToString(self):  # noqa: N802 - protobuf's name
        """The bytes of the message."""
        return b"".join(wire.field(1, one.SerializeToString()) for one in self.feature)


class FeatureLists:
    """`feature_list`: a dictionary from names to FeatureLists."""

    def __init__(self, feature_list=None):
        self.feature_list = collections.defaultdict(FeatureList, feature_list or {})

    def SerializeToString(self):  # noqa: N802 - protobuf's name
        """The bytes of the message."""
        return _entries(self.feature_list)


class SequenceExample(_Message):
    """`context`: Features of the whole; `feature_lists`: features of each of its steps."""

    def __init__(self, context=None, feature_lists=None):
        self.context, self.feature_lists = context or Features(), feature_lists or FeatureLists()

    def SerializeToString(self):  # noqa: N802 - protobuf's name
        """The bytes of the message."""
        context, lists = self.context.SerializeToString(), self.feature_lists.SerializeToString()
        return (wire.field(1, context) if context else b"") + (wire.field(2, lists) if lists else b"")

    def ParseFromString(self, data):
        context, lists = parsing.sequence_example_of(data)
        self.context = Features({name: Feature.of_values(values) for name, values in context.items()})
        self.feature_lists = FeatureLists(
            {name: FeatureList([Feature.of_values(v) for v in values]) for name, values in lists.items()}
        )
        return len(data)
