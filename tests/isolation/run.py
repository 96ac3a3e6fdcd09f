#!/usr/bin/env python3
"""Interleaved sessions, in the format of PostgreSQL's isolation specs: what each step answers, and which
steps wait, compared with what PostgreSQL 15 did.

Usage: run.py record CONNINFO [SPEC]...     write PostgreSQL's transcripts to expected/
       run.py check OMENDB [SPEC]...        run a server and compare; ends with "N passed, N failed"
"""
import pathlib
import re
import select
import sys
import time

import psycopg
from psycopg import pq

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))
WAIT_S = 0.25  # a step that has no answer by then is waiting for another session
TOKEN = re.compile(r'\s*(?:#[^\n]*\n|(\{[^}]*\})|"([^"]*)"|([\w.]+))')


class Spec:
    def __init__(self, path):
        self.name = path.stem
        self.setup, self.teardown, self.sessions, self.steps, self.permutations = [], "", [], {}, []
        tokens = [next((g for g in t if g), None) for t in TOKEN.findall(path.read_text() + "\n")]
        tokens = [t for t in tokens if t]
        session, at = None, 0
        while at < len(tokens):
            word = tokens[at]
            if word == "session":
                session = {"name": tokens[at + 1], "setup": "", "teardown": "", "steps": []}
                self.sessions.append(session)
                at += 2
            elif word == "step":
                self.steps[tokens[at + 1]] = (len(self.sessions) - 1, tokens[at + 2][1:-1].strip())
                session["steps"].append(tokens[at + 1])
                at += 3
            elif word in ("setup", "teardown"):
                body = tokens[at + 1][1:-1].strip()
                if session:
                    session[word] = body
                elif word == "setup":
                    self.setup.append(body)
                else:
                    self.teardown = body
                at += 2
            elif word == "permutation":
                at += 1
                permutation = []
                while at < len(tokens) and tokens[at] not in ("permutation", "session"):
                    permutation.append(tokens[at])
                    at += 1
                self.permutations.append(permutation)
            else:
                raise ValueError(f"{path}: what is {word!r}?")
        if not self.permutations:
            self.permutations = [[step for s in self.sessions for step in s["steps"]]]


class Connection:
    """libpq with several results a query and waiting made visible."""

    def __init__(self, conninfo):
        self.libpq = pq.PGconn.connect(conninfo.encode())
        if self.libpq.status != pq.ConnStatus.OK:
            raise RuntimeError(self.libpq.error_message.decode())
        self.libpq.notice_handler = None
        self.pending = None

    def send(self, step, sql):
        self.pending, self.lines = step, []
        self.libpq.send_query(sql.encode())

    def poll(self, seconds):
        """True when the answer is complete."""
        end = time.monotonic() + seconds
        while True:
            while not self.libpq.is_busy():
                result = self.libpq.get_result()
                if result is None:
                    self.pending = None
                    return True
                self.note(result)
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.libpq.socket], [], [], left)[0]:
                return False
            self.libpq.consume_input()

    def note(self, result):
        if result.status == pq.ExecStatus.TUPLES_OK:
            for row in range(result.ntuples):
                fields = [result.get_value(row, i) for i in range(result.nfields)]
                self.lines.append("  " + "|".join("NULL" if f is None else f.decode() for f in fields))
            self.lines.append(f"  ({result.ntuples} rows)")
        elif result.status == pq.ExecStatus.FATAL_ERROR:
            code = result.error_field(pq.DiagnosticField.SQLSTATE)
            message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY)
            self.lines.append(f"  ERROR {code.decode() if code else '?'}: {message.decode() if message else '?'}")
        else:
            self.lines.append(f"  {result.command_status.decode()}")

    def run(self, sql):
        if sql:
            self.send("setup", sql)
            self.poll(30)

    def close(self):
        self.libpq.finish()


def run_permutation(spec, permutation, conninfo, out):
    control = Connection(conninfo)
    for body in spec.setup:
        control.run(body)
    connections = [Connection(conninfo) for _ in spec.sessions]
    for session, connection in zip(spec.sessions, connections):
        connection.run(session["setup"])
    out.append(f"permutation: {' '.join(permutation)}")
    waiting = []

    def finish_waiting(seconds):
        deadline = time.monotonic() + seconds
        for connection in list(waiting):
            step = connection.pending
            if connection.poll(max(0, deadline - time.monotonic())):
                waiting.remove(connection)
                out.append(f"step {step}: <... completed>")
                out.extend(connection.lines)

    for step in permutation:
        connection = connections[spec.steps[step][0]]
        if connection in waiting:  # its last step must end first
            finish_waiting(5)
        if connection in waiting:
            out.append(f"step {step}: its session is still waiting")
            break
        connection.send(step, spec.steps[step][1])
        if connection.poll(WAIT_S):
            out.append(f"step {step}:")
            out.extend(connection.lines)
        else:
            waiting.append(connection)
            out.append(f"step {step}: <waiting ...>")
        finish_waiting(WAIT_S)
    finish_waiting(5)
    for connection in waiting:
        out.append(f"step {connection.pending}: never completed")
    for connection in connections:
        connection.close()
    control.run(spec.teardown)
    control.close()


def transcript(spec, conninfo):
    out = []
    for permutation in spec.permutations:
        run_permutation(spec, permutation, conninfo, out)
    return "\n".join(out) + "\n"


def specs(names):
    paths = sorted((HERE / "specs").glob("*.spec"))
    return [Spec(path) for path in paths if not names or path.stem in names]


def record(conninfo, names):
    (HERE / "expected").mkdir(exist_ok=True)
    for spec in specs(names):
        (HERE / "expected" / f"{spec.name}.out").write_text(transcript(spec, conninfo))


def check(omendb, names):
    from server import Server
    passed = failed = 0
    with Server(omendb) as server:
        for spec in specs(names):
            given = transcript(spec, f"host=127.0.0.1 port={server.port} user=t dbname=t")
            expected = (HERE / "expected" / f"{spec.name}.out").read_text()
            if given == expected:
                passed += 1
                continue
            failed += 1
            print(f"FAILED {spec.name}")
            for a, b in zip(expected.split("\n"), given.split("\n")):
                if a != b:
                    print(f"  PostgreSQL: {a}\n  OmenDB:     {b}")
                    break
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("record", "check"):
        sys.exit(__doc__)
    sys.exit(record(sys.argv[2], sys.argv[3:]) if sys.argv[1] == "record" else check(sys.argv[2], sys.argv[3:]))
