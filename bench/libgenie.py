"""libgenie in this process, by ctypes: torch's tensors go in and come out where they lie."""

import ctypes
import json

FLOAT, CPU = 2, 1


class TensorView(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device_kind", ctypes.c_int32), ("device_index", ctypes.c_int32), ("rank", ctypes.c_int32),
                ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


class Tensor(ctypes.Structure):
    pass


Tensor._fields_ = [("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("manager", ctypes.c_void_p),
                   ("deleter", ctypes.CFUNCTYPE(None, ctypes.POINTER(Tensor))), ("flags", ctypes.c_uint64), ("view", TensorView)]


class Options(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint64), ("config", ctypes.c_char_p), ("config_file", ctypes.c_char_p), ("base_folder", ctypes.c_char_p),
                ("overrides", ctypes.POINTER(ctypes.c_char_p)), ("override_count", ctypes.c_uint64), ("plugin_paths", ctypes.POINTER(ctypes.c_char_p)),
                ("plugin_path_count", ctypes.c_uint64), ("host_executable", ctypes.c_char_p), ("flags", ctypes.c_uint32), ("log_level", ctypes.c_uint32),
                ("log", ctypes.c_void_p), ("progress", ctypes.c_void_p), ("ctx", ctypes.c_void_p)]


class NamedInput(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("tensor", ctypes.POINTER(TensorView)), ("value", ctypes.c_void_p)]


class NamedOutput(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("keep", ctypes.c_uint32), ("reserved", ctypes.c_uint32), ("tensor", ctypes.POINTER(Tensor)),
                ("value", ctypes.c_void_p)]


class Program:
    """A loaded config with one open session and inputs that stay the same; call it for a step of `forward`."""

    def __init__(self, build, config, folder, inputs):
        self.lib = ctypes.CDLL(str(build / "genie-host/libgenie.so"))
        for name in ("genie_engine_create", "genie_engine_load", "genie_engine_describe", "genie_engine_report", "genie_session_open", "genie_session_step"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.lib.genie_error_message.restype = ctypes.c_char_p
        paths = (ctypes.c_char_p * 1)(str(build / "plugins").encode())
        options = Options(struct_size=ctypes.sizeof(Options), config=json.dumps(config).encode(), base_folder=str(folder).encode(),
                          plugin_paths=paths, plugin_path_count=1, host_executable=str(build / "genie-host/genie-host").encode())
        self.engine, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        self._check(self.lib.genie_engine_create(ctypes.byref(options), ctypes.byref(self.engine)))
        self._check(self.lib.genie_engine_load(self.engine, None, ctypes.c_uint64(0)))
        self.names = [output["name"] for output in json.loads(self.text("describe"))["methods"]["forward"]["outputs"]]
        self._check(self.lib.genie_session_open(self.engine, ctypes.c_uint64(0), ctypes.byref(self.session)))
        self._kept = []
        self.inputs = (NamedInput * len(inputs))(*(NamedInput(name.encode(), ctypes.pointer(self._view(tensor)), None) for name, tensor in inputs.items()))
        self.outputs = (NamedOutput * len(self.names))()

    def _view(self, tensor):
        import torch

        shape, strides = (ctypes.c_int64 * tensor.dim())(*tensor.shape), (ctypes.c_int64 * tensor.dim())(*tensor.stride())
        code, bits = {torch.float32: (FLOAT, 32), torch.int64: (0, 64)}[tensor.dtype]
        view = TensorView(tensor.data_ptr(), CPU, 0, tensor.dim(), code, bits, 1, shape, strides, 0)
        self._kept += [tensor, view]
        return view

    def _check(self, error):
        if error:
            raise SystemExit(self.lib.genie_error_message(ctypes.c_void_p(error)).decode())

    def text(self, what):
        out = ctypes.c_void_p()
        self._check(getattr(self.lib, f"genie_engine_{what}")(self.engine, ctypes.byref(out)))
        value = ctypes.string_at(out).decode()
        self.lib.genie_text_free(out)
        return value

    def __call__(self):
        """One step. Its outputs, by name, are torch's from then on."""
        import torch

        for slot, name in zip(self.outputs, self.names):
            slot.name, slot.tensor = name.encode(), None
        self._check(self.lib.genie_session_step(self.session, b"forward", self.inputs, ctypes.c_uint64(len(self.inputs)), self.outputs,
                                                ctypes.c_uint64(len(self.outputs)), ctypes.c_uint64(0)))
        make = ctypes.pythonapi.PyCapsule_New
        make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return {slot.name.decode(): torch.utils.dlpack.from_dlpack(make(ctypes.cast(slot.tensor, ctypes.c_void_p), b"dltensor_versioned", None))
                for slot in self.outputs}

    def close(self):
        self.lib.genie_session_close(self.session)
        self.lib.genie_engine_destroy(self.engine)
