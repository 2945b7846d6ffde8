#!/usr/bin/env python3
"""The two ends of each side of bench/peers.py, a process each: `serve` adds one to tensors and decodes, `ask` sends tensors there and measures.

Each end lives until its stdin closes, so that none outlives the benchmark. `serve` prints one line when it can be asked; `ask` reads its
task from one line of stdin and prints what it measured as another. Everything listens on the loopback interface alone.
"""

import contextlib
import datetime
import functools
import json
import os
import pathlib
import socket
import struct
import sys
import threading
import time
import warnings

import torch

import libgenie
import real_workers

VOCABULARY, WIDTH, HEADS, LAYERS, CONTEXT = 1000, 256, 4, 4, 128
#: Seconds that one message may take.
PATIENCE = 60
#: Trips before those that count.
WARM = 3
#: Transports and channels of torch's RPC: over one TCP connection, over several, and what it prefers on one machine.
RPC = {"rpc-tcp": (["uv"], ["basic"]), "rpc-multi": (["uv"], ["mpt_uv", "basic"]), "rpc-shm": (["shm", "uv"], None)}
#: From Linux's tcp_info: where the counts of bytes acknowledged by the other side and received from it stand.
TCP_INFO_COUNTS = 120


# --- what is computed ---

class Plus(torch.nn.Module):
    def forward(self, x):
        return x + 1


class Block(torch.nn.Module):
    """One layer of a transformer with the keys and values of what it saw."""

    def __init__(self):
        super().__init__()
        self.before, self.after = torch.nn.LayerNorm(WIDTH), torch.nn.LayerNorm(WIDTH)
        self.split, self.join = torch.nn.Linear(WIDTH, 3 * WIDTH), torch.nn.Linear(WIDTH, WIDTH)
        self.up, self.down = torch.nn.Linear(WIDTH, 4 * WIDTH), torch.nn.Linear(4 * WIDTH, WIDTH)
        for name in ("keys", "values"):
            self.register_buffer(name, torch.zeros(HEADS, CONTEXT, WIDTH // HEADS))

    def forward(self, x, place):
        query, key, value = self.split(self.before(x)).view(3, HEADS, 1, WIDTH // HEADS).unbind(0)
        self.keys.index_copy_(1, place, key)
        self.values.index_copy_(1, place, value)
        seen = torch.arange(CONTEXT) <= place
        x = x + self.join(torch.nn.functional.scaled_dot_product_attention(query, self.keys, self.values, attn_mask=seen).reshape(1, WIDTH))
        return x + self.down(torch.nn.functional.gelu(self.up(self.after(x))))


class Decoder(torch.nn.Module):
    """From a token to the next one; weights, keys and values stay where it is."""

    def __init__(self):
        super().__init__()
        self.tokens, self.places = torch.nn.Embedding(VOCABULARY, WIDTH), torch.nn.Embedding(CONTEXT, WIDTH)
        self.blocks, self.head = torch.nn.ModuleList(Block() for _ in range(LAYERS)), torch.nn.Linear(WIDTH, VOCABULARY)
        self.register_buffer("place", torch.zeros(1, dtype=torch.int64))

    def forward(self, token):
        x = self.tokens(token) + self.places(self.place)
        for block in self.blocks:
            x = block(x, self.place)
        self.place.copy_((self.place + 1) % CONTEXT)
        return torch.argmax(self.head(x), -1)


def decoder():
    """The same weights in every process."""
    torch.manual_seed(0)
    return Decoder().eval()


@functools.cache
def resident():
    return decoder()


def step(token):
    with torch.no_grad():
        return resident()(token)


# --- the sides: `adding(x, trips)` and `decoding(trips)` yield what makes one trip; a class without `serve` has no other end here ---

class Here:
    """Torch in the asking process."""

    def __init__(self, task):
        self.adding = lambda x, trips: contextlib.nullcontext(lambda: x + 1)
        self.decoding = lambda trips: contextlib.nullcontext(step)


class Genie:
    """libgenie, in this process or with a worker that runs already."""

    def __init__(self, task):
        self.task, self.folder = task, pathlib.Path(task["folder"])

    def program(self, archive, inputs):
        return contextlib.closing(libgenie.Program(pathlib.Path(self.task["build"]), real_workers.run_config(archive, self.task["backend"]), self.folder, inputs))

    @contextlib.contextmanager
    def adding(self, x, trips):
        with self.program(self.folder / f"plus{len(x)}.pt2", {"x": x}) as program:
            yield lambda: next(iter(program().values()))

    @contextlib.contextmanager
    def decoding(self, trips):
        given = torch.zeros(1, dtype=torch.int64)
        with self.program(self.folder / "decoder.pt2", {"token": given}) as program:

            def run(token):
                given.copy_(token)
                return next(iter(program().values()))

            yield run


class Rpc:
    """torch.distributed.rpc; the sum is an operator that it calls without Python at the other end."""

    def __init__(self, task):
        self.join(task, "client", 0)
        from torch.distributed import rpc

        self.adding = lambda x, trips: contextlib.nullcontext(lambda: rpc.rpc_sync("server", torch.add, args=(x, 1)))
        self.decoding = lambda trips: contextlib.nullcontext(lambda token: rpc.rpc_sync("server", step, args=(token,)))

    @staticmethod
    def join(task, name, rank):
        from torch.distributed import rpc

        transports, channels = RPC[task["side"]]
        rpc.init_rpc(name, rank=rank, world_size=2, rpc_backend_options=rpc.TensorPipeRpcBackendOptions(
            init_method=f"file://{task['folder']}/meeting", rpc_timeout=PATIENCE, _transports=transports, _channels=channels))

    @staticmethod
    def serve(task, ready):
        ready()
        Rpc.join(task, "server", 1)
        threading.Event().wait()


class Grpc:
    """gRPC unary calls with raw bytes in and out: no message around them, of each one copy into a `bytes`, no copy out of it."""

    OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]

    def __init__(self, task):
        import grpc

        channel = grpc.insecure_channel(task["address"], options=self.OPTIONS)
        grpc.channel_ready_future(channel).result(timeout=PATIENCE)
        plus, decode = channel.unary_unary("/peers/plus"), channel.unary_unary("/peers/step")
        self.adding = lambda x, trips: contextlib.nullcontext(lambda: self.tensor(plus(self.raw(x), timeout=PATIENCE), x.dtype))
        self.decoding = lambda trips: contextlib.nullcontext(lambda token: self.tensor(decode(self.raw(token), timeout=PATIENCE), token.dtype))

    @staticmethod
    def raw(tensor):
        return tensor.numpy().tobytes()

    @staticmethod
    def tensor(raw, dtype):
        return torch.frombuffer(raw, dtype=dtype)

    @staticmethod
    def serve(task, ready):
        import concurrent.futures

        import grpc

        methods = {"plus": lambda raw, context: Grpc.raw(Grpc.tensor(raw, torch.float32) + 1),
                   "step": lambda raw, context: Grpc.raw(step(Grpc.tensor(raw, torch.int64)))}
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=1), options=Grpc.OPTIONS)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(
            "peers", {name: grpc.unary_unary_rpc_method_handler(method) for name, method in methods.items()})])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        ready(f"127.0.0.1:{port}")
        server.wait_for_termination()


class Gloo:
    """Gloo's send and receive into memory that is there already; both ends know beforehand what comes and how often."""

    def __init__(self, task):
        self.join(task, 0)

    @staticmethod
    def join(task, rank):
        from torch import distributed

        distributed.init_process_group("gloo", store=distributed.FileStore(f"{task['folder']}/meeting", 2), rank=rank, world_size=2,
                                       timeout=datetime.timedelta(seconds=PATIENCE))

    @contextlib.contextmanager
    def adding(self, x, trips):
        yield self.trips(len(x), trips, x)

    @contextlib.contextmanager
    def decoding(self, trips):
        yield self.trips(0, trips, torch.zeros(1, dtype=torch.int64))

    @staticmethod
    def trips(count, trips, like):
        from torch import distributed

        distributed.send(torch.tensor([count, trips]), 1)
        back = torch.empty_like(like)

        def run(given=like):
            distributed.send(given, 1)
            distributed.recv(back, 1)
            return back

        return run

    @staticmethod
    def serve(task, ready):
        from torch import distributed

        ready()
        Gloo.join(task, 1)
        head = torch.zeros(2, dtype=torch.int64)
        while True:
            distributed.recv(head, 0)
            count, trips = head.tolist()
            given = torch.empty(count) if count else torch.zeros(1, dtype=torch.int64)
            back = torch.empty_like(given)
            for _ in range(trips):
                distributed.recv(given, 0)
                distributed.send(torch.add(given, 1, out=back) if count else step(given), 0)


SIDES = {"torch here": Here, "genie here": Genie, **{path: Genie for path in real_workers.PATHS}, **{way: Rpc for way in RPC}, "grpc": Grpc, "gloo": Gloo}


# --- measuring ---

def tcp_bytes():
    """Bytes that this process's TCP connections carried so far, both ways."""
    total = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that reads the folder
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name))) as link:
                    if link.type == socket.SOCK_STREAM and link.family in (socket.AF_INET, socket.AF_INET6):
                        total += sum(struct.unpack_from("=QQ", link.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), TCP_INFO_COUNTS))
    return total


def measured(task, run, repeat):
    """Times of so many trips, processor time of both ends and bytes of one."""
    times, cpu, sent = [], sum(cpu_ns(task)), tcp_bytes()
    for _ in range(repeat):
        began = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - began)
    return {"times_ns": times, "cpu_ns": (sum(cpu_ns(task)) - cpu) / repeat, "tcp_bytes": (tcp_bytes() - sent) / repeat}


def cpu_ns(task):
    """Processor time of this end and of the other."""
    return time.process_time_ns(), real_workers.cpu_ns(task["server_pid"]) if task["server_pid"] else 0


def idle(task):
    """What both ends take of a core while nothing happens."""
    time.sleep(min(0.5, task["idle"]))  # what ends after a trip
    began, before = time.perf_counter_ns(), cpu_ns(task)
    time.sleep(task["idle"])
    wall = time.perf_counter_ns() - began
    return {name: (after - start) / wall for name, start, after in zip(("here", "there"), before, cpu_ns(task))}


def ask(task):
    side, answer = SIDES[task["side"]](task), {"tensors": []}
    for size, repeat in task["tensors"]:
        x = torch.randn(size // 4)
        with side.adding(x, WARM + repeat) as add:
            right = all([torch.equal(add(), x + 1) for _ in range(WARM)])  # a list: so many trips are taken in any case
            answer["tensors"].append({"right": right, **measured(task, add, repeat)})
    tokens = [torch.ones(1, dtype=torch.int64)]
    with side.decoding(WARM + task["steps"]) as decode:

        def run():
            tokens.append(decode(tokens[-1]).clone())

        for _ in range(WARM):
            run()
        answer["step"] = {**measured(task, run, task["steps"]), "tokens": torch.cat(tokens).tolist()}
        answer["idle"] = idle(task)
    return answer


def end_with_stdin():
    def wait():
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def main():
    role, task = sys.argv[1], json.loads(sys.stdin.readline())
    end_with_stdin()
    warnings.filterwarnings("ignore", message=".*buffer is not writable.*")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    if role == "serve":
        SIDES[task["side"]].serve(task, lambda address=None: print(json.dumps(address), flush=True))
    else:
        print(json.dumps(ask(task)), flush=True)
        os._exit(0)  # the other end is not asked whether it agrees: the benchmark ends it


if __name__ == "__main__":
    main()
