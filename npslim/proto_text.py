"""The text form of protocol buffers, read into a message: `name: value` and `name { ... }`, one after the other.

Fields that the message's table does not know are passed over. `str(message)` writes the form.

before: proto.py   next: graph_def/messages.py
"""

import re

from npslim.errors import DataLossError, InvalidArgumentError

_MOST_NESTED = 100
_TOKEN = re.compile(
    rb"""\s+ | \#[^\n]* | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*') | (?P<mark>[{}<>\[\]:,;])
    | (?P<word>[-+A-Za-z0-9_./]+)""",
    re.X,
)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9A-Fa-f]{1,2}|.)", re.S)
_LETTERS: dict[bytes, bytes] = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"v": b"\v",
}
_CLOSING = {b"{": b"}", b"<": b">"}


def parse_text(message, data, enums=None):
    """Put the fields that the bytes `data` show into `message`; returns it. enums: {word: number}, for numbers.

    Raises DataLossError for what is no text of such a message.
    """
    tokens = _Tokens(data)
    try:
        _fields(message, tokens, None, enums or {}, 0)
    except (InvalidArgumentError, ValueError) as error:
        if isinstance(error, DataLossError):
            raise
        raise tokens.error(f"a {type(message).__name__}", str(error).split("\n")[0]) from None
    return message


class _Tokens:
    """The pieces of a text: (kind, bytes), one after the other."""

    def __init__(self, data):
        self._data, self._at, self.line = bytes(data), 0, 1
        self.kind, self.value = self._read()

    def _read(self):
        while self._at < len(self._data):
            found = _TOKEN.match(self._data, self._at)
            if found is None:
                raise self.error("a name, a value or a bracket", self._data[self._at : self._at + 20])
            self._at = found.end()
            self.line += found[0].count(b"\n")
            if found.lastgroup:
                return found.lastgroup, found[0]
        return "end", b""

    def take(self, *values):
        """The piece that is next; if `values` are given it has to be one of these."""
        found = self.value
        if values and (found not in values or self.kind == "text"):
            raise self.error(" or ".join(v.decode() or "the end" for v in values), found)
        self.kind, self.value = self._read()
        return found

    def is_mark(self, *values):
        """Whether the next piece is one of these brackets and separators."""
        return self.kind == "mark" and self.value in values

    def error(self, expected, got):
        """The error for what stands here."""
        return DataLossError(f"Line {self.line} of the text makes no sense.", expected=expected, got=got)


def _fields(message, tokens, end, enums, depth):
    """The fields of `message` up to the bracket `end`; of one that nobody knows if `message` is None."""
    if depth > _MOST_NESTED:
        raise tokens.error(f"at most {_MOST_NESTED} messages in each other", "more")
    while tokens.kind != "end" and not (end and tokens.is_mark(end)):
        if tokens.kind != "word":
            raise tokens.error("the name of a field", tokens.value)
        name = tokens.take().decode()
        if tokens.is_mark(b":"):
            tokens.take()
        several = tokens.is_mark(b"[")
        if several:
            tokens.take()
        while not (several and tokens.is_mark(b"]")):
            _value(message, name, tokens, enums, depth)
            if not several:
                break
            if tokens.is_mark(b","):
                tokens.take()
        if several:
            tokens.take(b"]")
        if tokens.is_mark(b",", b";"):
            tokens.take()
    tokens.take(end or b"")


def _value(message, name, tokens, enums, depth):
    """One value of the field `name`, which is put into `message`."""
    field = None if message is None else message.FIELDS.get(name)
    if tokens.is_mark(*_CLOSING):
        end = _CLOSING[tokens.take()]
        if field is None:
            return _fields(None, tokens, end, enums, depth + 1)
        if field.kind == "map":
            return _entry(message, field, tokens, end, enums, depth + 1)
        if field.kind != "message":
            raise tokens.error(field.kind, "a message")
        inner = getattr(message, name).add() if field.repeated else getattr(message, name)
        inner.SetInParent()
        return _fields(inner, tokens, end, enums, depth + 1)
    if tokens.kind not in ("word", "text"):
        raise tokens.error("a value", tokens.value)
    kind, found = tokens.kind, tokens.take()
    if kind == "text":
        found = _unescaped(found)
        while tokens.kind == "text":
            found += _unescaped(tokens.take())
    if field is None:
        return None
    if field.kind in ("message", "map"):
        raise tokens.error("a message in brackets", found)
    value = found if kind == "text" else _scalar(field.kind, found.decode(), enums, tokens)
    if field.repeated:
        return getattr(message, name).append(value)
    return setattr(message, name, value)


def _entry(message, field, tokens, end, enums, depth):
    """One entry of a map: its key, and its message."""
    key, value = b"", field.make()
    while not tokens.is_mark(end):
        name = tokens.take(b"key", b"value")
        if tokens.is_mark(b":"):
            tokens.take()
        if name == b"key":
            key = _unescaped(tokens.take())
        else:
            _fields(value, tokens, _CLOSING[tokens.take(*_CLOSING)], enums, depth)
        if tokens.is_mark(b",", b";"):
            tokens.take()
    tokens.take(end)
    getattr(message, field.name)[key.decode()].CopyFrom(value)


def _unescaped(text):
    def letter(found: re.Match) -> bytes:
        code: bytes = found[1]
        if code[:1] in b"01234567":
            return bytes([int(code, 8) & 255])
        return bytes([int(code[1:], 16)]) if len(code) > 1 else _LETTERS.get(code, code)

    return _ESCAPE.sub(letter, text[1:-1])


def _scalar(kind, word, enums, tokens):
    if kind == "bool":
        known = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
        if word.lower() in known:
            return known[word.lower()]
    elif kind in ("float", "double"):
        return float(word[:-1] if word[-1] in "fF" and not word.lower().endswith("inf") else word)
    elif kind in ("int32", "int64", "uint64"):
        return enums[word] if word in enums else int(word, 0)
    raise tokens.error(kind, word)
