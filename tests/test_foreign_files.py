"""Files of arrays that Keras, PyTorch and TensorFlow.js wrote: values, and what is refused."""

import encodings.cp437  # noqa: F401 - zipfile loads it for some names, which is no file of ours
import io
import json
import pickle
import sys
import types
import zipfile
from collections import OrderedDict

import h5py
import mutations
import numpy as np
import pytest

import npslim as slim
from npslim import checkpoint_files, foreign_hdf5, hdf5_tree, torch_files
from npslim.array_files import open_arrays, open_weights
from npslim.cli import main
from npslim.errors import DataLossError, InvalidArgumentError, NotFoundError, OpError, UnimplementedError
from npslim.foreign_hdf5 import ForeignReader

OPENED = []


def _note(path):
    if not isinstance(path, int):  # a descriptor that gets a file object
        OPENED.append(path)


@pytest.fixture
def opened():
    """The paths that are opened while the test runs."""
    if not OPENED:
        sys.addaudithook(lambda event, args: _note(args[0]) if event == "open" else None)
    np.random.default_rng(0)  # NumPy loads the module at first use
    OPENED[:] = [None]
    return OPENED


def read_all(path):
    with open_arrays(path) as reader:
        reader.verify()
        return {name: reader.read(name) for name in reader.names()}


# ---- HDF5


@pytest.fixture(params=["earliest", "latest"])
def hdf5(request, tmp_path):
    path = tmp_path / "w.h5"
    with h5py.File(path, "w", libver=request.param) as file:
        file["layers/conv/vars/0"] = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
        file["layers/conv/vars/1"] = np.arange(3.0)
        file["big"] = np.arange(5, dtype=">i8")
        file["flags"], file["half"] = np.array([True, False]), np.float16(1.5)
        file["words"], file["nothing"] = np.array([b"ab", b"c"]), np.zeros((0, 3), np.float32)
        file.attrs["backend"] = "tensorflow"
    return path


def values_by_h5py(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, x: found.update({name: x[()]}) if isinstance(x, h5py.Dataset) else None)
    return found


def check_as_h5py(path):
    expected = values_by_h5py(path)
    with ForeignReader(path) as reader:
        assert reader.names() == sorted(expected)
        for name, value in expected.items():
            found = reader.read(name)
            assert found.shape == np.shape(value) == reader.shape(name)
            assert found.dtype == reader.dtype(name)
            if found.dtype != object:
                assert found.dtype == np.asarray(value).dtype.newbyteorder("=")
            np.testing.assert_array_equal(found, value)


def test_hdf5_as_the_c_library_reads_it(hdf5):
    check_as_h5py(hdf5)


def test_many_members_and_chunks(tmp_path):
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "w.h5", "w", userblock_size=1024) as file:
        for i in range(300):
            file[f"many/x{i}"] = i
        packed = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("a", data=rng.normal(size=(100, 33)).astype("f4"), chunks=(16, 10), **packed)
        file.create_dataset("b", data=np.arange(7001, dtype="i4"), chunks=(70,), compression="gzip")
        file.create_dataset("c", data=np.arange(101, dtype="u1"), chunks=(9,), fletcher32=True)
        file.create_dataset("d", data=np.zeros((5, 5)), chunks=(2, 3), fletcher32=True)
        file.create_dataset("e", data=np.zeros((0, 4)), chunks=(1, 4), maxshape=(None, 4))
    check_as_h5py(tmp_path / "w.h5")


def test_weights_of_another_program_are_assigned(hdf5, tmp_path):
    weights = slim.get_variable("conv/weights", [2, 3, 4])
    session = slim.Session()
    slim.assign_from_checkpoint_fn(str(hdf5), {"layers/conv/vars/0": weights})(session)
    np.testing.assert_array_equal(session.run(weights), np.arange(24).reshape(2, 3, 4))
    with pytest.raises(NotFoundError, match="nearest: layers/conv/vars/"):
        slim.assign_from_checkpoint_fn(str(hdf5), {"layers/conv/vars/2": weights})(session)


def test_links_and_storage_elsewhere_are_not_followed(tmp_path, opened):
    (tmp_path / "secret").write_bytes(bytes(800))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    virtual = h5py.VirtualLayout((3,), "f8")
    virtual[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", (3,))
    for version in ("earliest", "latest"):
        path = tmp_path / f"{version}.h5"
        with h5py.File(path, "w", libver=version) as file:
            file["good"] = np.ones(2)
            file["link"], file["soft"] = h5py.ExternalLink("other.h5", "x"), h5py.SoftLink("/good")
            file.create_dataset("outside", (100,), "f8", external=[(str(tmp_path / "secret"), 0, 800)])
            file.create_virtual_dataset("virtual", virtual)
            file.create_dataset("packed", data=np.arange(10), chunks=(5,), compression="lzf")
            file["text"] = "of any length"
        del opened[1:]
        with ForeignReader(path) as reader:
            np.testing.assert_array_equal(reader.read("good"), [1, 1])
            for name, kind, message in [
                ("link", InvalidArgumentError if version == "latest" else OpError, "link"),
                ("soft", InvalidArgumentError, "a link, which npslim does not follow"),
                ("outside", InvalidArgumentError, "other files"), ("virtual", OpError, "virtual|layout"),
                ("packed", UnimplementedError, "filter"), ("text", UnimplementedError, "dtype"),
            ]:  # fmt: skip
                with pytest.raises(kind, match=message):
                    reader.read(name)
        assert {str(name) for name in opened[1:]} == {str(path)}


def test_a_group_in_itself_and_shapes_that_cannot_be(tmp_path):
    with h5py.File(tmp_path / "circle.h5", "w") as file:
        file["a/b"] = np.zeros(2)
        file["a/c"] = file["/"]
    with pytest.raises(DataLossError, match="has no end"):
        ForeignReader(tmp_path / "circle.h5")
    for layout in ({}, {"chunks": (1 << 20,)}, {"chunks": (1 << 20,), "compression": "gzip"}):
        with h5py.File(tmp_path / "bomb.h5", "w") as file:
            file.create_dataset("x", (1 << 40,), "f8", **layout)
        message = "never written|larger than the file|do not fill it"
        with mutations.bounded_memory(), pytest.raises(OpError, match=message):
            read_all(tmp_path / "bomb.h5")


def test_checksums():
    assert hdf5_tree.lookup3(b"") == 0xDEADBEEF
    assert hdf5_tree.lookup3(b"Four score and seven years ago") == 0x17770551  # its author's own example
    assert hdf5_tree.lookup3(b"") != hdf5_tree.lookup3(b"\0")
    assert foreign_hdf5.fletcher32(bytes(10)) == 0
    first = (0x6162 + 0x6364 + 0x6566) % 65535
    assert foreign_hdf5.fletcher32(b"abcdef") == (3 * 0x6162 + 2 * 0x6364 + 0x6566) % 65535 << 16 | first


@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=pytest.mark.long)])
def test_damaged_hdf5(hdf5, count, opened):
    """Datasets of HDF5 have no checksums: other values may come, but no other files, no crash and no hang."""
    with mutations.bounded_memory(count):
        mutations.survive(
            f"{hdf5.name} of h5py", lambda: read_all(hdf5), count, mutations.in_file(hdf5, 1), checksums=False
        )
    assert {str(name) for name in opened[1:]} <= {str(hdf5)}


def test_a_damaged_header_is_found(tmp_path):
    """The newer headers have checksums: every flipped bit of one is found."""
    path = tmp_path / "w.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file["x"] = np.zeros(2)
    data = path.read_bytes()
    at = data.index(b"OHDR")
    for place in range(at, at + 40):
        path.write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        with pytest.raises(OpError):
            read_all(path)


def test_the_command_takes_them_all(hdf5, torch, tmp_path, capsys):
    """Listed, converted into TensorFlow's own format, and equal to it."""
    (tmp_path / "js").mkdir()
    sources = [hdf5, torch_file(torch, tmp_path / "w.pth", state(), True), manifest(tmp_path / "js", [weight()])]
    for i, source in enumerate(map(str, sources)):
        assert main(["ckpt", "ls", source]) == 0
        for target in (tmp_path / f"model{i}", tmp_path / f"model{i}.h5"):
            assert main(["ckpt", "convert", source, str(target)]) == 0
            assert main(["ckpt", "diff", source, str(target)]) == 0
            assert main(["ckpt", "verify", source, str(target)]) == 0
    assert "layers/conv/vars/0  float32   [2, 3, 4]" in capsys.readouterr().out
    assert main(["ckpt", "ls", str(tmp_path / "js/a.bin")]) == 1
    assert "a.bin is no file of PyTorch" in capsys.readouterr().err


# ---- PyTorch


class Pickled:
    """Stands for a tensor while a file is written."""

    def __init__(self, array, key, strides=None, offset=0, shape=None, kind="FloatStorage"):
        self.array, self.key, self.kind = np.asarray(array), key, kind
        self.offset, self.shape = offset, self.array.shape if shape is None else shape
        self.strides = strides or tuple(s // self.array.itemsize for s in self.array.strides)


def torch_like():
    """The parts of a module `torch` whose names a pickle of tensors holds."""
    utils = types.ModuleType("torch._utils")
    exec("def _rebuild_tensor_v2(*args): pass\ndef _rebuild_parameter(*args): pass", utils.__dict__)
    for function in (utils._rebuild_tensor_v2, utils._rebuild_parameter):
        function.__module__ = "torch._utils"
    module = types.ModuleType("torch")
    for name in ("FloatStorage", "LongStorage", "BFloat16Storage", "BoolStorage"):
        setattr(module, name, type(name, (), {"__module__": "torch", "__qualname__": name}))
    module._utils = utils
    return module


@pytest.fixture
def torch(monkeypatch):
    module = torch_like()
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setitem(sys.modules, "torch._utils", module._utils)
    return module


def pickled(torch, value, storages):
    """The bytes of a pickle in which `Pickled` are tensors, as torch.save writes them."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, x):
            if not isinstance(x, tuple) or len(x) != 2 or x[0] != "storage":
                return None
            storages[x[1].key] = x[1].array
            return ("storage", getattr(torch, x[1].kind), x[1].key, "cpu", x[1].array.size)

        def reducer_override(self, x):
            if not isinstance(x, Pickled):
                return NotImplemented
            args = (("storage", x), x.offset, tuple(x.shape), tuple(x.strides), False, OrderedDict())
            return torch._utils._rebuild_tensor_v2, args

    file = io.BytesIO()
    Pickler(file, 2).dump(value)
    return file.getvalue()


def torch_file(torch, path, value, archive):
    storages = {}
    program = pickled(torch, value, storages)
    if archive:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("model/data.pkl", program)
            file.writestr("model/byteorder", "little")
            for key, array in storages.items():
                file.writestr(f"model/data/{key}", array.tobytes())
            file.writestr("model/version", "3\n")
    else:
        system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
        parts = [pickle.dumps(x, 2) for x in (torch_files.MAGIC, 1001, system)] + [program]
        parts.append(pickle.dumps(sorted(storages), 2))
        for key in sorted(storages):
            parts += [storages[key].size.to_bytes(8, "little"), storages[key].tobytes()]
        path.write_bytes(b"".join(parts))
    return path


WEIGHTS = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


def state():
    shared = Pickled(WEIGHTS, "0")
    return OrderedDict(
        [("conv.weight", shared), ("conv.turned", Pickled(WEIGHTS, "0", (1, 2), 4, (2, 3))),
         ("steps", Pickled(np.array(7), "1", kind="LongStorage")),
         ("nested", {"half": Pickled(np.array([0x3FC0, 0xC000], np.uint16), "2", kind="BFloat16Storage"), "lr": 0.1}),
         ("empty", Pickled(np.zeros((0, 3), np.float32), "3"))]
    )  # fmt: skip


@pytest.mark.parametrize("archive", [False, True])
def test_torch(torch, tmp_path, archive):
    found = read_all(torch_file(torch, tmp_path / "w.pth", state(), archive))
    assert sorted(found) == ["conv.turned", "conv.weight", "empty", "nested.half", "steps"]
    np.testing.assert_array_equal(found["conv.weight"], WEIGHTS, strict=True)
    turned = np.lib.stride_tricks.as_strided(WEIGHTS.ravel()[4:], (2, 3), (4, 8))
    np.testing.assert_array_equal(found["conv.turned"], turned, strict=True)
    np.testing.assert_array_equal(found["steps"], np.array(7), strict=True)
    np.testing.assert_array_equal(found["nested.half"], np.array([1.5, -2], np.float32), strict=True)
    assert found["empty"].shape == (0, 3)


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return eval, ("open('/dev/null').close() or __import__('os').abort()",)


@pytest.mark.parametrize("archive", [False, True])
def test_torch_runs_nothing(torch, tmp_path, archive):
    path = torch_file(torch, tmp_path / "w.pth", {"a": Pickled(WEIGHTS, "0"), "b": Evil()}, archive)
    with pytest.raises(InvalidArgumentError, match=r"runs nothing(.|\n)*eval"):
        open_weights(path)


@pytest.mark.parametrize("tensor", [
    Pickled(WEIGHTS, "0", (1, 2), 20, (2, 3)), Pickled(WEIGHTS, "0", (0,), 0, (2**40,)),
    Pickled(WEIGHTS, "0", (-1,), 4, (3,)), Pickled(WEIGHTS, "0", (1, 1), 0, (3,)),
])  # fmt: skip
def test_torch_tensors_that_leave_their_storage(torch, tmp_path, tensor):
    with pytest.raises(DataLossError, match="no possible tensor|a tensor of"):
        open_weights(torch_file(torch, tmp_path / "w.pth", {"x": tensor}, False))


@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.parametrize("archive", [False, True])
def test_damaged_torch(torch, tmp_path, archive, count, opened):
    path = torch_file(torch, tmp_path / "w.pth", state(), archive)
    with mutations.bounded_memory(count):
        name = f"w.pth, {'archive' if archive else 'row'}"
        mutations.survive(name, lambda: read_all(path), count, mutations.in_file(path, 2), checksums=False)
    assert {str(name) for name in opened[1:]} <= {str(path)}


# ---- TensorFlow.js


def manifest(tmp_path, weights, paths=("a.bin", "b.bin"), size=40):
    (tmp_path / "w.json").write_text(json.dumps([{"paths": list(paths), "weights": weights}]))
    data = np.arange(size, dtype=np.uint8).tobytes()
    (tmp_path / "a.bin").write_bytes(data[:13])
    (tmp_path / "b.bin").write_bytes(data[13:])
    return tmp_path / "w.json"


def weight(name="x", shape=(2,), dtype="float32", quantization=None):
    row = {"name": name, "shape": list(shape), "dtype": dtype}
    return row | ({"quantization": quantization} if quantization else {})


def test_tensorflow_js(tmp_path):
    quantized = {"dtype": "uint8", "scale": 0.5, "min": -1}
    integers = {"dtype": "uint8", "scale": 2, "min": 1}
    rows = [weight("x", (2, 2)), weight("q", (3,), quantization=quantized), weight("n", (2,), "int32", integers)]
    found = read_all(manifest(tmp_path, rows))
    data = np.arange(40, dtype=np.uint8)
    np.testing.assert_array_equal(found["x"], data[:16].view(np.float32).reshape(2, 2), strict=True)
    np.testing.assert_array_equal(found["q"], np.float32([16, 17, 18]) * np.float32(0.5) - 1, strict=True)
    np.testing.assert_array_equal(found["n"], np.int32([2 * 19 + 1, 2 * 20 + 1]), strict=True)


@pytest.mark.parametrize(("rows", "paths", "kind", "message"), [
    ([weight()], ["../a.bin"], InvalidArgumentError, "outside of its folder"),
    ([weight()], ["/etc/passwd"], InvalidArgumentError, "outside of its folder"),
    ([weight(shape=(2**40,))], ["a.bin"], DataLossError, "array x at offset 0 is cut off"),
    ([weight(shape=(-1,))], ["a.bin"], DataLossError, "no possible weight"),
    ([weight(dtype="string")], ["a.bin"], UnimplementedError, "of a kind that npslim does not read"),
    ([weight(), weight()], ["a.bin"], DataLossError, "no possible weight"),
    ([weight()], ["c.bin"], NotFoundError, "c.bin"), ([{"name": "x"}], ["a.bin"], DataLossError, "list of weights"),
])  # fmt: skip
def test_tensorflow_js_lies(tmp_path, rows, paths, kind, message, opened):
    path = manifest(tmp_path, rows, paths)
    del opened[1:]
    with mutations.bounded_memory(), pytest.raises(kind, match=message):
        read_all(path)
    assert all(str(name).startswith(str(tmp_path)) for name in opened[1:])


@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=pytest.mark.long)])
def test_damaged_tensorflow_js(tmp_path, count):
    path = manifest(tmp_path, [weight("x", (2, 2)), weight("y", (3, 2))])
    with mutations.bounded_memory(count):
        mutations.survive("w.json", lambda: read_all(path), count, mutations.in_file(path, 3), checksums=False)


def test_own_checkpoints_are_never_read_as_foreign_ones(tmp_path):
    checkpoint_files.save(str(tmp_path / "m-1"), {"w": np.zeros(2)}, {"step": 1, "draws": {}})
    path = tmp_path / "m-1.h5"
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    with pytest.raises(InvalidArgumentError, match="not a checkpoint of npslim"):
        open_weights(path)
