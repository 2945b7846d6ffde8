"""The wire between a worker and whoever speaks with it, and what can happen to it."""

import contextlib
import socket
import struct
import threading
import time

from workers import PEER, TYPES, header

#: What of a greeting a client says; the last three only where it looks for a data path.
GREETING = {"hello": TYPES["hello"], "auth": TYPES["auth"], "data_paths": 50, "data_open": 51, "data_use": 52}
SLOW_BYTES_PER_S = 8e6
SLOW_LATENCY_S = 0.002


class Link:
    """Passes frames on, in both directions, until it is told to do something to them.

    once(kind, act): calls `act` before a frame of that type goes from a client to the worker. `mode` says what happens to all
    frames: "pass", "silent" (nothing arrives any more), "slow". damage(): changes one bit of the next frame.
    """

    def __init__(self, worker):
        self.address_of_worker = (worker.ready["address"], worker.ready["port"])
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.lock, self.ways = threading.Lock(), []
        self.reset()
        threading.Thread(target=self.serve, daemon=True).start()

    def reset(self):
        with self.lock:
            self.mode, self.trigger, self.dice = "pass", None, None
            self.damaged = threading.Event()

    def once(self, kind, act):
        with self.lock:
            self.trigger = (kind, act)

    def damage(self, dice):
        with self.lock:
            self.dice = dice

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                try:
                    far = socket.create_connection(self.address_of_worker)
                except OSError:
                    near.close()
                    continue
                for end in (near, far):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                way = {"near": near, "far": far, "client": True, "open": 2}
                with self.lock:
                    self.ways.append(way)
                for source, target, up in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self.pass_on, args=(way, source, target, up), daemon=True).start()

    def pass_on(self, way, source, target, up):
        with contextlib.suppress(OSError), source.makefile("rb") as stream:
            while len(head := stream.read(32)) == 32:
                _, kind, _, _, message, _, payload = struct.unpack("<IHHQIIQ", head)
                body = stream.read(message + payload) if message + payload else b""
                if up and kind == TYPES["hello"] and len(body) > 10:
                    way["client"] = body[10] != PEER
                target.sendall(self.changed(kind, head + body, up and way["client"]))
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self.lock:
            way["open"] -= 1
            if way["open"] == 0:
                for end in (source, target):
                    end.close()
                self.ways.remove(way)

    def changed(self, kind, frame, of_client):
        """What arrives in place of a frame."""
        with self.lock:
            act = self.trigger[1] if of_client and self.trigger is not None and self.trigger[0] == kind else None
            if act is not None:
                self.trigger = None
        if act is not None:
            act()
        with self.lock:
            mode, dice, self.dice = self.mode, self.dice, None
        if dice is not None:
            frame = bytearray(frame)
            frame[dice.randrange(len(frame))] ^= 1 << dice.randrange(8)
            self.damaged.set()
        if mode == "slow":
            time.sleep(SLOW_LATENCY_S + len(frame) / SLOW_BYTES_PER_S)
        return b"" if mode == "silent" else frame

    def cut(self, rough):
        """Ends all connections; roughly: with a reset, so that what is under way is lost."""
        with self.lock:
            for way in self.ways:
                for end in (way["near"], way["far"]):
                    with contextlib.suppress(OSError):
                        if rough:
                            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        end.shutdown(socket.SHUT_RDWR)

    def inject(self, data, to_worker):
        """Says something in the name of the other side, on every connection, between two frames of it as likely as within one."""
        with self.lock:
            for way in self.ways:
                with contextlib.suppress(OSError):
                    way["far" if to_worker else "near"].sendall(data)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut(True)


def nonsense(dice):
    """Frames that no honest peer says."""
    word = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 200)))
    kind = dice.choice(["done", "failed", "step", "value", "prepare", "compile", "blob", "release_program", "close_session", "open_session",
                        "read_state", "write_state", "cancel", "stats", 50, 51, 52, 99])
    return dice.choice([
        word,
        header(kind, dice.randrange(1 << 16)),
        header(kind, dice.randrange(8), len(word)) + word,
        header(kind, 1, 8) + struct.pack("<Q", dice.randrange(4)),
        header(kind, 1, len(word), 64) + word + bytes(64),
        header(kind, 1, protocol=word),
        header(kind, 1, message=(1 << 32) - 1, payload=(1 << 64) - 1)])
