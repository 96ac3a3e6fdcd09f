#!/usr/bin/env python3
"""Bad input by name: what it is answered with, and how much memory the server took at its peak.
Usage: tests/hostile/hostile.py OMENDB [NAME]...
Every case must end in an error that says what is wrong (or in the right answer), with the server alive
and its rows intact. Exits 1 when one does not."""
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "clients"))
from server import Server  # noqa: E402


class Wire:
    """A connection by hand, so that it can be wrong."""

    def __init__(self, server, start=True):
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        if start:
            self.send_raw(struct.pack("!ii", 8 + len(b"user\0x\0database\0x\0\0"), 196608)
                          + b"user\0x\0database\0x\0\0")
            self.until_ready()

    def send_raw(self, data):
        self.socket.sendall(data)

    def message(self, kind, body):
        self.send_raw(kind + struct.pack("!i", len(body) + 4) + body)

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(min(count - len(data), 1 << 20))
            if not piece:
                raise EOFError
            data += piece
        return data

    def receive(self):
        kind = self.exactly(1)
        return kind, self.exactly(struct.unpack("!i", self.exactly(4))[0] - 4)

    def until_ready(self):
        """SQLSTATEs of the errors up to ReadyForQuery; the connection's end is one too."""
        states = []
        try:
            while True:
                kind, body = self.receive()
                if kind == b"E":
                    fields = {f[:1]: f[1:] for f in body.split(b"\0") if f}
                    states.append(fields[b"C"].decode())
                if kind == b"Z":
                    return states
        except (EOFError, ConnectionError, socket.timeout) as end:
            return states + ["timeout" if isinstance(end, socket.timeout) else "closed"]

    def query(self, sql):
        self.message(b"Q", (sql if isinstance(sql, bytes) else sql.encode()) + b"\0")
        return self.until_ready()

    def close(self):
        self.socket.close()


def simple(sql):
    def run(server):
        wire = Wire(server)
        states = wire.query(sql() if callable(sql) else sql)
        wire.close()
        return states
    return run


def random_bytes(server):
    generator = random.Random(1)
    for _ in range(200):
        wire = Wire(server, start=generator.random() < 0.5)
        try:
            wire.send_raw(generator.randbytes(generator.randrange(1, 4000)))
            wire.socket.settimeout(0.05)
            while wire.socket.recv(65536):
                pass
        except OSError:
            pass
        wire.close()
    return ["closed"]


def truncated_message(server):
    wire = Wire(server)
    wire.send_raw(b"Q" + struct.pack("!i", 1000) + b"select")
    wire.close()
    return ["closed"]


def oversized_message(server):
    wire = Wire(server)
    wire.send_raw(b"Q" + struct.pack("!i", 0x7FFFFFFF) + b"select")
    states = wire.until_ready()
    wire.close()
    return states


def negative_length(server):
    wire = Wire(server)
    wire.send_raw(b"Q" + struct.pack("!i", -5))
    states = wire.until_ready()
    wire.close()
    return states


def claims_a_gigabyte(server):
    wire = Wire(server)
    wire.send_raw(b"Q" + struct.pack("!i", 1 << 29) + b"s" * 100000)
    wire.close()
    return ["closed"]


def unknown_message(server):
    wire = Wire(server)
    wire.message(b"~", b"")
    states = wire.until_ready()
    wire.close()
    return states


def bind_garbage(server):
    wire = Wire(server)
    wire.message(b"P", b"\0select $1::int\0" + struct.pack("!h", 0))
    wire.message(b"B", b"\0\0" + struct.pack("!hhhi", 1, 1, 1, 3) + b"abc" + struct.pack("!h", 0))
    wire.message(b"S", b"")
    states = wire.until_ready()
    wire.message(b"B", b"\0\0" + struct.pack("!h", -1))
    wire.message(b"S", b"")
    states += wire.until_ready()
    wire.message(b"B", b"\0nosuch\0" + struct.pack("!hhh", 0, 0, 0))
    wire.message(b"S", b"")
    states += wire.until_ready()
    wire.message(b"D", b"Xfoo\0")
    wire.message(b"S", b"")
    states += wire.until_ready()
    wire.close()
    return states


def unterminated_string(server):
    wire = Wire(server)
    wire.message(b"Q", b"select 1")
    states = wire.until_ready()
    wire.close()
    return states


def gigabyte_value(server):
    wire = Wire(server)
    states = wire.query("select length(repeat('x', 1073741824))")
    states += wire.query("select length(repeat('x', 1073741823) || 'yz')")
    wire.close()
    return states


def big_parameter(server):
    wire = Wire(server)
    body = b"x" * (64 << 20)
    wire.message(b"P", b"\0select length($1::text)\0" + struct.pack("!h", 0))
    wire.message(b"B", b"\0\0" + struct.pack("!hhi", 0, 1, len(body)) + body + struct.pack("!h", 0))
    wire.message(b"E", b"\0" + struct.pack("!i", 0))
    wire.message(b"S", b"")
    states = wire.until_ready()
    wire.close()
    return states or ["ok"]


def many_columns(count):
    return "create table wide%d (%s)" % (count, ", ".join(f"c{i} int" for i in range(count)))


def full_row_of_1600_columns(server):
    wire = Wire(server)
    states = wire.query(many_columns(1600))
    states += wire.query("insert into wide1600 values (%s)" % ", ".join(str(i) for i in range(1600)))
    states += wire.query("select c0, c1599 from wide1600 where c1599 = 1599")
    states += wire.query("drop table wide1600")
    wire.close()
    return states or ["ok"]


def killed_process(server):
    wire = Wire(server)
    wire.query("begin; insert into kept values (99, 'lost')")
    server.stop(signal.SIGKILL)
    server.start()
    return ["ok"]


def two_processes(server):
    run = subprocess.run([server.omendb, server.folder / "db.omen", "-c", "select 1"], capture_output=True,
                         text=True, timeout=60)
    return ["55006" if run.returncode == 1 and "in use" in run.stderr else run.stderr]


def damaged(change):
    """Stops the server, copies its files, changes the copy, and opens it."""
    def run(server):
        server.stop(signal.SIGKILL)
        copy = server.folder / "damaged"
        copy.mkdir()
        shutil.copy(server.folder / "db.omen", copy / "db.omen")
        shutil.copytree(server.folder / "db.omen-wal", copy / "db.omen-wal")
        told = change(copy)
        run = subprocess.run([server.omendb, copy / "db.omen", "--mode", "csv", "-c",
                              "select count(*) from kept"], capture_output=True, text=True, timeout=60)
        shutil.rmtree(copy)
        server.start()
        if run.returncode < 0:
            return [f"signal {-run.returncode}"]
        return [told if run.returncode == 0 else "error: " + run.stderr.strip().split("\n")[0][:60]]
    return run


def flip_bytes(path, offsets):
    with open(path, "r+b") as file:
        for offset in offsets:
            file.seek(offset)
            byte = file.read(1)
            file.seek(offset)
            file.write(bytes([byte[0] ^ 0x55]))


def corrupt_superblocks(folder):
    flip_bytes(folder / "db.omen", [100, 16384 + 100, 32768 + 100, 49152 + 100])
    return "OPENED A FILE WITHOUT A SUPERBLOCK"


def truncate_data(folder):
    os.truncate(folder / "db.omen", 65536 // 2)
    return "OPENED A TRUNCATED FILE"


def corrupt_log(folder):
    path = sorted((folder / "db.omen-wal").iterdir())[0]
    flip_bytes(path, range(20000, 20400, 7))
    return "ok"


def truncate_log(folder):
    path = sorted((folder / "db.omen-wal").iterdir())[-1]
    os.truncate(path, 4096)
    return "ok"


def remove_log(folder):
    shutil.rmtree(folder / "db.omen-wal")
    return "OPENED WITHOUT ITS LOG"


def not_a_database(folder):
    (folder / "db.omen").write_bytes(random.Random(2).randbytes(200000))
    return "OPENED RANDOM BYTES"


CASES = {
    "random bytes on the socket": (random_bytes, {"closed"}),
    "a message cut short": (truncated_message, {"closed"}),
    "a message of 2 GiB": (oversized_message, {"08P01", "closed"}),
    "a negative length": (negative_length, {"08P01", "closed"}),
    "a length of 512 MiB, and then nothing": (claims_a_gigabyte, {"closed"}),
    "an unknown message": (unknown_message, {"08P01", "closed"}),
    "a string without an end": (unterminated_string, {"08P01"}),
    "wrong binds": (bind_garbage, {"08P01", "26000", "22P03"}),
    "wrong types": (simple("select 'x'::int + true"), {"42883", "22P02"}),
    "invalid UTF-8": (simple(b"select '\xff\xfe'"), {"22021"}),
    "a zero byte in text": (simple("select E'a\\000b'"), {"22021"}),
    "100,000 terms added": (simple(lambda: "select " + "+".join(["1"] * 100000)), {"54001"}),
    "100,000 terms of OR": (simple(lambda: "select 1 where " + " or ".join(["1=2"] * 100000)), {"54001", "ok"}),
    "100,000 values in a list": (simple(lambda: "select 1 where 5 in (" + ",".join(map(str, range(100000))) + ")"),
                                 {"ok", "54001"}),
    "10,000 nested parentheses": (simple(lambda: "select " + "(" * 10000 + "1" + ")" * 10000), {"54001", "42601"}),
    "10,000 nested functions": (simple(lambda: "select " + "abs(" * 10000 + "1" + ")" * 10000), {"54001", "42601"}),
    "10,000 nested subqueries": (simple(lambda: "select " + "(select " * 10000 + "1" + ")" * 10000),
                                 {"54001", "42601"}),
    "1,600 columns": (full_row_of_1600_columns, {"ok"}),
    "1,601 columns": (simple(lambda: many_columns(1601)), {"54011"}),
    "a value of 1 GiB": (gigabyte_value, {"54000", "53200"}),
    "a parameter of 64 MiB": (big_parameter, {"ok"}),
    "a statement of 20 MB": (simple(lambda: "select length('" + "y" * 20_000_000 + "')"), {"ok"}),
    "a killed process": (killed_process, {"ok"}),
    "two processes on one file": (two_processes, {"55006"}),
    "corrupt superblocks": (damaged(corrupt_superblocks), {"error"}),
    "a truncated data file": (damaged(truncate_data), {"error"}),
    "random bytes as a database": (damaged(not_a_database), {"error"}),
    "a corrupt log": (damaged(corrupt_log), {"error", "ok"}),
    "a truncated log file": (damaged(truncate_log), {"error", "ok"}),
    "a log that is gone": (damaged(remove_log), {"error"}),
}


def peak_mib(server):
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) >> 10 for line in status.split("\n") if line.startswith("VmHWM"))


def rows_are_intact(server):
    wire = Wire(server)
    states = wire.query("do_nothing_here") == ["42601"]
    wire.close()
    run = subprocess.run(["psql", "-X", "-At", "-c", "select count(*), sum(id), min(v) from kept"],
                         capture_output=True, text=True, env=server.environment(), timeout=60)
    return states and run.stdout == "1000|500500|kept\n"


def run_case(server, name):
    case, allowed = CASES[name]
    pathlib.Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # the peak starts here
    try:
        states = case(server) or ["ok"]
    except Exception as error:
        states = [repr(error)]
    seen = {state.split(":")[0] for state in states}
    is_good = seen <= allowed and server.process.poll() is None
    if server.process.poll() is not None:
        states.append(f"THE SERVER ENDED with {server.process.returncode}")
        server.start()
    elif not rows_are_intact(server):
        states.append("ROWS ARE LOST")
        is_good = False
    print(f"{'ok    ' if is_good else 'FAILED'} {name:40} {peak_mib(server):6} MiB  {', '.join(dict.fromkeys(states))}",
          flush=True)
    return is_good


def main():
    names = sys.argv[2:] or list(CASES)
    with Server(sys.argv[1]) as server:
        wire = Wire(server)
        wire.query("create table kept (id int primary key, v text)")
        wire.query("insert into kept select g, 'kept' from generate_series(1, 1000) g")
        wire.close()
        results = [run_case(server, name) for name in names]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
