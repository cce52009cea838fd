"""Strings: texts of numbers, joined, cut, replaced, hashed. A string tensor holds Python's `bytes`, on the host."""

import base64
import binascii
import re

import numpy as np

from npslim.arguments import check_choice
from npslim.convert import as_tensor
from npslim.dtypes import as_dtype
from npslim.errors import ArgumentTypeError, DTypeError, InvalidArgumentError
from npslim.fingerprint import fingerprint64
from npslim.op import op
from npslim.ops.reduce import axes_of, reduced
from npslim.ops.sparse import SparseTensor
from npslim.spec import Spec, broadcast

_STRING, _INT64 = np.dtype(object), np.dtype(np.int64)


def _each(function, *arrays):
    """The strings that the function gives for the elements, broadcast against each other."""
    arrays = np.broadcast_arrays(*arrays)
    made = np.empty(arrays[0].shape, object)
    for place in np.ndindex(made.shape):
        made[place] = function(*(a[place] for a in arrays))
    return made


def _strings(x, *others):
    if x.dtype != _STRING:
        raise DTypeError("The input is no string.", expected="string", got=as_dtype(x.dtype).name)
    return Spec(x.shape, _STRING)


def _words(rng):
    return (np.array([b" two words", b"", b"\xc3\xa9t\xc3\xa9 "], object),)


def _one_by_one(name, doc, function, reference):
    """An op that makes a string of a string."""

    def kernel(input):
        return _each(function, input)

    kernel.__name__, kernel.__doc__ = name, doc
    made = op(kernel, alike=(), host=("input",), differentiable=False, exact=True, reference=reference)
    made.shape(_strings)
    made.cases(_words, lambda rng: (np.array(b" a", object),), lambda rng: (np.zeros((0, 2), object),))
    made.rejects("no string", lambda rng: (np.zeros(2),))
    return made


def _by_list(function):
    return lambda input: np.array([function(s) for s in input.ravel().tolist()], object).reshape(input.shape)


string_strip = _one_by_one(
    "string_strip", "The strings without white space at their ends.", bytes.strip,
    _by_list(lambda s: re.sub(rb"^\s+|\s+$", b"", s)),
)  # fmt: skip
string_lower = _one_by_one(
    "string_lower", "The strings with small letters for A to Z.", bytes.lower,
    _by_list(lambda s: bytes(c + 32 if 65 <= c <= 90 else c for c in s)),
)  # fmt: skip
string_upper = _one_by_one(
    "string_upper", "The strings with capital letters for a to z.", bytes.upper,
    _by_list(lambda s: bytes(c - 32 if 97 <= c <= 122 else c for c in s)),
)  # fmt: skip


# ---- numbers


@op(
    type="AsString", alike=(), host=("input",), differentiable=False, exact=True,
    reference=lambda input, form: np.array([form.encode() % x for x in input.ravel().tolist()], object).reshape(
        input.shape
    ) if input.dtype != bool else np.where(input, b"true", b"false").astype(object),
)  # fmt: skip
def texts_of(input, *, form):
    """Each number as text, in the form of C's printf; a boolean as "true" or "false"."""
    if input.dtype == bool:
        return _each(lambda x: b"true" if x else b"false", input)
    return _each(lambda x: (form % x).encode(), input)


@texts_of.shape
def _(input, *, form):
    if input.dtype.kind not in "biuf":
        raise DTypeError("The input is no number.", expected="numbers or bool", got=as_dtype(input.dtype).name)
    return Spec(input.shape, _STRING)


texts_of.cases(lambda rng: (np.array([[1.5, -2.0]]),), lambda rng: (np.array(1e10, np.float32),), form="%f")
texts_of.cases(lambda rng: (np.array([3, -4]),), form="%5d")
texts_of.cases(lambda rng: (np.array([True, False]),), form="")
texts_of.rejects("no number", _words, form="%d")


def as_string(input, precision=-1, scientific=False, shortest=False, width=-1, fill="", name=None):
    """Numbers as texts: `[...]` strings.

    precision: digits after the point. scientific, shortest: as %e and %g have them. width, fill: at least that many
    letters, filled up with " ", "0" or, behind, "-". Raises ValueError for options that exclude each other.
    """
    input = as_tensor(input)
    floating = input.spec.dtype.kind == "f"
    if (scientific and shortest) or (not floating and (precision >= 0 or scientific or shortest)) or len(fill) > 1:
        raise InvalidArgumentError(
            "as_string: these options exclude each other.", expected="one of scientific and shortest, for floats",
            got=f"{as_dtype(input.spec.dtype).name}, precision={precision}, scientific={scientific}, fill={fill!r}",
        )  # fmt: skip
    letter = ("e" if scientific else "g" if shortest else "f") if floating else "d"
    form = f"%{fill.strip()}{width if width >= 0 else ''}{f'.{precision}' if precision >= 0 else ''}{letter}"
    return texts_of(input, form=form, name=name or "AsString")


# ---- joined and cut


@op(
    type="StringJoin", alike=(), host=("inputs",), differentiable=False, exact=True,
    reference=lambda *inputs, separator: np.array(
        [separator.join(row) for row in zip(*(np.broadcast_to(
            x, np.broadcast_shapes(*(y.shape for y in inputs))).ravel().tolist() for x in inputs), strict=True)], object
    ).reshape(np.broadcast_shapes(*(x.shape for x in inputs))),
)  # fmt: skip
def joined(*inputs, separator=b""):
    """The strings of one place as one, with the separator between them."""
    return _each(lambda *parts: separator.join(parts), *inputs)


@joined.shape
def _(*inputs, separator):
    for x in inputs:
        _strings(x)
    return Spec(broadcast(*(x.shape for x in inputs)), _STRING)


joined.cases(lambda rng: (np.array([b"a", b"b"], object), np.array(b"c", object)), separator=b"-")
joined.cases(_words)
joined.rejects("no string", lambda rng: (np.zeros(2),))


def string_join(inputs, separator="", name=None):
    """Lists of strings, element by element: `[...]`. A scalar goes with every element."""
    return joined(*[as_tensor(x) for x in inputs], separator=_bytes(separator), name=name or "StringJoin")


@op(
    type="ReduceJoin", alike=(), host=("input",), differentiable=False, exact=True,
    reference=lambda input, axis, keepdims, separator: np.apply_along_axis(
        lambda line: np.array([separator.join(line.tolist())], object), axis[0], input
    ) if keepdims else np.array(
        separator.join(np.transpose(input, axis[::-1]).ravel().tolist()), object
    ),
)  # fmt: skip
def joined_along(input, *, axis, keepdims=False, separator=b""):
    """The strings along the axes as one: those along the first axis stand together."""
    order = [a % input.ndim for a in reversed(axis)]
    lines = np.transpose(input, [*(i for i in range(input.ndim) if i not in order), *order])
    shape = reduced(input, tuple(order), keepdims)
    made = np.empty(shape, object)
    flat = lines.reshape(int(np.prod(shape)), -1) if input.size else np.empty((int(np.prod(shape)), 0), object)
    for place, line in zip(np.ndindex(*shape), flat, strict=True):
        made[place] = separator.join(line.tolist())
    return made


@joined_along.shape
def _(input, *, axis, keepdims):
    _strings(input)
    if input.shape is None:
        return Spec(None, _STRING)
    axes_of(tuple(axis), len(input.shape))
    return Spec(reduced(input, tuple(a % len(input.shape) for a in axis), keepdims), _STRING)


joined_along.cases(lambda rng: (np.array([[b"a", b"b"], [b"c", b"d"]], object),), axis=(1, 0), separator=b" ")
joined_along.cases(lambda rng: (np.array([[b"a", b"b"], [b"c", b"d"]], object),), axis=(-1,), keepdims=True)
joined_along.rejects("out of range", _words, axis=(1,))


def reduce_join(inputs, axis=None, keepdims=False, separator="", name=None):
    """The strings along `axis` as one: along the first axis first, then along the others; along all for None."""
    inputs = as_tensor(inputs)
    if axis is None:
        axis = tuple(reversed(range(inputs.spec.rank or 0)))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    return joined_along(inputs, axis=axes, keepdims=bool(keepdims), separator=_bytes(separator), name=name)


def _pieces(text, delimiter, skip_empty):
    if delimiter is None:
        return text.split()
    if not delimiter:
        found = [text[i : i + 1] for i in range(len(text))]
    else:
        found = re.split(b"[" + re.escape(delimiter) + b"]", text)
    return [p for p in found if p] if skip_empty else found


@op(
    type="StringSplit", alike=(), host=("source",), differentiable=False, exact=True, dynamic=True,
    reference=lambda source, delimiter, skip_empty: _split_by_loop(source, delimiter, skip_empty),
)  # fmt: skip
def split_strings(source, *, delimiter, skip_empty):
    """(indices, values, shape) of the sparse matrix of the pieces: the delimiter's bytes each divide."""
    rows = [_pieces(text, delimiter, skip_empty) for text in source]
    places = np.array([(i, j) for i, row in enumerate(rows) for j in range(len(row))], np.int64).reshape(-1, 2)
    values = np.empty(len(places), object)
    values[:] = [piece for row in rows for piece in row]
    return places, values, np.array([len(rows), max(map(len, rows), default=0)], np.int64)


def _split_by_loop(source, delimiter, skip_empty):
    rows = []
    for text in source.tolist():
        row, current = [], b""
        for i in range(len(text)):
            letter = text[i : i + 1]
            current, done = (b"", current) if letter in delimiter else (current + letter, None)
            row += [] if done is None else [done]
        row.append(current)
        rows.append([piece for piece in row if piece or not skip_empty])
    cells = [((i, j), piece) for i, row in enumerate(rows) for j, piece in enumerate(row)]
    values = np.array([piece for _, piece in cells] + [None], object)[:-1]
    shape = np.array([len(rows), max([len(row) for row in rows] + [0])])
    return np.array([place for place, _ in cells], np.int64).reshape(-1, 2), values, shape


@split_strings.shape
def _(source):
    _strings(source)
    return Spec((None, 2), _INT64), Spec((None,), _STRING), Spec((2,), _INT64)


split_strings.cases(lambda rng: (np.array([b"a b  c", b"", b"d,e"], object),), delimiter=b" ,", skip_empty=True)
split_strings.cases(lambda rng: (np.array([b"a b  c", b"", b"d,e"], object),), delimiter=b" ", skip_empty=False)
split_strings.rejects("no string", lambda rng: (np.zeros(2),), delimiter=b" ", skip_empty=True)


def string_split(source, sep=None, skip_empty=True, delimiter=None, name=None):
    """The pieces of each string of `source` `[n]`: a SparseTensor `[n, most pieces]`.

    sep, or by its older name delimiter: " " unless given; each of its letters divides, and "" divides at every one.
    """
    if sep is not None and delimiter is not None:
        raise InvalidArgumentError("string_split: sep and delimiter are one.", expected="either", got=(sep, delimiter))
    chosen = sep if sep is not None else " " if delimiter is None else delimiter
    return SparseTensor(
        *split_strings(source, delimiter=_bytes(chosen), skip_empty=bool(skip_empty), name=name or "StringSplit")
    )


@op(
    type="Substr", alike=(), host=("input", "pos", "len"), differentiable=False, exact=True,
    reference=lambda input, pos, len: np.array(
        [bytes(list(s)[p:] if p < 0 and -p <= n else list(s)[p : p + n])
         for s, p, n in np.broadcast(input, pos, len)], object
    ).reshape(np.broadcast_shapes(input.shape, pos.shape, len.shape)),
)  # fmt: skip
def substr(input, pos, len):
    """`len` bytes of each string from `pos` on; below 0, `pos` counts from the end. Raises InvalidArgumentError."""

    def cut(text, at, count):
        size = text.__len__()
        if not -size <= at <= size:
            raise InvalidArgumentError(
                "substr: pos is out of range.", expected=f"at most {size}", got=f"{at}, {text!r}"
            )
        at = at + size if at < 0 else at
        return text[at : at + max(int(count), 0)]

    return _each(cut, input, pos, len)


@substr.shape
def _(input, pos, len):
    _strings(input)
    return Spec(broadcast(input.shape, pos.shape, len.shape), _STRING)


substr.cases(
    lambda rng: (np.array([b"hello", b"there"], object), np.array(1), np.array(3)),
    lambda rng: (np.array([b"hello", b"there"], object), np.array([-2, 4]), np.array([9, 1])),
)
substr.rejects("no string", lambda rng: (np.zeros(2), np.array(0), np.array(1)))


@op(
    type="RegexReplace", alike=(), host=("input",), differentiable=False, exact=True,
    reference=lambda input, pattern, rewrite, everywhere: np.array([
        (rewrite if everywhere else rewrite).join(s.split(pattern) if everywhere else s.split(pattern, 1))
        for s in input.ravel().tolist()], object).reshape(input.shape),
)  # fmt: skip
def replaced(input, *, pattern, rewrite, everywhere=True):
    """Each string with what matches the pattern replaced, everywhere or the first time."""
    return _each(lambda s: re.sub(pattern, rewrite, s, count=0 if everywhere else 1), input)


replaced.shape(_strings)
replaced.cases(_words, pattern=b" ", rewrite=b"_")
replaced.cases(_words, pattern=b"o", rewrite=b"", everywhere=False)
replaced.rejects("no string", lambda rng: (np.zeros(2),), pattern=b"a", rewrite=b"b")


def regex_replace(input, pattern, rewrite, replace_global=True, name=None):
    r"""Each string with the matches of a regular expression replaced; \1 stands for the first group.

    Expressions are Python's, which agree with TensorFlow's in all that both have. Raises ValueError for a bad one.
    """
    try:
        re.compile(_bytes(pattern))
    except re.error as error:
        raise InvalidArgumentError("This is no regular expression.", expected=str(error), got=pattern) from None
    return replaced(input, pattern=_bytes(pattern), rewrite=_bytes(rewrite), everywhere=bool(replace_global), name=name)


# ---- sizes and numbers of strings


@op(
    alike=(), host=("input",), differentiable=False, exact=True,
    reference=lambda input, unit: np.array(
        [sum(unit == "BYTE" or c & 0xC0 != 0x80 for c in s) for s in input.ravel().tolist()], np.int32
    ).reshape(input.shape),
)  # fmt: skip
def string_length(input, *, unit="BYTE"):
    """How long each string is, in bytes, or with unit="UTF8_CHAR" in letters: int32."""
    size = len if unit == "BYTE" else lambda s: len(s.decode("utf-8", "replace"))
    return _each(size, input).astype(np.int32)


@string_length.shape
def _(input, *, unit):
    _strings(input)
    check_choice(unit, ("BYTE", "UTF8_CHAR"), "unit")
    return Spec(input.shape, np.dtype(np.int32))


string_length.cases(_words, lambda rng: (np.array(b"abc", object),))
string_length.cases(_words, unit="UTF8_CHAR")
string_length.rejects("unit", _words, unit="WORD")


@op(
    type="StringToHashBucketFast", alike=(), host=("input",), differentiable=False, exact=True,
    reference=lambda input, num_buckets: np.array(
        [_KNOWN[s] % num_buckets for s in input.ravel().tolist()], np.int64).reshape(input.shape),
)  # fmt: skip
def buckets_of(input, *, num_buckets):
    """The bucket of each string, its fingerprint modulo their number: int64."""
    return _each(lambda s: fingerprint64(s) % num_buckets, input).astype(np.int64)


_KNOWN = {b"": 11160318154034397263, b"a": 12917804110809363939, b"abc": 2640714258260161385}  # as TensorFlow has them


@buckets_of.shape
def _(input, *, num_buckets):
    _strings(input)
    if num_buckets < 1:
        raise InvalidArgumentError("There must be a bucket.", expected="num_buckets >= 1", got=num_buckets)
    return Spec(input.shape, _INT64)


buckets_of.cases(lambda rng: (np.array([[b"", b"a"], [b"abc", b"a"]], object),), num_buckets=1000)
buckets_of.rejects("a bucket", _words, num_buckets=0)


def string_to_hash_bucket_fast(input, num_buckets, name=None):
    """A number below `num_buckets` for each string, always the same one, and the same as TensorFlow's: int64."""
    return buckets_of(input, num_buckets=int(num_buckets), name=name or "StringToHashBucketFast")


# ---- base64


def _encoded(text, pad):
    made = base64.urlsafe_b64encode(text)
    return made if pad else made.rstrip(b"=")


def _decoded(text):
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), b"-_", validate=True)
    except binascii.Error as error:
        raise InvalidArgumentError("A string is not base64.", expected=str(error), got=text) from None


@op(
    type="EncodeBase64", alike=(), host=("input",), differentiable=False, exact=True,
    reference=lambda input, pad: np.array([
        binascii.b2a_base64(s, newline=False).replace(b"+", b"-").replace(b"/", b"_")[
            : None if pad else -(-len(s) * 4 // 3) or None
        ] for s in input.ravel().tolist()], object).reshape(input.shape),
)  # fmt: skip
def encode_base64(input, *, pad=False):
    """Each string in base64 for addresses of the web, with "=" at its end only if `pad`."""
    return _each(lambda s: _encoded(s, pad), input)


encode_base64.shape(_strings)
encode_base64.cases(_words, lambda rng: (np.array([b"\xff\xfe\xfb"], object),))
encode_base64.cases(_words, pad=True)
encode_base64.rejects("no string", lambda rng: (np.zeros(2),))

decode_base64 = _one_by_one(
    "decode_base64",
    "Each string from base64 for addresses of the web. A run raises InvalidArgumentError for other strings.",
    _decoded, _by_list(lambda s: binascii.a2b_base64(s.replace(b"-", b"+").replace(b"_", b"/") + b"==")),
)  # fmt: skip
decode_base64.all_cases.clear()
decode_base64.cases(lambda rng: (np.array([[b"YWJj", b"_-8"], [b"", b"YQ=="]], object),))


def _bytes(text):
    if not isinstance(text, str | bytes):
        raise ArgumentTypeError("This is no text.", expected="a string", got=repr(text))
    return text.encode() if isinstance(text, str) else text
