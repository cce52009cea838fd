"""Catalogues of golden cases on disk, in three formats with the same facts and the same bytes of arrays.

    NAME.npz + NAME.json   arrays `<id>/<key>` in the one, the catalogue in the other
    NAME.h5                HDF5: arrays at `/<id>/<key>/:value`, the JSON as bytes at `/catalogue.json/:value`
    NAME/                  catalogue.json, and a folder `<id>` for each case: case.json, a .npy file for each array

docs/golden-format.md describes it for readers in other languages.
"""

import hashlib
import io
import json
import os
import re

import numpy as np

from npslim import hdf5
from npslim.array_files import NpzReader
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, OpError, UnimplementedError
from npslim.testing.case import FORMAT, VERSION, as_json, checked, file_of, little_endian

CATALOGUE, CASE = "catalogue.json", "case.json"
_LAYOUT = {"indent": 1, "separators": (",", ": ")}


def write_catalogue(path, cases, skipped=None):
    """Write `cases` in the format that the ending of `path` says: .npz, .h5, or a new folder.

    The same cases give the same bytes.
    """
    path = os.fspath(path)
    facts = catalogue_of(cases, skipped or {})
    text = as_json(facts, **_LAYOUT).encode() + b"\n"
    arrays = {f"{case.id}/{key}": little_endian(array) for case in cases for key, array in case.arrays.items()}
    if path.endswith(".npz"):
        _write(path, _zipped(arrays))
        _write(path[:-4] + ".json", text)
    elif path.endswith(".h5"):
        _write(path, hdf5.encode({CATALOGUE: np.frombuffer(text, np.uint8), **arrays}, {}))
    else:
        os.makedirs(path)
        _write(os.path.join(path, CATALOGUE), text)
        for case in cases:
            write_case(os.path.join(path, case.id), case)


def catalogue_of(cases, skipped):
    """The catalogue as JSON holds it."""
    hashes = hashlib.sha256("".join(case.facts.get("sha256", "") for case in cases).encode()).hexdigest()
    return {
        "format": FORMAT, "version": VERSION, "cases": [case.facts for case in cases], "skipped": skipped,
        "sha256": hashes,
    }  # fmt: skip


def _zipped(arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def write_case(folder, case):
    """Write one case, or a question without its answers, to a new folder: case.json and a .npy file for each array."""
    os.makedirs(folder)
    _write(os.path.join(folder, CASE), as_json(case.facts, **_LAYOUT).encode() + b"\n")
    for key, array in case.arrays.items():
        np.save(os.path.join(folder, file_of(key)), little_endian(array), allow_pickle=False)


def read_catalogue(path, only="", refused=None):
    """The cases of a catalogue, in order, whose ids hold the regular expression `only`.

    Damage and newer versions raise DataLossError or UnimplementedError with the name of the case; with a dictionary
    `refused` they are put there, {id: error}, and the rest is read.
    """
    path = os.fspath(path)
    if os.path.isdir(path) and not os.path.exists(os.path.join(path, CATALOGUE)):
        return _kept(path, [os.path.basename(path)], only, refused, lambda _: read_case(path))
    if os.path.isdir(path):
        rows = _catalogue(_json(os.path.join(path, CATALOGUE)), path)
        return _kept(path, rows, only, refused, lambda row: _in_folder(os.path.join(path, _id(row, path)), row))
    with _opened(path) as reader:
        if path.endswith(".npz"):
            facts = _json(path[:-4] + ".json")
        else:
            facts = _parsed(reader.read(CATALOGUE).tobytes(), path)
        rows = _catalogue(facts, path)
        return _kept(path, rows, only, refused, lambda row: _in_file(reader, row, path))


def _opened(path):
    if path.endswith(".npz"):
        return NpzReader(path)
    if path.endswith(".h5"):
        return hdf5.Reader(path)
    raise NotFoundError(f"{path} is no catalogue of golden cases.", expected="a folder, a .npz or a .h5 file", got=path)


def _kept(path, rows, only, refused, read):
    cases = []
    for row in rows:
        id = _id(row, path)
        if not re.search(only, id):
            continue
        try:
            cases.append(read(row))
        except OpError as error:
            if refused is None:
                raise
            refused[id] = error
    return cases


def _id(row, path):
    id = row if isinstance(row, str) else row.get("id") if isinstance(row, dict) else None
    if not isinstance(id, str) or not re.fullmatch(r"[A-Za-z0-9_.=-]+", id) or set(id) == {"."}:
        raise DataLossError(f"{path} is damaged: a case has no id.", expected="letters, digits, _ - . =", got=id)
    return id


def _catalogue(facts, path):
    """The rows of cases, if this is a catalogue of a version that is known."""
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InvalidArgumentError(f"{path} is no catalogue of golden cases.", expected=f'"format": "{FORMAT}"')
    if facts.get("version") != VERSION:
        raise UnimplementedError(
            f"{path} has a version that this npslim does not read.", expected=f"version {VERSION}",
            got=facts.get("version"), hint="a newer npslim may",
        )  # fmt: skip
    if not isinstance(facts.get("cases"), list):
        raise DataLossError(f"{path} is damaged: it lists no cases.", expected="cases", got=list(facts))
    return facts["cases"]


def _in_file(reader, row, path):
    keys = [a["key"] for a in row.get("arrays", ())]
    return checked(row, {key: np.asarray(reader.read(f"{row['id']}/{key}")) for key in keys}, path)


def read_case(folder):
    """One case from its folder. Raises NotFoundError, DataLossError, UnimplementedError."""
    return _in_folder(folder, _json(os.path.join(folder, CASE)))


def _in_folder(folder, facts):
    if not isinstance(facts, dict):
        raise DataLossError(f"{folder}: {CASE} is damaged.", expected="an object", got=facts)
    keys = [a["key"] for a in facts.get("arrays", ())]
    return checked(facts, {key: load_array(os.path.join(folder, file_of(key))) for key in keys}, folder)


def load_array(path):
    """The array of a .npy file. Raises NotFoundError, DataLossError; nothing in it is run."""
    try:
        found = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file.", expected="a .npy file", got=path) from None
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise DataLossError(
            f"{path} cannot be read.", expected="a .npy file of numbers", got=str(error)[:200]
        ) from None
    if not isinstance(found, np.ndarray):
        raise DataLossError(f"{path} cannot be read.", expected="a .npy file of numbers", got="an archive")
    return found


def _json(path):
    try:
        with open(path, "rb") as file:
            return _parsed(file.read(), path)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: there is no such file.", expected="the JSON of golden cases", got=path) from None


def _parsed(data, path):
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataLossError(f"{path} is damaged: it is no JSON.", expected="JSON", got=str(error)[:200]) from None
