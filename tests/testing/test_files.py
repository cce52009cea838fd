"""Catalogues on disk: three formats, the same cases, and what is damaged or newer is refused by name."""

import json
import pickle
import shutil

import h5py
import numpy as np
import pytest

from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, UnimplementedError
from npslim.testing import golden_cases, read_case, read_catalogue, write_catalogue
from npslim.testing.case import digest

FORMATS = ("golden.npz", "golden.h5", "golden")


@pytest.fixture(scope="module")
def cases():
    complex_ones = golden_cases("^transpose-")
    return [*golden_cases("conv2d")[:2], golden_cases("layers.batch_norm")[1], *golden_cases("argmax"), *complex_ones]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_read(name, cases, tmp_path):
    write_catalogue(tmp_path / name, cases, {"erf-9": "a reason"})
    found = read_catalogue(tmp_path / name)
    assert [c.facts for c in found] == [c.facts for c in cases]
    for a, b in zip(found, cases, strict=True):
        assert list(a.arrays) == list(b.arrays)
        for key, array in a.arrays.items():
            assert array.dtype == b.arrays[key].dtype
            np.testing.assert_array_equal(array, b.arrays[key])
    assert [c.id for c in read_catalogue(tmp_path / name, only="conv2d-1")] == ["conv2d-1"]


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_cases_give_the_same_bytes(name, cases, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_catalogue(tmp_path / folder / name, cases)
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_any_hdf5_library_reads_the_catalogue(cases, tmp_path):
    write_catalogue(tmp_path / "golden.h5", cases)
    with h5py.File(tmp_path / "golden.h5") as file:
        facts = json.loads(file["catalogue.json/:value"][()].tobytes())
        assert facts["cases"][0]["id"] == "conv2d-0"
        np.testing.assert_array_equal(file["conv2d-0/inputs/x/:value"][()], cases[0].inputs["x"])


def test_npy_files_are_read_without_numpy(cases, tmp_path):
    """As docs/golden-format.md says: a header of text, then little-endian numbers in C order."""
    write_catalogue(tmp_path / "golden", cases)
    facts = json.loads((tmp_path / "golden" / "conv2d-0" / "case.json").read_text())
    row = next(a for a in facts["arrays"] if a["key"] == "inputs/w")
    data = (tmp_path / "golden" / "conv2d-0" / row["file"]).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    start = 10 + int.from_bytes(data[8:10], "little")
    assert b"'descr': '<f4'" in data[10:start] and b"'fortran_order': False" in data[10:start]
    numbers = memoryview(data[start:]).cast("f")
    assert list(numbers) == cases[0].inputs["w"].ravel().tolist()


def edited(folder, change, rehash=False):
    path = folder / "conv2d-0" / "case.json"
    facts = json.loads(path.read_text())
    change(facts)
    if rehash:
        facts["sha256"] = digest(facts, read_arrays(folder, facts))
    path.write_text(json.dumps(facts))


def read_arrays(folder, facts):
    return {a["key"]: np.load(folder / "conv2d-0" / a["file"]) for a in facts["arrays"]}


@pytest.fixture
def folder(cases, tmp_path):
    write_catalogue(tmp_path / "golden", cases)
    return tmp_path / "golden"


def test_a_newer_version_is_refused_by_name(folder):
    edited(folder, lambda facts: facts.update(version=2), rehash=True)
    with pytest.raises(UnimplementedError, match="case conv2d-0 has a version.*\n.*version 1\n.*got      2"):
        read_case(folder / "conv2d-0")
    catalogue = json.loads((folder / "catalogue.json").read_text())
    (folder / "catalogue.json").write_text(json.dumps({**catalogue, "version": 7}))
    with pytest.raises(UnimplementedError, match="golden has a version"):
        read_catalogue(folder)


def test_a_wrong_hash_is_refused_by_name(folder):
    weights = np.load(folder / "conv2d-0" / "inputs.w.npy")
    weights[0, 0, 0, 0] += 1
    np.save(folder / "conv2d-0" / "inputs.w.npy", weights)
    with pytest.raises(DataLossError, match="case conv2d-0 is damaged: its hash is wrong"):
        read_case(folder / "conv2d-0")
    with pytest.raises(DataLossError, match="conv2d-0"):
        read_catalogue(folder)
    refused = {}
    rest = read_catalogue(folder, refused=refused)
    assert list(refused) == ["conv2d-0"] and [c.id for c in rest][0] == "conv2d-1"


def test_facts_are_part_of_the_hash(folder):
    edited(folder, lambda facts: facts["attrs"].update(padding="VALID"))
    with pytest.raises(DataLossError, match="conv2d-0 is damaged"):
        read_case(folder / "conv2d-0")


@pytest.mark.parametrize("name", ["golden.npz", "golden.h5"])
def test_damage_in_a_file_is_found(name, cases, tmp_path):
    write_catalogue(tmp_path / name, cases)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    refused = {}
    try:
        found = read_catalogue(tmp_path / name, refused=refused)
    except DataLossError:
        return
    for case in found:  # the bit fell between the arrays
        assert case.facts in [c.facts for c in cases]
    assert all(isinstance(e, DataLossError) for e in refused.values())


def test_other_files_are_refused(folder, tmp_path):
    with pytest.raises(NotFoundError, match="no catalogue"):
        read_catalogue(tmp_path / "golden.txt")
    with pytest.raises(NotFoundError, match="no such file"):
        read_case(tmp_path / "nothing")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "catalogue.json").write_text('{"cases": []}')
    with pytest.raises(InvalidArgumentError, match="no catalogue of golden cases"):
        read_catalogue(tmp_path / "other")
    (tmp_path / "other" / "catalogue.json").write_text("[[[")
    with pytest.raises(DataLossError, match="it is no JSON"):
        read_catalogue(tmp_path / "other")
    (folder / "conv2d-0" / "inputs.x.npy").write_bytes(pickle.dumps(np.array([object])))
    with pytest.raises(DataLossError, match=r"inputs\.x\.npy cannot be read"):
        read_case(folder / "conv2d-0")
    shutil.rmtree(folder / "conv2d-1")
    with pytest.raises(NotFoundError, match="conv2d-1"):
        read_catalogue(folder, only="conv2d-1")


def test_an_id_never_leads_out_of_the_folder(folder):
    catalogue = json.loads((folder / "catalogue.json").read_text())
    catalogue["cases"][0]["id"] = "../../etc"
    (folder / "catalogue.json").write_text(json.dumps(catalogue))
    with pytest.raises(DataLossError, match=r"a case has no id"):
        read_catalogue(folder)
