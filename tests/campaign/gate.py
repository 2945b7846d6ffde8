"""Where kernels stop until they are let go on."""

import contextlib
import os
import socket
import threading


class Gate:
    """Listens for the kernels of a worker. While `at` is set, it is called once, when they first say a word that `when` likes."""

    def __init__(self, path):
        self.path, self.lock, self.at, self.when = path, threading.Lock(), None, None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def once(self, when, at):
        with self.lock:
            self.when, self.at = when, at

    @property
    def passed(self):
        """Whether it happened; nothing happens after."""
        with self.lock:
            passed = self.at is None
            self.at = None
            return passed

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                kernels, _ = self.listener.accept()
                threading.Thread(target=self.answer, args=(kernels,), daemon=True).start()

    def answer(self, kernels):
        with contextlib.suppress(OSError), kernels:
            word = kernels.recv(256).decode()
            with self.lock:
                at, wanted = self.at, self.at is not None and self.when(word)
                if wanted:
                    self.at = None
            if wanted:
                at()
            kernels.send(b".")

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
