"""Shared by the benchmarks: real `genie-host serve` processes on this machine, for as long as a `with` lasts."""

import contextlib
import json
import os
import pathlib
import select
import signal
import subprocess

VERSION = {"major": 0, "minor": 1}
KERNELS = [{"plugin": "org.genie.kernels-aten", "options": {"threads": 1}}]
REMOTE = "org.genie.backend-libfabric"
#: Options of the backend for each path; `tls` differs in what the two ends show each other.
PATHS = {"arena": {"provider": "arena"}, "net": {"provider": "net"}, "tcp": {"provider": "tcp"}, "control": {"payload": "tls"},
         "tls": {"payload": "tls"}}
#: Seconds that a worker may take to start.
PATIENCE = 120


def run_config(archive, backend=None):
    """What runs an exported program on inputs that the caller gives: in this process, or by this backend section."""
    config = {"schema": "genie.run", "version": VERSION, "source": {"uri": str(archive)}, "kernels": KERNELS, "run": {"inputs": {}}}
    return config | ({"backend": backend} if backend else {})


def next_line(process, seconds):
    """What a process says first on its stdout, or nothing if it ends or that time does."""
    readable, _, _ = select.select([process.stdout], [], [], seconds)
    return process.stdout.readline() if readable else ""


def cpu_ns(pid):
    """Processor time of all threads of a process that live."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int((task / "schedstat").read_text().split()[0])
    return total


class Worker:
    """One worker, from its ready line on."""

    def __init__(self, build, folder, name, trust, memory_bytes, environment):
        config = folder / f"{name}.json"
        config.write_text(json.dumps({
            "schema": "genie.worker", "version": VERSION, "plugins": {"paths": [str(build / "plugins")]}, "kernels": KERNELS,
            "service": {"plugin": REMOTE, "options": {"listen": "127.0.0.1:0", **trust}}, "devices": [{"id": name, "memory_bytes": memory_bytes}]}))
        self.process = subprocess.Popen([build / "genie-host/genie-host", "serve", "--config", config], cwd=folder, text=True, env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        line = next_line(self.process, PATIENCE)
        if not line:
            self.process.kill()
            raise SystemExit(f"worker {name} did not start: {self.process.communicate()[1]}")
        ready = json.loads(line)
        self.address = f"{ready['address']}:{ready['port']}"

    def kill(self):
        self.process.send_signal(signal.SIGKILL)


class Trust:
    """What workers and a client show each other: a token file, or keys made for the occasion."""

    def __init__(self, build, folder, tls):
        self.folder, self.tls = folder, tls
        if tls and not (folder / "ca.pem").exists():
            for words in (["init"], ["issue", "worker"], ["issue", "client", "--client"]):
                subprocess.run([build / "genie-host/genie-host", "keys", *words, "--folder", folder], check=True, capture_output=True)

    def of(self, end):
        if not self.tls:
            return {"token_file": str(self.folder / "workers.token")}
        return {"keys": {"ca": str(self.folder / "ca.pem"), "cert": str(self.folder / f"{end}.pem"), "key": str(self.folder / f"{end}.key")}}


@contextlib.contextmanager
def serving(build, folder, names=("w0",), tls=False, memory_bytes=1 << 30):
    """Workers of these names; yields them and what makes the backend section of a run config out of further options."""
    trust = Trust(build, folder, tls)
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    workers = []
    try:
        for name in names:
            workers.append(Worker(build, folder, name, trust.of("worker"), memory_bytes, environment))
        yield workers, lambda **options: {"plugin": REMOTE, "options": {"workers": [worker.address for worker in workers], **trust.of("client"), **options}}
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.communicate()
