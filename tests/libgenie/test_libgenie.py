"""libgenie through ctypes, with torch tensors: what goes in and what comes out is used where it lies."""

import contextlib
import ctypes
import json
import threading

import pytest

torch = pytest.importorskip("torch")

COLUMNS = 8
CPU, FLOAT = 1, 2


class TensorView(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_kind", ctypes.c_int32), ("device_index", ctypes.c_int32),
                ("rank", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
                ("byte_offset", ctypes.c_uint64)]


class Tensor(ctypes.Structure):
    pass


Deleter = ctypes.CFUNCTYPE(None, ctypes.POINTER(Tensor))
Tensor._fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("manager", ctypes.c_void_p), ("deleter", Deleter),
                   ("flags", ctypes.c_uint64), ("view", TensorView)]


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint64), ("config", ctypes.c_char_p), ("config_file", ctypes.c_char_p),
                ("base_folder", ctypes.c_char_p), ("overrides", ctypes.POINTER(ctypes.c_char_p)),
                ("override_count", ctypes.c_uint64), ("plugin_paths", ctypes.POINTER(ctypes.c_char_p)),
                ("plugin_path_count", ctypes.c_uint64), ("host_executable", ctypes.c_char_p), ("flags", ctypes.c_uint32),
                ("log_level", ctypes.c_uint32), ("log", ctypes.c_void_p), ("progress", ctypes.c_void_p), ("ctx", ctypes.c_void_p)]


class NamedInput(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("tensor", ctypes.POINTER(TensorView)), ("value", ctypes.c_void_p)]


class NamedOutput(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("keep", ctypes.c_uint32), ("reserved", ctypes.c_uint32),
                ("tensor", ctypes.POINTER(Tensor)), ("value", ctypes.c_void_p)]


class GenieError(Exception):
    def __init__(self, lib, error):
        self.exit_code = lib.genie_error_exit_code(ctypes.c_void_p(error))
        self.diagnostics = json.loads(lib.genie_error_diagnostics(ctypes.c_void_p(error)))
        super().__init__(lib.genie_error_message(ctypes.c_void_p(error)).decode())
        lib.genie_error_free(ctypes.c_void_p(error))


def view_of(tensor):
    """A view of a contiguous or strided f32/i64 CPU tensor; returns it with what it points to."""
    shape = (ctypes.c_int64 * tensor.dim())(*tensor.shape)
    strides = (ctypes.c_int64 * tensor.dim())(*tensor.stride())
    code, bits = {torch.float32: (FLOAT, 32), torch.int64: (0, 64)}[tensor.dtype]
    return TensorView(tensor.data_ptr(), CPU, 0, tensor.dim(), code, bits, 1, shape, strides, 0), (tensor, shape, strides)


def to_torch(tensor):
    """Hands an owned tensor to torch as a DLPack capsule, which then calls its deleter."""
    make = ctypes.pythonapi.PyCapsule_New
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return torch.utils.dlpack.from_dlpack(make(ctypes.cast(tensor, ctypes.c_void_p), b"dltensor_versioned", None))


class Engine:
    def __init__(self, lib, options):
        self.lib, self.handle = lib, ctypes.c_void_p()
        self.check(lib.genie_engine_create(ctypes.byref(options), ctypes.byref(self.handle)))

    def check(self, error):
        if error:
            raise GenieError(self.lib, error)

    def text(self, function, *arguments):
        out = ctypes.c_void_p()
        self.check(function(self.handle, *arguments, ctypes.byref(out)))
        value = ctypes.string_at(out).decode()
        self.lib.genie_text_free(out)
        return value

    def load(self):
        self.check(self.lib.genie_engine_load(self.handle, None, ctypes.c_uint64(0)))
        return self

    @contextlib.contextmanager
    def session(self):
        session = ctypes.c_void_p()
        self.check(self.lib.genie_session_open(self.handle, ctypes.c_uint64(0), ctypes.byref(session)))
        try:
            yield session
        finally:
            self.lib.genie_session_close(session)

    def step(self, session, inputs, outputs, deadline_ms=0):
        views = {name: view_of(tensor) for name, tensor in inputs.items()}
        given = (NamedInput * len(inputs))(*(NamedInput(name.encode(), ctypes.pointer(view), None)
                                             for name, (view, _) in views.items()))
        wanted = (NamedOutput * len(outputs))(*(NamedOutput(name.encode(), 0, 0, None, None) for name in outputs))
        self.check(self.lib.genie_session_step(session, b"forward", given, ctypes.c_uint64(len(inputs)), wanted,
                                               ctypes.c_uint64(len(outputs)), ctypes.c_uint64(deadline_ms)))
        return [output.tensor for output in wanted]

    def destroy(self):
        self.lib.genie_engine_destroy(self.handle)
        self.handle = ctypes.c_void_p()


@pytest.fixture(scope="module")
def lib(build):
    found = build / "genie-host" / "libgenie.so"
    if not found.exists():
        pytest.skip("libgenie is not built")
    library = ctypes.CDLL(str(found))
    for name in ("create", "load", "capture", "run_config", "describe", "plan", "topology", "report", "trace", "set_source"):
        getattr(library, f"genie_engine_{name}").restype = ctypes.c_void_p
    library.genie_session_open.restype = library.genie_session_step.restype = ctypes.c_void_p
    library.genie_error_message.restype = library.genie_error_diagnostics.restype = ctypes.c_char_p
    library.genie_version.restype = ctypes.c_char_p
    return library


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def options_for(build, config, folder, plugins):
    paths = (ctypes.c_char_p * 1)(str(plugins).encode())
    return Options(struct_size=ctypes.sizeof(Options), config=json.dumps(config).encode(), base_folder=str(folder).encode(),
                   plugin_paths=paths, plugin_path_count=1, host_executable=str(build / "genie-host" / "genie-host").encode())


def parts_engine(lib, build, folder, backend_options=None):
    """An engine over the test plug-in of tests/abi: y = relu(x) + bias."""
    plugins = build / "tests" / "abi" / "parts"
    if not plugins.exists():
        pytest.skip("the test plug-ins are not built")
    (folder / "model.relu").write_bytes(bytes(64) + torch.arange(1, COLUMNS + 1, dtype=torch.float32).numpy().tobytes())
    config = {"schema": "genie.run", "version": {"major": 0, "minor": 1}, "source": {"uri": "model.relu"},
              "policy": {"plugin": "org.example.parts"},
              "backend": {"plugin": "org.example.parts", "options": backend_options or {}}, "run": {"inputs": {}}}
    return Engine(lib, options_for(build, config, folder, plugins))


def test_version(lib):
    assert lib.genie_version() == b"0.1.0"


def test_input_is_lent_and_output_is_handed_over_without_a_copy(lib, build, tmp_path):
    engine = parts_engine(lib, build, tmp_path).load()
    x = torch.randn(5, COLUMNS)
    with engine.session() as session:
        raw, = engine.step(session, {"x": x}, ["output"])
        address = raw.contents.view.data
        y = to_torch(raw)
    # The backend saw torch's own memory, and torch has the backend's.
    counters = json.loads(engine.text(lib.genie_engine_report))["counters"]
    assert counters["input_address"] == x.data_ptr() % 2**48
    assert y.data_ptr() == address
    assert torch.equal(y, torch.relu(x) + torch.arange(1, COLUMNS + 1))
    # The tensor outlives session and engine.
    engine.destroy()
    before = y.clone()
    y += 1
    assert torch.equal(y, before + 1)


def test_errors_carry_code_exit_code_and_diagnostics(lib, build, tmp_path):
    engine = parts_engine(lib, build, tmp_path).load()
    with engine.session() as session, pytest.raises(GenieError) as caught:
        engine.step(session, {"x": torch.zeros(2, COLUMNS, dtype=torch.int64)}, ["output"])
    assert caught.value.exit_code == 2
    assert caught.value.diagnostics[0]["code"] == "GE0654"
    assert "must be f32, not i64" in str(caught.value)
    engine.destroy()


def test_cancel_from_another_thread_and_deadline(lib, build, tmp_path):
    engine = parts_engine(lib, build, tmp_path, {"fault": "until_cancelled"}).load()
    with engine.session() as session:
        canceller = threading.Thread(target=lib.genie_engine_cancel, args=(engine.handle,))
        canceller.start()
        with pytest.raises(GenieError) as caught:
            engine.step(session, {"x": torch.zeros(2, COLUMNS)}, ["output"])
        canceller.join()
        assert caught.value.exit_code == 130
        lib.genie_engine_reset_cancel(engine.handle)
        with pytest.raises(GenieError) as caught:
            engine.step(session, {"x": torch.zeros(2, COLUMNS)}, ["output"], deadline_ms=1)
        assert caught.value.diagnostics[0]["code"] == "GE0656"
    engine.destroy()


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(16, 32)
        self.second = torch.nn.Linear(32, 4)

    def forward(self, x):
        return self.second(torch.nn.functional.gelu(self.first(x)))


def test_exported_model_gives_torchs_bits(lib, build, tmp_path):
    plugins = build / "plugins"
    for name in ("frontend-pytorch", "kernels-aten", "policy-default", "backend-emulation"):
        if not (plugins / name / f"{name}.genie.json").exists():
            pytest.skip(f"{name} is not built")
    torch.manual_seed(0)
    net = Net().eval()
    x = torch.randn(3, 16)
    program = torch.export.export(net, (x,))
    torch.export.save(program, str(tmp_path / "net.pt2"))
    config = {"schema": "genie.run", "version": {"major": 0, "minor": 1}, "source": {"uri": "net.pt2"},
              "kernels": [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}], "run": {"inputs": {}}}
    engine = Engine(lib, options_for(build, config, tmp_path, plugins)).load()
    method = json.loads(engine.text(lib.genie_engine_describe))["methods"]["forward"]
    assert method["inputs"] == [{"name": "x", "dtype": "f32", "shape": [3, 16]}]
    name = method["outputs"][0]["name"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode(), engine.session() as session:
            raw, = engine.step(session, {"x": x}, [name])
            y = to_torch(raw)
            assert torch.equal(y.view(torch.int32), program.module()(x).view(torch.int32))
        counters = json.loads(engine.text(lib.genie_engine_report))["counters"]
        assert counters["weight_bytes_copied"] == 0
    finally:
        torch.set_num_threads(threads)
        engine.destroy()
