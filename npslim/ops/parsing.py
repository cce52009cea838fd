"""Examples, the records that TensorFlow's data files hold, to tensors.

An Example is a map from names to features, each a list of strings, of floats or of ints; a SequenceExample has such a
map as its context, and a second one from names to lists of features.
"""

import collections

import numpy as np

from npslim import wire
from npslim.caller import user_line
from npslim.convert import as_tensor
from npslim.dtypes import as_dtype, numpy_dtype
from npslim.errors import ArgumentTypeError, DataLossError, InvalidArgumentError, ShapeError
from npslim.op import op
from npslim.ops.sparse import SparseTensor
from npslim.scopes import name_scope
from npslim.spec import Spec, as_shape, is_full, show_shape

_TEXT, _FLOAT, _INT = np.dtype(object), np.dtype(np.float32), np.dtype(np.int64)
_KINDS = {1: _TEXT, 2: _FLOAT, 3: _INT}


class FixedLenFeature(collections.namedtuple("FixedLenFeature", ["shape", "dtype", "default_value"])):
    """A feature of one shape in every example; where it is missing, `default_value`, or an error if that is None."""

    def __new__(cls, shape, dtype, default_value=None):
        return super().__new__(cls, shape, dtype, default_value)


VarLenFeature = collections.namedtuple("VarLenFeature", ["dtype"])
VarLenFeature.__doc__ = "A feature of any length: a SparseTensor."


class FixedLenSequenceFeature(
    collections.namedtuple("FixedLenSequenceFeature", ["shape", "dtype", "allow_missing", "default_value"])
):
    """A feature of any number of entries of one shape; those of a batch are padded to the longest.

    allow_missing: an example may have none. default_value: what is padded with, 0 or empty unless given.
    """

    def __new__(cls, shape, dtype, allow_missing=False, default_value=None):
        return super().__new__(cls, shape, dtype, allow_missing, default_value)


class SparseFeature(
    collections.namedtuple("SparseFeature", ["index_key", "value_key", "dtype", "size", "already_sorted"])
):
    """A SparseTensor from two features: the places `index_key` in a row of `size`, and the values `value_key`."""

    def __new__(cls, index_key, value_key, dtype, size, already_sorted=False):
        return super().__new__(cls, index_key, value_key, dtype, size, already_sorted)


# ---- the wire


def feature_values(data):
    """The values of a serialized Feature: an array of strings, float32 or int64, or None for an empty one."""
    found = None
    for number, kind, value in wire.fields(data):
        if number in _KINDS and kind == wire.BYTES:
            found = _list_values(value, _KINDS[number])
    return found


def _list_values(data, dtype):
    if dtype == _TEXT:
        values = [bytes(value) for number, kind, value in wire.fields(data) if number == 1 and kind == wire.BYTES]
        array = np.empty(len(values), object)
        array[:] = values
        return array
    values = []
    for number, kind, value in wire.fields(data):
        if number != 1:
            continue
        if dtype == _FLOAT:
            if len(value) % 4 if kind in (wire.BYTES, wire.FIXED32) else True:
                raise DataLossError("A list of floats has another form.", expected="4 bytes each", got=kind)
            values.append(np.frombuffer(value, "<f4"))
        elif kind == wire.VARINT:
            values.append(np.array([wire.signed(value)], np.int64))
        elif kind == wire.BYTES:
            values.append(_packed_ints(value))
    return np.concatenate(values).astype(dtype) if values else np.zeros(0, dtype)


def _packed_ints(data):
    numbers, at = [], 0
    while at < len(data):
        number, at = wire.read_varint(data, at)
        numbers.append(wire.signed(number))
    return np.array(numbers, np.int64)


def _map(data, read):
    """{name: read(value)} of the entries of a map."""
    found = {}
    for number, kind, entry in wire.fields(data):
        if number == 1 and kind == wire.BYTES:
            key, value = b"", b""
            for part, form, content in wire.fields(entry):
                if form == wire.BYTES:  # another form of a known field is passed over, as protobuf does
                    key, value = (content, value) if part == 1 else (key, content) if part == 2 else (key, value)
            found[str(bytes(key), "utf-8", "replace")] = read(value)
    return found


def features_of(data):
    """{name: values} of a serialized Features message."""
    return _map(data, feature_values)


def feature_lists_of(data):
    """{name: [values]} of a serialized FeatureLists message."""

    def read(value):
        return [feature_values(one) for number, kind, one in wire.fields(value) if number == 1 and kind == wire.BYTES]

    return _map(data, read)


def example_of(data):
    """{name: values} of a serialized Example. Raises DataLossError for what is none."""
    found = {}
    for number, kind, value in wire.fields(data):
        if number == 1 and kind == wire.BYTES:
            found.update(features_of(value))
    return found


def sequence_example_of(data):
    """({name: values}, {name: [values]}) of a serialized SequenceExample."""
    context, lists = {}, {}
    for number, kind, value in wire.fields(data):
        if number == 1 and kind == wire.BYTES:
            context.update(features_of(value))
        elif number == 2 and kind == wire.BYTES:
            lists.update(feature_lists_of(value))
    return context, lists


# ---- the op


Wanted = collections.namedtuple("Wanted", ["kind", "name", "dtype", "shape", "default"])


def _wanted(name, feature):
    """A feature as the op has it: hashable. Raises ValueError or TypeError for what makes no sense."""
    dtype = numpy_dtype(feature.dtype)
    if dtype not in (_TEXT, _FLOAT, _INT):
        raise ArgumentTypeError(
            f"Feature {name}: examples hold strings, float32 and int64 only.", expected="string, float32 or int64",
            got=as_dtype(dtype).name, made_at=user_line(), hint="parse as int64 and cast",
        )  # fmt: skip
    if isinstance(feature, VarLenFeature):
        return Wanted("var", name, dtype, (), None)
    shape = as_shape(feature.shape)
    fixed = isinstance(feature, FixedLenFeature)
    if shape is None or not (is_full(shape) or (fixed and shape[:1] == (None,) and is_full(shape[1:]))):
        raise ShapeError(f"Feature {name}: the shape must be known.", got=show_shape(shape), made_at=user_line())
    if fixed:
        return Wanted("fixed", name, dtype, shape, _default(name, feature.default_value, dtype, shape))
    if not feature.allow_missing and feature.default_value is not None:
        raise InvalidArgumentError(f"Feature {name}: default_value needs allow_missing.", got=feature.default_value)
    return Wanted("seq" if feature.allow_missing else "needed seq", name, dtype, shape, feature.default_value)


def _default(name, value, dtype, shape):
    if value is None:
        return None
    array = np.asarray(value.encode() if isinstance(value, str) else value)
    array = np.array([v.encode() if isinstance(v, str) else v for v in array.ravel().tolist()], dtype)
    if array.size != np.prod(shape):
        raise InvalidArgumentError(
            f"Feature {name}: the default does not have the feature's shape.", expected=show_shape(shape),
            got=f"{array.size} values",
        )  # fmt: skip
    return tuple(array.tolist())


def _checked(example, wanted, row):
    """The values of a feature of one example, or None. Raises InvalidArgumentError for another dtype."""
    values = example.get(wanted.name)
    if values is not None and values.dtype != wanted.dtype:
        if not len(values):
            return np.zeros(0, wanted.dtype)
        raise InvalidArgumentError(
            f"Example {row}, feature {wanted.name}: the data type does not match.",
            expected=as_dtype(wanted.dtype).name, got=as_dtype(values.dtype).name,
        )  # fmt: skip
    return values


def _fixed(examples, wanted):
    rows = []
    for i, example in enumerate(examples):
        values = _checked(example, wanted, i)
        if values is None:
            if wanted.default is None:
                raise InvalidArgumentError(
                    f"Example {i}: feature {wanted.name} is required but could not be found.",
                    expected=f"{as_dtype(wanted.dtype).name} {show_shape(wanted.shape)}", got=sorted(example),
                )  # fmt: skip
            values = np.array(wanted.default, wanted.dtype)
        shape = wanted.shape
        if None in shape:
            shape = (-1, *shape[1:])
        elif len(values) != int(np.prod(shape)):
            raise InvalidArgumentError(
                f"Example {i}, feature {wanted.name}: the number of values does not match the shape.",
                expected=show_shape(shape), got=len(values),
            )  # fmt: skip
        rows.append(values.reshape(shape))
    return (np.stack(rows) if rows else np.zeros((0, *(n or 0 for n in wanted.shape)), wanted.dtype),)


def _sparse(rows, dtype):
    """The parts of a sparse tensor with these rows."""
    rows = [np.zeros(0, dtype) if row is None else row for row in rows]
    places = [[i, j] for i, row in enumerate(rows) for j in range(len(row))]
    values = np.concatenate(rows) if rows else np.zeros(0, dtype)
    sizes = [len(rows), max(map(len, rows), default=0)]
    return np.array(places, np.int64).reshape(-1, 2), values.astype(dtype), np.array(sizes, np.int64)


def _padded(examples, wanted):
    """The entries of each example, padded to the longest."""
    size = int(np.prod(wanted.shape))
    rows = []
    for i, example in enumerate(examples):
        values = _checked(example, wanted, i)
        values = np.zeros(0, wanted.dtype) if values is None else values
        if len(values) % max(size, 1):
            raise InvalidArgumentError(
                f"Example {i}, feature {wanted.name}: the number of values is no multiple of an entry's.",
                expected=f"entries of {show_shape(wanted.shape)}", got=len(values),
            )  # fmt: skip
        rows.append(values.reshape(-1, *wanted.shape))
    filling = (b"" if wanted.dtype == _TEXT else 0) if wanted.default is None else wanted.default
    longest = max(map(len, rows), default=0)
    stacked = np.full((len(rows), longest, *wanted.shape), filling, wanted.dtype)
    for i, row in enumerate(rows):
        stacked[i, : len(row)] = row
    return (stacked,)


def _one(arrays, kind):
    """The result for a single example: without the dimension of the batch."""
    if kind != "var":
        return (arrays[0][0, ...],)
    places, values, sizes = arrays
    return places[:, 1:], values, sizes[1:]


@op(type="ParseExampleV2", alike=(), stateful=True, differentiable=False, host=("serialized",))
def parse_examples(serialized, *, features, single):
    """The features of serialized Examples (`[n]`, or one), each as its `Wanted` says."""
    examples = []
    for i, one in enumerate(np.ravel(serialized)):
        try:
            examples.append(example_of(one))
        except DataLossError as error:
            raise InvalidArgumentError(f"Could not parse example {i}. {error.message}", got=bytes(one)[:60]) from None
    found = []
    for wanted in features:
        if wanted.kind == "fixed":
            arrays = _fixed(examples, wanted)
        elif wanted.kind == "var":
            arrays = _sparse([_checked(e, wanted, i) for i, e in enumerate(examples)], wanted.dtype)
        else:
            arrays = _padded(examples, wanted)
        found += _one(arrays, wanted.kind) if single else arrays
    return tuple(found)


@parse_examples.shape
def _(serialized, *, features, single):
    batch = () if single else (None,) if serialized.shape is None else serialized.shape[:1]
    specs = []
    for wanted in features:
        if wanted.kind == "var":
            rank = 1 + len(batch)
            specs += [Spec((None, rank), _INT), Spec((None,), wanted.dtype), Spec((rank,), _INT)]
        else:
            length = () if wanted.kind == "fixed" else (None,)
            specs.append(Spec((*batch, *length, *wanted.shape), wanted.dtype))
    return tuple(specs)


@op(type="ParseSequenceExampleV2", alike=(), stateful=True, differentiable=False, host=("serialized",))
def parse_sequence(serialized, *, features):
    """The lists of features of a serialized SequenceExample."""
    try:
        _, lists = sequence_example_of(serialized[()])
    except DataLossError as error:
        raise InvalidArgumentError(f"Could not parse the example. {error.message}") from None
    found = []
    for wanted in features:
        entries = lists.get(wanted.name)
        if entries is None and wanted.kind == "needed seq":
            raise InvalidArgumentError(
                f"Feature list {wanted.name} is required but could not be found.", got=sorted(lists),
                hint="FixedLenSequenceFeature(..., allow_missing=True)",
            )  # fmt: skip
        rows = [_checked({wanted.name: values}, wanted, i) for i, values in enumerate(entries or ())]
        if wanted.kind == "var":
            found += _sparse(rows, wanted.dtype)
        else:
            found += _fixed([{wanted.name: row} for row in rows], wanted._replace(default=None))
    return tuple(found)


@parse_sequence.shape
def _(serialized, *, features):
    specs = []
    for wanted in features:
        if wanted.kind == "var":
            specs += [Spec((None, 2), _INT), Spec((None,), wanted.dtype), Spec((2,), _INT)]
        else:
            specs.append(Spec((None, *wanted.shape), wanted.dtype))
    return tuple(specs)


# ---- TensorFlow's functions


def parse_example(serialized, features, name=None, example_names=None):
    """{name: tensor} of a batch of Examples `[n]`, serialized: FixedLenFeature `[n, ...]`, VarLenFeature and
    SparseFeature a SparseTensor, FixedLenSequenceFeature `[n, longest, ...]`.

    Raises ValueError for no features; a run raises InvalidArgumentError, naming example and feature, for what does not
    fit. example_names: accepted.
    """
    return _parsed(as_tensor(serialized), features, False, name, "ParseExample")


def parse_single_example(serialized, features, name=None, example_names=None):
    """`parse_example` of one Example, a scalar string: without the dimension of the batch."""
    serialized = as_tensor(serialized)
    if serialized.spec.rank not in (0, None):
        raise ShapeError("parse_single_example takes one string.", expected="[]", got=show_shape(serialized.spec.shape))
    return _parsed(serialized, features, True, name, "ParseSingleExample")


def _parsed(serialized, features, single, name, default_name):
    if not features:
        raise InvalidArgumentError("There are no features to parse.", expected="{name: feature}", got=features)
    plain = {}
    for key, feature in features.items():
        if isinstance(feature, SparseFeature):
            plain[feature.index_key] = VarLenFeature(np.int64)
            plain[feature.value_key] = VarLenFeature(feature.dtype)
        elif isinstance(feature, FixedLenFeature | VarLenFeature | FixedLenSequenceFeature):
            plain[key] = feature
        else:
            raise InvalidArgumentError(f"Feature {key} is of an unknown kind.", expected="a ...Feature", got=feature)
    with name_scope(name, default_name, [serialized]):
        wanted = tuple(_wanted(key, plain[key]) for key in sorted(plain))
        outputs = parse_examples(serialized, features=wanted, single=single)
        found = _gathered(wanted, outputs)
        found |= {key: _of_two(found, f) for key, f in features.items() if isinstance(f, SparseFeature)}
        return {key: found[key] for key in features}


def _gathered(wanted, outputs):
    """{name: tensor or SparseTensor}."""
    outputs = iter(outputs if isinstance(outputs, tuple) else (outputs,))
    found = {}
    for one in wanted:
        parts = [next(outputs) for _ in range(3 if one.kind == "var" else 1)]
        found[one.name] = SparseTensor(*parts) if one.kind == "var" else parts[0]
    return found


@op(alike=(), stateful=True, differentiable=False, host=("rows", "indices", "dense_shape"))
def places_of(rows, indices, dense_shape, *, size):
    """(places, dense_shape): `indices` in place of the last column of `rows`. Raises if one is outside [0, size)."""
    if len(indices) and not (0 <= indices.min() and indices.max() < size):
        raise InvalidArgumentError("An index of a SparseFeature is out of range.", expected=f"[0, {size})", got=indices)
    return np.concatenate([rows[:, :-1], indices[:, None]], axis=1), np.array([*dense_shape[:-1], size], np.int64)


@places_of.shape
def _(rows, indices, dense_shape, *, size):
    return Spec(rows.shape, _INT), Spec(dense_shape.shape, _INT)


def _of_two(found, feature):
    index, value = found[feature.index_key], found[feature.value_key]
    places, sizes = places_of(index.indices, index.values, index.dense_shape, size=int(feature.size))
    return SparseTensor(places, value.values, sizes)


def parse_single_sequence_example(
    serialized, context_features=None, sequence_features=None, example_name=None, name=None
):
    """(context, sequence) of one SequenceExample: {name: tensor} of its context, and of its lists of features, where a
    FixedLenSequenceFeature gives `[length, ...]` and a VarLenFeature a SparseTensor `[length, longest]`.
    """
    if not (context_features or sequence_features):
        raise InvalidArgumentError("There are no features to parse.", expected="context_features or sequence_features")
    serialized = as_tensor(serialized)
    with name_scope(name, "ParseSingleSequenceExample", [serialized]):
        context = _parsed(serialized, context_features, True, None, "context") if context_features else {}
        wanted = tuple(_wanted(key, f) for key, f in sorted((sequence_features or {}).items()))
        lists = _gathered(wanted, parse_sequence(serialized, features=wanted)) if wanted else {}
        return context, lists


@op(alike=(), stateful=True, differentiable=False, host=("input_bytes",))
def raw_numbers(input_bytes, *, out_type, little_endian):
    """The numbers whose bytes the strings are: `[..., count]`; all strings of one length."""
    strings = [bytes(s) for s in np.ravel(input_bytes)]
    lengths = {len(s) for s in strings}
    if len(lengths) > 1 or any(n % out_type.itemsize for n in lengths):
        raise InvalidArgumentError(
            "decode_raw: the strings must have one length, a multiple of a number's.",
            expected=f"a multiple of {out_type.itemsize} bytes", got=sorted(lengths),
        )  # fmt: skip
    dtype = out_type.newbyteorder("<" if little_endian else ">")
    numbers = np.frombuffer(b"".join(strings), dtype).astype(out_type)
    return numbers.reshape(*np.shape(input_bytes), next(iter(lengths), 0) // out_type.itemsize)


@raw_numbers.shape
def _(input_bytes, *, out_type, little_endian):
    return Spec(None if input_bytes.shape is None else (*input_bytes.shape, None), out_type)


def decode_raw(input_bytes=None, out_type=None, little_endian=True, name=None, bytes=None):
    """Strings as the numbers whose bytes they are: `[...]` to `[..., count]` of `out_type`. bytes: input_bytes."""
    source = bytes if input_bytes is None else input_bytes
    return raw_numbers(source, out_type=numpy_dtype(out_type), little_endian=little_endian, name=name or "DecodeRaw")


@op(alike=(), stateful=True, differentiable=False, host=("string_tensor",))
def numbers_in(string_tensor, *, out_type):
    """The number that each string says."""
    read = int if out_type.kind in "iu" else float
    try:
        flat = [read(s) for s in np.ravel(string_tensor)]
    except ValueError as error:
        raise InvalidArgumentError("A string is no number.", expected=str(out_type), got=error) from None
    return np.array(flat, out_type).reshape(np.shape(string_tensor))


@numbers_in.shape
def _(string_tensor, *, out_type):
    return Spec(string_tensor.shape, out_type)


def string_to_number(string_tensor=None, out_type=np.float32, name=None, input=None):
    """The number that each string says. A run raises InvalidArgumentError for other strings."""
    source = input if string_tensor is None else string_tensor
    return numbers_in(source, out_type=numpy_dtype(out_type), name=name or "StringToNumber")
