"""Messages of protocol buffers as Python objects: a class with a table of fields, to parse, to change and to serialize.

    class Point(Message):
        FIELDS = fields_of("1 x int64", "2 name string", "3 tags string*", "4 parts {}*", parts=lambda: Part)

    point = Point(x=3); point.tags.append("a"); Point.FromString(point.SerializeToString()) == point

The methods carry protobuf's names, since old programs call them. Fields that the table does not know are kept, and are
written again behind the known ones. What cannot be read raises DataLossError.

before: proto_fields.py   next: graph_def/messages.py
"""

from typing import Any

from npslim import wire
from npslim.errors import ArgumentTypeError, DataLossError, InvalidArgumentError
from npslim.proto_fields import Field, checked, counted, packed, scalars, single, unknown

_MOST_NESTED = 100  # protobuf's own limit: a message nested deeper is damaged, or meant to do damage
_ZEROS = {"string": "", "bytes": b"", "bool": False, "float": 0.0, "double": 0.0, "int32": 0, "int64": 0, "uint64": 0}


class Message:
    """A message. Fields are attributes: a message that was not set reads as an empty one, a scalar as zero or empty."""

    FIELDS: dict[str, Field] = {}
    _by_number: dict[int, Field] = {}

    def __init_subclass__(cls):
        cls._by_number = {field.number: field for field in cls.FIELDS.values()}

    def __init__(self, **values):
        self._values: dict[str, Any] = {}
        self._unknown: list[bytes] = []
        for name, value in values.items():
            self._set(name, value)

    def _set(self, name, value):
        field = self._field(name)
        if field.kind == "map":
            for key, item in dict(value).items():
                getattr(self, name)[key].CopyFrom(item)
        elif field.repeated:
            getattr(self, name).extend(value)
        elif field.kind == "message":
            getattr(self, name).CopyFrom(value)
        else:
            setattr(self, name, value)

    def _field(self, name):
        if name not in self.FIELDS:
            raise InvalidArgumentError(
                f"{type(self).__name__} has no field {name!r}.", expected=f"one of {', '.join(self.FIELDS)}", got=name
            )
        return self.FIELDS[name]

    # ---- fields as attributes

    def __getattr__(self, name) -> Any:
        field = type(self).FIELDS.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        values = self._values
        if name in values:
            return values[name]
        if field.kind == "map":
            made = values[name] = MessageMap(field, self)
        elif field.repeated:
            kind = RepeatedMessages if field.kind == "message" else RepeatedScalars
            made = values[name] = kind(field, self)
        elif field.kind == "message":
            made = field.make()
            made._on_change = lambda: self._hold(field, made)
        else:
            made = _ZEROS[field.kind]
        return made

    def __setattr__(self, name, value):
        if name.startswith("_"):
            object.__setattr__(self, name, value)
            return
        field = type(self).FIELDS.get(name)
        if field is None:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        if field.repeated or field.kind in ("message", "map"):
            raise AttributeError(f"Assignment to {name!r} is not allowed: use CopyFrom, extend or [key]")
        self._hold(field, checked(field, value))

    _on_change: Any = None  # of a message that is not part of its parent yet: puts it there

    def _hold(self, field, value):
        """Set a field, forget the others of its oneof, and tell the parent that there is something now."""
        if field.oneof:
            for other in self.FIELDS.values():
                if other.oneof == field.oneof and other.name != field.name:
                    self._values.pop(other.name, None)
        self._values[field.name] = value
        self._changed()

    def _changed(self):
        if self._on_change is not None:
            tell, self._on_change = self._on_change, None
            tell()

    def HasField(self, name):  # noqa: N802 - protobuf's name, as all that follow
        """Whether a message or a member of a oneof is set."""
        field = self._field(name)
        if field.repeated or field.kind == "map" or (field.kind != "message" and field.oneof is None):
            raise InvalidArgumentError(
                f"{name} has no presence.", expected="a message or a member of a oneof", got=name
            )
        return name in self._values

    def WhichOneof(self, oneof):  # noqa: N802
        """The name of the member of `oneof` that is set, or None."""
        return next((name for name in self._values if self.FIELDS[name].oneof == oneof), None)

    def ListFields(self):  # noqa: N802
        """(name, value) of every field that is set, in the order of their numbers."""
        found = [(f.name, self._values[f.name]) for f in self.FIELDS.values() if f.name in self._values]
        return [(name, value) for name, value in found if not self._is_absent(self.FIELDS[name], value)]

    @staticmethod
    def _is_absent(field, value):
        """Whether the wire does not show the value: an empty list, or the zero of a field without presence."""
        if field.repeated or field.kind == "map":
            return not value
        return field.kind != "message" and field.oneof is None and not value

    def Clear(self):  # noqa: N802
        """Make it an empty message."""
        self._values, self._unknown = {}, []
        self._changed()

    def ClearField(self, name):  # noqa: N802
        """Make one field unset."""
        self._values.pop(self._field(name).name, None)

    def SetInParent(self):  # noqa: N802
        """Count as set, empty or not."""
        self._changed()

    # ---- copies

    def CopyFrom(self, other):  # noqa: N802
        """Become a copy of `other`. Raises TypeError for a message of another type."""
        if other is not self:
            self.Clear()
            self.MergeFrom(other)

    def MergeFrom(self, other):  # noqa: N802
        """Take over the fields that `other` has: lists are joined, messages merged. Raises TypeError."""
        if type(other) is not type(self):
            raise ArgumentTypeError(
                "Only a message of the same type can be copied.", expected=type(self).__name__, got=repr(other)[:100]
            )
        for name, value in other._values.items():
            field = self.FIELDS[name]
            if field.kind == "map":
                for key, item in value.items():
                    getattr(self, name)[key].CopyFrom(item)
            elif field.repeated:
                getattr(self, name).extend(value)
            elif field.kind == "message":
                getattr(self, name).MergeFrom(value)
                self._hold(field, getattr(self, name))
            else:
                self._hold(field, value)
        self._unknown.extend(other._unknown)
        self._changed()

    def __deepcopy__(self, memo):
        made = type(self)()
        made.CopyFrom(self)
        return made

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        return self.ListFields() == other.ListFields() and self._unknown == other._unknown

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.ListFields())})"

    def __str__(self):
        """The message in protobuf's text format; an enumeration's value is its number."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self):
        for name, value in self.ListFields():
            field = self.FIELDS[name]
            if field.kind == "map":
                for key in sorted(value):
                    yield from (f"{name} {{", f"  key: {_shown(key)}", "  value {")
                    yield from (f"    {line}" for line in value[key]._lines())
                    yield from ("  }", "}")
                continue
            for item in value if field.repeated else (value,):
                if field.kind == "message":
                    yield f"{name} {{"
                    yield from (f"  {line}" for line in item._lines())
                    yield "}"
                else:
                    yield f"{name}: {_shown(item)}"

    # ---- bytes

    @classmethod
    def FromString(cls, data):  # noqa: N802
        """The message in `data`. Raises DataLossError."""
        made = cls()
        made.ParseFromString(data)
        return made

    def ParseFromString(self, data):  # noqa: N802
        """Become the message in `data` (bytes); returns how many bytes it took. Raises DataLossError."""
        self.Clear()
        self._parse(memoryview(data).cast("B"), 0)
        return len(data)

    def MergeFromString(self, data):  # noqa: N802
        """Take over the fields of the message in `data`. Raises DataLossError."""
        self._parse(memoryview(data).cast("B"), 0)
        return len(data)

    def _parse(self, data, depth):
        if depth > _MOST_NESTED:
            raise DataLossError("Messages are nested too deep.", expected=f"<= {_MOST_NESTED} levels", got="more")
        for number, wire_type, value in wire.fields(data):
            field = self._by_number.get(number)
            if field is None:
                self._unknown.append(unknown(number, wire_type, value))
            elif field.kind == "map":
                self._parse_entry(field, counted(field, wire_type, value), depth)
            elif field.kind == "message":
                data_of = counted(field, wire_type, value)
                if field.repeated:
                    getattr(self, field.name).add()._parse(data_of, depth + 1)
                else:
                    part = getattr(self, field.name)
                    part._parse(data_of, depth + 1)
                    self._hold(field, part)
            elif field.repeated:
                list.extend(getattr(self, field.name), scalars(field, wire_type, value))
            else:
                (scalar,) = scalars(field, wire_type, value, packed=False)
                self._hold(field, scalar)

    def _parse_entry(self, field, data, depth):
        """One entry of a map: a message of its own, of a key and a value."""
        key, item = "", field.make()
        for number, wire_type, value in wire.fields(data):
            if number == 1:
                (key,) = scalars(Field(1, "key", "string"), wire_type, value, packed=False)
            elif number == 2:
                item._parse(counted(field, wire_type, value), depth + 1)
        dict.__setitem__(getattr(self, field.name), key, item)

    def SerializeToString(self, deterministic=True):  # noqa: N802
        """The bytes of the message; the entries of maps are in the order of their keys."""
        parts = []
        for field in sorted(self.FIELDS.values(), key=lambda field: field.number):
            value = self._values.get(field.name)
            if value is None or self._is_absent(field, value):
                continue
            if field.kind == "map":
                for key in sorted(value):
                    entry = wire.field(1, key.encode()) + wire.field(2, value[key].SerializeToString())
                    parts.append(wire.field(field.number, entry))
            elif field.kind == "message":
                for item in value if field.repeated else (value,):
                    parts.append(wire.field(field.number, item.SerializeToString()))
            else:
                parts.append(packed(field, value) if field.repeated else single(field, value))
        return b"".join((*parts, *self._unknown))

    def ByteSize(self):  # noqa: N802
        """How many bytes the message takes."""
        return len(self.SerializeToString())


def _shown(value):
    """A scalar in the text format."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        known = {10: r"\n", 13: r"\r", 9: r"\t", 34: r"\"", 39: r"\'", 92: r"\\"}
        return '"' + "".join(known.get(c) or (chr(c) if 32 <= c < 127 else f"\\{c:03o}") for c in data) + '"'
    return f"{value:g}" if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)


class RepeatedScalars(list):
    """The values of a repeated field of numbers, strings or bytes: a list that checks what is put into it."""

    def __init__(self, field, owner):
        super().__init__()
        self._field, self._owner = field, owner

    def append(self, value):
        super().append(checked(self._field, value))
        self._owner._changed()

    def extend(self, values):
        super().extend([checked(self._field, value) for value in values])
        self._owner._changed()

    def insert(self, index, value):
        super().insert(index, checked(self._field, value))
        self._owner._changed()

    def __iadd__(self, values):
        self.extend(values)
        return self

    def __setitem__(self, index, value):
        one = not isinstance(index, slice)
        super().__setitem__(index, checked(self._field, value) if one else [checked(self._field, v) for v in value])


class RepeatedMessages(list):
    """The messages of a repeated field: what is put into it is copied."""

    def __init__(self, field, owner):
        super().__init__()
        self._field, self._owner = field, owner

    def add(self, **values):
        """A new message at the end."""
        made = self._field.make(**values)
        super().append(made)
        self._owner._changed()
        return made

    def append(self, value):
        self.add().CopyFrom(value)

    def extend(self, values):
        for value in list(values):
            self.append(value)

    def __iadd__(self, values):
        self.extend(values)
        return self


class MessageMap(dict):
    """A map from strings to messages: a key that is not there yet gets an empty message when it is asked for."""

    def __init__(self, field, owner):
        super().__init__()
        self._field, self._owner = field, owner

    def __missing__(self, key):
        made = self._field.make()
        super().__setitem__(checked(Field(1, "key", "string"), key), made)
        self._owner._changed()
        return made

    def __setitem__(self, key, value):
        raise InvalidArgumentError("A map of messages takes no assignment.", hint="map[key].CopyFrom(message)")

    def get_or_create(self, key):
        """The message at `key`, made if it is not there."""
        return self[key]
