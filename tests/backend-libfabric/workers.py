"""Real workers on loopback, and clients that speak the protocol by hand."""

import contextlib
import hashlib
import hmac
import json
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import zlib

KERNELS = "org.genie.kernels-aten"
BACKEND = "org.genie.backend-libfabric"
VERSION = {"major": 0, "minor": 1}
#: Seconds that anything on loopback may take on a busy machine.
PATIENCE = 60


class Worker:
    """A `genie-host serve` process, from its ready line on."""

    def __init__(self, host, folder, name, memory_bytes=1 << 30, options=None, listen="127.0.0.1:0", **config):
        self.name, self.folder = name, folder
        self.token = folder / "workers.token"
        path = folder / f"{name}.json"
        path.write_text(json.dumps({
            "schema": "genie.worker", "version": VERSION, "plugins": {"paths": [str(host.plugins)]},
            "service": {"plugin": BACKEND, "options": {"listen": listen, "token_file": str(self.token), **(options or {})}},
            "kernels": [{"plugin": KERNELS, "options": {"threads": 1}}],
            "devices": [{"id": name, "memory_bytes": memory_bytes}], **config}))
        self.errors = open(folder / f"{name}.err", "w+")
        self.process = subprocess.Popen([str(host.binary), "serve", "--config", str(path)], cwd=folder, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, env=host.environment, stdin=subprocess.DEVNULL)
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            self.end()
            raise RuntimeError(f"worker {name} did not start: {self.said()}")
        self.ready = json.loads(line)
        self.address = f"{self.ready['address']}:{self.ready['port']}"

    def said(self):
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read()

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)

    def terminate(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def rss(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Cluster:
    """Workers of one test; none outlives it."""

    def __init__(self, host, folder):
        self.host, self.folder, self.workers = host, folder, []

    def start(self, *names, **options):
        for name in names:
            self.workers.append(Worker(self.host, self.folder, name, **options))
        return self.workers[-len(names):]

    def backend(self, workers=None, **options):
        return {"plugin": BACKEND, "options": {"workers": [w.address for w in workers or self.workers],
                                               "token_file": str(self.folder / "workers.token"), **options}}

    def end(self):
        for worker in self.workers:
            with contextlib.suppress(ProcessLookupError):
                worker.process.send_signal(signal.SIGCONT)
            worker.end()


def wait_until(true, what, patience=PATIENCE):
    """Looks until something is so: for what gives no event to wait for."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, f"waited {patience} s in vain until {what}"
        select.select([], [], [], 0.01)


# --- the protocol by hand: written from docs/protocol.md, not from the code ---

PROTOCOL = b"GNW1"
TYPES = {"hello": 1, "auth": 2, "welcome": 3, "refused": 4, "ping": 10, "pong": 11, "done": 20, "failed": 21, "prepare": 30, "blob": 31,
         "compile": 32, "release_program": 33, "open_session": 34, "close_session": 35, "step": 36, "cancel": 37, "value": 38,
         "release_value": 39, "read_state": 40, "write_state": 41, "stats": 42, "goodbye": 43,
         "watch": 44, "event": 45, "go_on": 46, "look": 47, "describe": 48}
PEER = 2  # a role
NAMES = {number: name for name, number in TYPES.items()}


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(value)) + value


def texts(message, offset=0):
    found = []
    while offset < len(message):
        (size,) = struct.unpack_from("<I", message, offset)
        found.append(message[offset + 4:offset + 4 + size])
        offset += 4 + size
    return found


def header(kind, identity=0, message=0, payload=0, protocol=PROTOCOL, flags=0):
    rest = struct.pack("<HHQIIQ", TYPES.get(kind, kind), flags, identity, message, 0, payload)
    return struct.pack("<I", zlib.crc32(protocol + rest)) + rest


def hello(protocol=(1, 1), plan=(0, 1, 1), role=0, software="test", nonce=b"n" * 32, ticket=b""):
    return struct.pack("<HHHHHB", *protocol, *plan, role) + text(software) + text(nonce) + text(ticket)


class Cutter:
    """Between a client and a worker: passes everything on, until the client says a certain thing; then the worker is gone for it,
    or something else happens to it, once."""

    def __init__(self, worker, kind, peers=True, instead=None):
        """peers: whether other workers are let through."""
        self.instead = instead
        self.worker, self.kind, self.peers, self.cut = worker, TYPES[kind], peers, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.open = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                worker = socket.create_connection((self.worker.ready["address"], self.worker.ready["port"]))
                self.open += [client, worker]
                threading.Thread(target=self.requests, args=(client, worker), daemon=True).start()
                threading.Thread(target=self.answers, args=(worker, client), daemon=True).start()

    def requests(self, client, worker):
        with contextlib.suppress(OSError, ConnectionError):
            reader = client.makefile("rb")
            while len(head := reader.read(32)) == 32:
                _, kind, _, _, message, _, payload = struct.unpack("<IHHQIIQ", head)
                if kind == self.kind and not self.cut.is_set():
                    if self.instead is None:
                        return self.end()
                    self.instead()
                    self.cut.set()
                rest = reader.read(message + payload)
                if kind == TYPES["hello"] and rest[10] == PEER and not self.peers:
                    break
                worker.sendall(head + rest)
        for one in (client, worker):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def answers(self, worker, client):
        with contextlib.suppress(OSError, ConnectionError):
            while data := worker.recv(1 << 16):
                client.sendall(data)

    def end(self):
        self.cut.set()
        for one in [self.listener, *self.open]:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


class Peer:
    """A connection on which anything can be said."""

    def __init__(self, worker):
        self.worker = worker
        self.socket = socket.create_connection((worker.ready["address"], worker.ready["port"]), timeout=PATIENCE)

    def send(self, kind, message=b"", payload=b"", identity=0):
        self.socket.sendall(header(kind, identity, len(message), len(payload)) + message + payload)

    def receive(self):
        """(kind, id, message, payload); None when the connection is over."""
        head = self.exactly(32)
        if head is None:
            return None
        _, kind, _, identity, message, _, payload = struct.unpack("<IHHQIIQ", head)
        return NAMES[kind], identity, self.exactly(message), self.exactly(payload)

    def answer(self, identity):
        """The answer to a request; heartbeats are passed over."""
        while (frame := self.receive()) is not None:
            if frame[0] in ("done", "failed", "refused") and (frame[1] == identity or frame[0] == "refused"):
                return frame
        return None

    def exactly(self, count):
        data = b""
        while len(data) < count:
            try:
                piece = self.socket.recv(count - len(data))
            except ConnectionError:
                return None
            if not piece:
                return None
            data += piece
        return data

    def greet(self, token=None, **said):
        """The handshake; the welcome, or the refusal."""
        mine = hello(**said)
        self.send("hello", mine)
        frame = self.receive()
        if frame is None or frame[0] != "hello":
            return frame
        token = self.worker.token.read_text().strip() if token is None else token
        proof = hmac.new(token.encode(), text("genie client") + text(mine) + text(frame[2]), hashlib.sha256).digest()
        self.send("auth", text(proof))
        return self.receive()

    def gone(self):
        """Whether the worker ends the connection."""
        while True:
            frame = self.receive()
            if frame is None:
                return True

    def close(self):
        self.socket.close()


class DamagingProxy:
    """Stands before a worker and changes one byte in the middle of the payload of each frame of a kind, in either direction."""

    def __init__(self, worker, kind):
        self.worker, self.kind, self.damaged = worker, TYPES[kind], 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection((self.worker.ready["address"], self.worker.ready["port"]))
                self.sockets += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self.pass_on, args=(source, target), daemon=True).start()

    def pass_on(self, source, target):
        with contextlib.suppress(OSError), source.makefile("rb") as stream:
            while len(head := stream.read(32)) == 32:
                _, kind, _, _, message, _, payload = struct.unpack("<IHHQIIQ", head)
                body = bytearray(stream.read(message + payload))
                if kind == self.kind and payload > 0:
                    body[message + (payload // 2 | 3)] ^= 0x01  # in a float's exponent
                    self.damaged += 1
                target.sendall(head + body)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def end(self):
        for each in (self.listener, *self.sockets):
            each.close()
