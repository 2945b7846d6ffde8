"""What can happen to a worker, to its wire, or beside it: each fault is done at a moment that the campaign chooses, and undone after."""

import contextlib
import os
import resource
import signal
import struct
import subprocess

from link import nonsense
from workers import Peer, hello

NAMES = ("kill", "stop", "cut", "slow", "corrupt", "full", "peer")
PHASES = ("connect", "upload", "prepare", "step", "between", "close")
#: Bytes that a worker may still take when its memory is full.
SPARE_BYTES = 64 << 10
#: How long a frame that can be damaged may let one wait: heartbeats come several times per lease.
NEXT_FRAME_S = 1.0


def without_meaning(fault, phase, path):
    """Why a cell cannot be, or None."""
    if fault == "slow" and path in ("arena", "shm") and phase not in ("connect", "close"):
        return "memory that both ends map has no wire that could be slow"
    return None


class Fault:
    """One fault of one run. target: the worker it is done to; link: the wire to it."""

    def __init__(self, name, target, link, path, dice, namespace):
        self.name, self.target, self.link, self.path, self.dice, self.namespace = name, target, link, path, dice, namespace
        self.done, self.killed, self.shaped, self.down = False, False, False, False

    def happen(self):
        self.done = True
        getattr(self, self.name)()

    def undo(self):
        if self.shaped:
            tool("tc", "qdisc", "del", "dev", "lo", "root")
        if self.down:
            tool("ip", "link", "set", "lo", "up")
        self.link.reset()
        # One that is gone, though nobody killed it, is for the campaign to find.
        with contextlib.suppress(ProcessLookupError):
            self.target.kill(signal.SIGCONT)
            resource.prlimit(self.target.process.pid, resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def kill(self):
        self.killed = True
        self.target.kill()

    def stop(self):
        self.target.kill(signal.SIGSTOP)

    def cut(self):
        how = self.dice.choice(["end", "reset", "silence"] + ["down"] * self.namespace)
        if how == "silence":
            self.link.mode = "silent"
        elif how == "down":
            self.down = True
            tool("ip", "link", "set", "lo", "down")
        else:
            self.link.cut(how == "reset")

    def slow(self):
        self.link.mode = "slow"
        if self.namespace and self.path in ("net", "tcp"):
            self.shaped = True
            tool("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "100mbit", "burst", "128kb", "latency", "400ms")

    def corrupt(self):
        self.link.damage(self.dice)
        # Where values go elsewhere only heartbeats are left to damage.
        if self.path != "control" and not self.in_greeting:
            self.link.damaged.wait(NEXT_FRAME_S)

    in_greeting = False

    def full(self):
        # Of data alone: a limit of all that is mapped would also stop the stack from growing, which no program survives.
        with open(f"/proc/{self.target.process.pid}/status") as file:
            used = next(int(line.split()[1]) << 10 for line in file if line.startswith("VmData:"))
        resource.prlimit(self.target.process.pid, resource.RLIMIT_DATA, (used + SPARE_BYTES, resource.RLIM_INFINITY))

    def peer(self):
        """An outsider at the worker's door, or an insider: the other end of the wire says what it should not."""
        how = self.dice.randrange(7)
        if how >= 5:
            self.link.inject(nonsense(self.dice), to_worker=how == 5)
            return
        # A door that is shut is an answer, too.
        with contextlib.suppress(OSError, AssertionError, struct.error, KeyError):
            one = Peer(self.target)
            one.socket.settimeout(2)
            with contextlib.closing(one.socket):
                if how == 0:
                    one.socket.sendall(self.dice.randbytes(self.dice.randrange(1, 5000)))
                elif how == 1:
                    one.greet(token="not the secret")
                elif how == 2:
                    one.greet(role=2, ticket=self.dice.randbytes(16))
                elif how == 3:
                    one.send("hello", hello(protocol=(7, 9)))
                    one.receive()
                else:
                    one.greet()
                    for _ in range(self.dice.randrange(1, 20)):
                        one.socket.sendall(nonsense(self.dice))


def tool(*words):
    subprocess.run(words, check=True, capture_output=True, text=True)


def in_namespace():
    """Whether this process has a network of its own, whose loopback it may slow down and switch off."""
    return os.environ.get("GENIE_CAMPAIGN_NETWORK") == "own"


def namespace_prefix():
    """What starts a command with a network of its own, or nothing where that is not permitted."""
    prefix = ["unshare", "--net", "--"]
    probe = "ip link set lo up && tc qdisc add dev lo root tbf rate 100mbit burst 128kb latency 400ms"
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run([*prefix, "sh", "-c", probe], capture_output=True).returncode == 0:
            return prefix
    return []


