#!/usr/bin/env python3
"""The shell from outside: beside psql on the same input, its formats, files, exit statuses, and a terminal.
Usage: tests/shell/shell.py OMENDB. Without psql, the comparisons are skipped by name."""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "clients"))
from server import Server  # noqa: E402

passed, failed, skipped = 0, 0, 0


def check(name, condition, told=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}: {told}")


def same(name, got, expected):
    check(name, got == expected, f"\n--- got\n{got}\n--- expected\n{expected}")


def shell(omendb, *arguments, text=""):
    return subprocess.run([omendb, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=60)


# ---- Beside psql ------------------------------------------------------------------------------------------------

SCHEMA = """
create table customer (id int generated always as identity primary key, email text not null unique,
    name varchar(40), created timestamptz default now(), tags text[]);
create table orders (id bigserial primary key, customer_id int not null, total numeric(10,2) check (total >= 0),
    status text default 'new', placed date, check (placed > '1990-01-01'));
create index on orders (customer_id, placed desc);
create unique index on orders (id, status);
insert into customer (email) values ('a'), ('b');
"""

INPUTS = [
    "\\d", "\\dt", "\\di", "\\ds", "\\dn", "\\du", "\\l", "\\d customer", "\\d orders", "\\d+ orders",
    "\\d+ customer", "\\d orders_id_seq", "\\d customer_id_seq", "\\d orders_pkey", "\\d customer_email_key",
    "\\d orders_customer_id_placed_idx", "\\d+ orders_id_status_idx", "\\d o*", "\\dt pg_catalog.pg_am*",
    "update customer set name = 1 returning id;", "delete from customer where false returning *;",
    "select 1 as a, 2.5 as b, null as c, true as d;", "select 1 as a where false;", "select;",
    "select 'two\nlines' as a, 'ä' as b, '漢字' as c;", "selec;", "select 1/0;", "select 1 as x\n from nosuch\n;",
    "insert into customer (email) values ('a');", "\\x\nselect 1 as a, 'two\nlines' as bcdef;\nselect 3 where false;",
    "select 1 as one \\gx\nselect 4 \\g\nselect 6;", "select 1; select 2 \\g\n\\g", "select $$;$$; /* ; */ select ';';",
    "begin;\nselect 1 as x; selec; rollback; select 3;", "copy customer (email) from stdin;\nx\ny\n\\.\nselect 5;",
    "copy (select 1, 'a') to stdout;", "\\pset null -\n\\echo hello\n", "select (1;\n2);",
]


def test_beside_psql(omendb, folder):
    global skipped
    if shutil.which("psql") is None:
        print("skipped: psql is not installed")
        skipped += 1
        return
    with Server(omendb) as server:
        # The owner of an embedded database's objects is "omen", and its name the file's.
        environment = {**server.environment(), "PGUSER": "omen", "PGDATABASE": "app"}

        def psql(text):
            run = subprocess.run(["psql", "-X", "-f", "-"], input=text, stdout=subprocess.PIPE, text=True,
                                 stderr=subprocess.STDOUT, env=environment, timeout=60)
            return re.sub(r"(?m)^psql:<stdin>:\d+: ", "", run.stdout)

        def ours(text):
            return subprocess.run([omendb, folder / "app.omen", "--keep-going"], input=text, text=True, timeout=60,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

        same("psql: schema", ours(SCHEMA), psql(SCHEMA))
        for text in INPUTS:
            if text.startswith("\\pset"):
                same(f"shell: {text!r}", ours(text), "hello\n")
                continue
            same(f"as psql: {text!r}", ours(text), psql(text))


# ---- Formats, files, exit statuses ------------------------------------------------------------------------------

def test_modes(omendb):
    sql = "select 1 as n, 'a|\"b' as t, null as z, true as b, 1.50 as d"
    for mode, expected in (
            ("csv", 'n,t,z,b,d\n1,"a|""b",,t,1.50\n'),
            ("json", '[\n  {"n": 1, "t": "a|\\"b", "z": null, "b": true, "d": 1.50}\n]\n'),
            ("markdown", '| n | t | z | b | d |\n|---:|---|---|---|---:|\n| 1 | a\\|"b |  | t | 1.50 |\n'),
            ("line", 'n = 1\nt = a|"b\nz = \nb = t\nd = 1.50\n')):
        same(f"mode {mode}", shell(omendb, "--mode", mode, "-c", sql).stdout, expected)
        same(f".mode {mode}", shell(omendb, text=f".mode {mode}\n{sql};\n").stdout, expected)


def test_exit_statuses(omendb, folder):
    check("exit 0", shell(omendb, "-c", "select 1").returncode == 0)
    check("exit 1 after an error", shell(omendb, "-c", "selec").returncode == 1)
    check("exit 2 for wrong usage", shell(omendb, "--nosuch").returncode == 2)
    run = shell(omendb, "-c", "select 1/0", "-c", "select 2")
    check("stops at an error", "2" not in run.stdout and run.returncode == 1, run.stdout)
    run = shell(omendb, "--keep-going", text="select 1/0;\nselect 2;\n")
    check("--keep-going", "2" in run.stdout and run.returncode == 1, run.stdout)
    run = shell(omendb, "-f", folder / "nosuch.sql")
    check("no script", run.returncode == 1 and "nosuch.sql: No such file or directory" in run.stderr, run.stderr)
    run = shell(omendb, folder / "no" / "such.omen", "-c", "select 1")
    check("no folder", run.returncode == 1 and "No such file or directory" in run.stderr, run.stderr)
    (folder / "text.omen").write_text("this is not a database\n" * 1000)
    run = shell(omendb, folder / "text.omen", "-c", "select 1")
    check("not a database", run.returncode == 1 and "ERROR" in run.stderr, run.stderr)
    check("help", shell(omendb, "help").returncode == 0 and shell(omendb, "help", "serve").returncode == 0)


def test_files(omendb, folder):
    data = folder / "in.csv"
    data.write_text('id,name\n1,one\n2,"two, too"\n')
    (folder / "inner.sql").write_text("insert into t values (3, 'three');\n")
    (folder / "loop.sql").write_text(f"\\i {folder}/loop.sql\n")
    script = folder / "script.sql"
    script.write_text(f"""create table t (id int primary key, name text);
.import {data} t
\\i {folder}/inner.sql
copy t from stdin;
4\tfour
5\t\\N
\\.
\\copy (select * from t order by id) to '{folder}/out.csv' with (format csv)
select count(*) from t \\g {folder}/g.txt
\\o {folder}/o.txt
select max(id) from t;
\\o
select 'end';
""")
    run = shell(omendb, folder / "files.omen", "-f", script)
    check("a script of files", run.returncode == 0 and " end\n" in run.stdout and "max" not in run.stdout,
          run.stdout + run.stderr)
    same("\\copy to", (folder / "out.csv").read_text(), '1,one\n2,"two, too"\n3,three\n4,four\n5,\n')
    same("\\g FILE", (folder / "g.txt").read_text(), " count \n-------\n     5\n(1 row)\n\n")
    same("\\o FILE", (folder / "o.txt").read_text(), " max \n-----\n   5\n(1 row)\n\n")
    run = shell(omendb, "-f", folder / "loop.sql")
    check("\\i in a circle", run.returncode == 1 and "deep" in run.stderr, run.stderr)
    run = shell(omendb, text="\\nosuch\n")
    check("no such command", run.returncode == 1 and "invalid command \\nosuch" in run.stderr, run.stderr)
    run = shell(omendb, folder / "files.omen", text="\\copy t from '/nosuch/file'\n")
    check("\\copy from nothing", run.returncode == 1 and "/nosuch/file: No such file" in run.stderr, run.stderr)


# ---- A terminal -------------------------------------------------------------------------------------------------

class Terminal:
    """The shell on a pseudo-terminal."""

    def __init__(self, omendb, folder, *arguments):
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            os.environ.update(HOME=str(folder), TERM="dumb", LC_ALL="C.UTF-8")
            os.execv(omendb, [omendb, *map(str, arguments)])
        self.seen = ""

    def read_until(self, words, seconds=30):
        """Everything up to `words`; what has come so far when they do not."""
        end = time.monotonic() + seconds
        while words not in self.seen and time.monotonic() < end:
            if select.select([self.file], [], [], 0.1)[0]:
                try:
                    piece = os.read(self.file, 65536)
                except OSError: # it has left
                    break
                self.seen += piece.decode(errors="replace")
        at = self.seen.find(words)
        text, self.seen = (self.seen, "") if at < 0 else (self.seen[:at + len(words)], self.seen[at + len(words):])
        return text

    def type(self, text):
        os.write(self.file, text.encode())

    def leave(self):
        """The exit status; -9 when it would not leave."""
        self.read_until("never said", 30) # until it has left
        os.kill(self.pid, signal.SIGKILL)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.file)
        return os.waitstatus_to_exitcode(status)


def test_terminal(omendb, folder):
    terminal = Terminal(omendb, folder, folder / "terminal.omen")
    text = terminal.read_until("omen=> ")
    check("terminal: a greeting and a prompt", 'Type "\\?" for help' in text, text)
    terminal.type("select 40 +\n")
    check("terminal: the next line's prompt", terminal.read_until("omen-> ").endswith("omen-> "))
    terminal.type("2 as answer;\n")
    check("terminal: an answer", "42" in terminal.read_until("omen=> "))
    terminal.type("select 'not closed\n")
    check("terminal: an open quote's prompt", terminal.read_until("omen'> ").endswith("omen'> "))
    terminal.type("\x03")
    check("terminal: Ctrl-C gives up the line", terminal.read_until("omen=> ").endswith("omen=> "))
    terminal.type("begin;\n")
    check("terminal: a transaction's prompt", terminal.read_until("omen=*> ").endswith("omen=*> "))
    terminal.type("rollback;\n")
    terminal.read_until("omen=> ")
    terminal.type("select count(*) from generate_series(1, 1000000000000);\n")
    terminal.read_until("\n")
    time.sleep(1)
    terminal.type("\x03")
    text = terminal.read_until("omen=> ")
    check("terminal: Ctrl-C cancels the statement", "canceling statement due to user request" in text, text)
    terminal.type("select 'still here';\n")
    check("terminal: and not the session", "(1 row)" in terminal.read_until("omen=> "))
    terminal.type("\\q\n")
    check("terminal: \\q leaves with 0", terminal.leave() == 0)
    history = (folder / ".omendb_history").read_text()
    check("terminal: history is kept", "still\\040here" in history or "still here" in history, history)

    terminal = Terminal(omendb, folder, folder / "terminal.omen")
    terminal.read_until("omen=> ")
    terminal.type("create table big as_is (x int);\n") # an error leaves the prompt
    check("terminal: an error", "syntax error" in terminal.read_until("omen=> "))
    terminal.type("create table big (x int); insert into big select i from generate_series(1, 20000) i;\n")
    terminal.read_until("INSERT 0 20000")
    terminal.read_until("omen=> ")
    terminal.type("select count(*) from big where exists (select from generate_series(1, 1000) g where g + x < 0);\n")
    text = terminal.read_until("%", 30)
    check("terminal: a progress bar", re.search(r"\[[#.]+\] +\d+%", text), text)
    terminal.type("\x03")
    check("terminal: cancelled", "canceling statement" in terminal.read_until("omen=> "))
    terminal.type("\x04")
    check("terminal: Ctrl-D leaves with 0", terminal.leave() == 0)


def main():
    omendb = str(pathlib.Path(sys.argv[1]).resolve())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="omendb-shell-"))
    try:
        test_beside_psql(omendb, folder)
        test_modes(omendb)
        test_exit_statuses(omendb, folder)
        test_files(omendb, folder)
        test_terminal(omendb, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed > 0 else 0


if __name__ == "__main__":
    sys.exit(main())
