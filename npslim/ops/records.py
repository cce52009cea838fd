"""Lines of numbers and words, and tensors written as strings, read into tensors."""

import csv

import numpy as np

from npslim.convert import as_tensor
from npslim.dtypes import as_dtype
from npslim.errors import DTypeError, InvalidArgumentError
from npslim.op import op
from npslim.spec import Spec

_KINDS = ("float32", "float64", "int32", "int64", "string")


def _fields(line, delimiter, quotes):
    if not quotes:
        return line.split(delimiter)
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [""])
    except csv.Error as error:
        raise InvalidArgumentError("decode_csv: a quoted field is wrong.", expected=str(error), got=line) from None


def _column(texts, default, na_value, number):
    """The values of one column. Raises InvalidArgumentError where one is missing, or is no number."""
    made = np.empty(len(texts), default.dtype)
    for i, text in enumerate(texts):
        if text in ("", na_value):
            if not default.size:
                raise InvalidArgumentError(
                    f"decode_csv: field {number} is required but missing.", expected="a value", got=f"record {i}"
                )
            made[i] = default.reshape(-1)[0]
        elif default.dtype == object:
            made[i] = text.encode("utf-8", "surrogateescape")
        else:
            try:
                made[i] = int(text) if default.dtype.kind == "i" else float(text)
            except (ValueError, OverflowError):
                raise InvalidArgumentError(
                    f"decode_csv: field {number} in record {i} is no {as_dtype(default.dtype).name}.", got=repr(text)
                ) from None
    return made


def _by_splitting(records, *defaults, delimiter, quotes, na_value, columns):
    rows = [s.decode().replace('"', "").split(delimiter) for s in records.ravel()]
    made = []
    for default, column in zip(defaults, columns, strict=True):
        texts = [row[column] for row in rows]
        read = (lambda t: t.encode()) if default.dtype == object else float
        values = [read(t) if t not in ("", na_value) else default.ravel()[0] for t in texts]
        made.append(np.array(values, default.dtype).reshape(records.shape))
    return tuple(made)


@op(
    type="DecodeCSV", alike=(), host=("records", "defaults"), differentiable=False, exact=True,
    reference=_by_splitting,
)  # fmt: skip
def csv_columns(records, *defaults, delimiter=",", quotes=True, na_value="", columns):
    """The chosen columns of lines of comma-separated values, each of its default's dtype."""
    lines = [text.decode("utf-8", "surrogateescape") for text in records.reshape(-1)]
    rows = [_fields(line.rstrip("\r\n"), delimiter, quotes) for line in lines]
    for i, row in enumerate(rows):
        if max(columns, default=-1) >= len(row):
            raise InvalidArgumentError(
                "decode_csv: a record has too few fields.",
                expected=f"> {max(columns)}",
                got=f"{len(row)} in record {i}",
            )
    made = [
        _column([row[c] for row in rows], d, na_value, c).reshape(records.shape)
        for c, d in zip(columns, defaults, strict=True)
    ]
    return made[0] if len(made) == 1 else tuple(made)


@csv_columns.shape
def _(records, *defaults):
    for d in defaults:
        if as_dtype(d.dtype).name not in _KINDS or (d.shape and d.shape not in ((0,), (1,), (None,))):
            raise DTypeError(
                "A column cannot have this default.", expected=f"[] or [x] of {', '.join(_KINDS)}", got=str(d)
            )
    made = tuple(Spec(records.shape, d.dtype) for d in defaults)
    return made[0] if len(made) == 1 else made


csv_columns.cases(
    lambda rng: (np.array([b'1,"a",2.5', b",b,nan"], object), np.array([7]), np.array(b"z", object), np.array([1.0])),
    na_value="nan", columns=(0, 1, 2),
)  # fmt: skip
csv_columns.cases(lambda rng: (np.array(b"1;2", object), np.array([0])), delimiter=";", columns=(1,))
csv_columns.rejects("default", lambda rng: (np.array(b"1", object), np.zeros((2, 2))), columns=(0,))


def decode_csv(
    records, record_defaults, field_delim=",", use_quote_delim=True, name=None, na_value="", select_cols=None
):
    """The columns of lines of comma-separated values: a list of tensors `[...]` for records `[...]`.

    record_defaults: one for each column, `[x]` or a number, whose dtype the column has; an empty list of a dtype makes
    it required. select_cols: the numbers of the columns that are wanted, in rising order.
    A run raises InvalidArgumentError for lines that do not fit.
    """
    columns = tuple(range(len(record_defaults))) if select_cols is None else tuple(select_cols)
    if len(columns) != len(record_defaults) or list(columns) != sorted(set(columns)):
        raise InvalidArgumentError(
            "decode_csv: a default for each column, whose numbers rise.", expected=len(record_defaults), got=columns
        )
    defaults = [as_tensor(d) for d in record_defaults]
    found = csv_columns(
        as_tensor(records), *defaults, delimiter=field_delim, quotes=bool(use_quote_delim), na_value=na_value,
        columns=columns, name=name or "DecodeCSV",
    )  # fmt: skip
    return list(found) if isinstance(found, tuple) else [found]
