#!/usr/bin/env python3
"""psql, pgbench and psycopg 3 connect, create, insert, select and read errors.
Usage: tests/clients/basic.py OMENDB. A client that is not installed is skipped by name."""
import shutil
import signal
import subprocess
import sys

from server import Server

passed, failed, skipped = 0, 0, 0


def check(name, condition, told=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}: {told}")


def psql(server, *arguments, text=None):
    return subprocess.run(["psql", "-X", "-q", *arguments], input=text, capture_output=True, text=True,
                          env=server.environment(), timeout=60)


def test_psql(server):
    run = psql(server, "-At", "-c", "create table t (id serial primary key, v text)",
               "-c", "insert into t (v) values ('a'), ('b') returning id", "-c", "select * from t order by id")
    check("psql: create, insert, select", run.stdout == "1\n2\n1|a\n2|b\n", run.stdout + run.stderr)
    run = psql(server, "-c", "select nosuch from t")
    check("psql: an error with its place",
          'ERROR:  column "nosuch" does not exist\nLINE 1: select nosuch from t\n               ^' in run.stderr,
          run.stderr)
    run = psql(server, "-c", "copy t from stdin", text="10\tten\n11\t\\N\n")
    check("psql: copy in", run.returncode == 0, run.stderr)
    run = psql(server, "-c", "copy t to stdout")
    check("psql: copy out", run.stdout.endswith("10\tten\n11\t\\N\n"), run.stdout + run.stderr)
    run = psql(server, "-c", "copy (select 1 where false) to stdout", "-c", "select 7")
    check("psql: copy out of nothing", run.returncode == 0 and "7" in run.stdout, run.stdout + run.stderr)
    run = psql(server, "-At", "-c", "begin; insert into t values (50, 'x'); rollback; select count(*) from t")
    check("psql: several statements", run.stdout == "4\n", run.stdout + run.stderr)
    for command, expected in (("\\d", "t_id_seq"), ("\\dt", "t"), ("\\d t", '"t_pkey" PRIMARY KEY, btree (id)'),
                              ("\\l", "Owner"), ("\\du", "Superuser"), ("\\dn", "public"), ("\\di", "t_pkey")):
        run = psql(server, "-c", command)
        check(f"psql: {command}", run.returncode == 0 and expected in run.stdout, run.stdout + run.stderr)


def test_pgbench(server):
    def pgbench(*arguments):
        return subprocess.run(["pgbench", *arguments], capture_output=True, text=True, env=server.environment(),
                              timeout=120)
    run = pgbench("-i", "-s", "1", "-q")
    check("pgbench -i", run.returncode == 0, run.stderr)
    for options in (("-S", "-M", "prepared"), ("-S", "-M", "simple"), ("-S", "-M", "extended"), ("-M", "prepared"),
                    ("-N", "-M", "simple")):
        run = pgbench("-n", "-c", "4", "-j", "2", "-t", "50", *options)
        check(f"pgbench {' '.join(options)}", run.returncode == 0 and "200/200" in run.stdout,
              run.stdout + run.stderr)
    run = psql(server, "-At", "-c", "select (select sum(abalance) from pgbench_accounts) = "
               "(select sum(delta) from pgbench_history) or (select count(*) from pgbench_history) = 0")
    check("pgbench: balances", run.stdout == "t\n", run.stdout + run.stderr)


def test_psycopg(server):
    import psycopg
    dsn = f"host=127.0.0.1 port={server.port} user=tester dbname=tester"
    with psycopg.connect(dsn, autocommit=True) as connection:
        check("psycopg: server_version", connection.info.server_version // 10000 == 15)
        connection.execute("create table p (id bigint primary key, n numeric, d date, b bytea, a int[], t timestamptz)")
        connection.execute("insert into p values (%s, %s, %s, %s, %s, now())",
                           (1, "1.50", "2024-02-29", b"\x00\xff", [1, 2, 3]))
        row = connection.execute("select id, n, d, b, a from p where id = %s", (1,)).fetchone()
        check("psycopg: values", str(row[1]) == "1.50" and row[2].isoformat() == "2024-02-29"
              and bytes(row[3]) == b"\x00\xff" and row[4] == [1, 2, 3], row)
        row = connection.execute("select id, n, d, b, a from p where id = %s", (1,), binary=True).fetchone()
        check("psycopg: binary values", str(row[1]) == "1.50" and row[4] == [1, 2, 3], row)
        try:
            connection.execute("insert into p (id) values (%s)", (1,))
            check("psycopg: unique violation", False, "no error")
        except psycopg.errors.UniqueViolation as error:
            check("psycopg: unique violation", error.diag.constraint_name == "p_pkey"
                  and error.diag.message_detail == "Key (id)=(1) already exists.", error.diag.message_detail)
        with connection.cursor() as cursor:
            cursor.executemany("insert into p (id) values (%s)", [(i,) for i in range(10, 60)])
            with cursor.copy("copy p (id, n) from stdin") as copy:
                for i in range(100, 1100):
                    copy.write_row((i, i / 4))
            with cursor.copy("copy p (id) from stdin (format binary)") as copy:
                copy.set_types(["int8"])
                for i in range(2000, 2100):
                    copy.write_row((i,))
        count = connection.execute("select count(*) from p").fetchone()[0]
        check("psycopg: executemany and copy", count == 1 + 50 + 1000 + 100, count)
        with connection.pipeline():
            futures = [connection.execute("select %s::int", (i,)) for i in range(20)]
            check("psycopg: pipeline", [f.fetchone()[0] for f in futures] == list(range(20)))
    with psycopg.connect(dsn) as connection:
        try:
            with connection.transaction():
                connection.execute("delete from p")
                with connection.transaction():
                    connection.execute("insert into p (id) values (5)")
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        check("psycopg: rollback", connection.execute("select count(*) from p").fetchone()[0] == 1151)
        connection.cancel()


def test_key_reads(server):
    """Bind, Describe, Execute and Sync of a read by key are answered together; nobody may notice."""
    import psycopg
    from psycopg import pq
    dsn = f"host=127.0.0.1 port={server.port} user=tester dbname=tester"
    read = "select t, n, id from k where id = %s"
    with psycopg.connect(dsn, autocommit=True) as connection, psycopg.connect(dsn, autocommit=True) as other:
        connection.execute("create table k (id int primary key, t text, n numeric)")
        connection.execute("insert into k select g, 'row ' || g, nullif(g, 3) / 4.0 from generate_series(1, 9) g")
        want = {g: [(f"row {g}", None if g == 3 else g / 4, g)] for g in range(1, 10)}
        for binary in (False, True):
            with connection.cursor(binary=binary) as cursor:
                for key in (1, 2, 3, 99, 9):
                    found = [(t, None if n is None else float(n), i)
                             for t, n, i in cursor.execute(read, (key,), prepare=True).fetchall()]
                    check(f"key read: {key}, binary {binary}", found == want.get(key, []), found)
                    check("key read: tag", cursor.statusmessage == f"SELECT {len(found)}", cursor.statusmessage)
                    check("key read: columns", [c.name for c in cursor.description] == ["t", "n", "id"])
        try:
            connection.execute("select t from k where id = %s::text::int", ("x",), prepare=True)
            check("key read: a bad key", False)
        except psycopg.errors.InvalidTextRepresentation:
            check("key read: a bad key", True)
        pg = connection.pgconn
        pg.prepare(b"by_key", b"select t from k where id = $1")
        result = pg.exec_prepared(b"by_key", [b"x"])
        check("key read: a bad parameter", result.error_field(pq.DiagnosticField.SQLSTATE) == b"22P02")
        check("key read: after it", pg.exec_prepared(b"by_key", [b"4"]).get_value(0, 0) == b"row 4")
        for text, wanted in ((b"select t from k where id = 4", b"row 4"), (b"select t from k where id = '4'", b"row 4"),
                             (b"select t from k where id = 44", None)):
            result = pg.exec_(text)
            check(f"key read: simple, {text}", result.get_value(0, 0) == wanted, result.error_message)
        result = pg.exec_(b"select t from k where id = 'x'")
        check("key read: simple, a bad key", result.error_field(pq.DiagnosticField.SQLSTATE) == b"22P02")
        check("key read: and its place", result.error_field(pq.DiagnosticField.STATEMENT_POSITION) == b"28")
        with connection.pipeline() as pipeline:
            cursors = []
            for key in (5, 6, 55, 7):
                cursors.append(connection.execute(read, (key,), prepare=True))
                pipeline.sync()
            check("key read: pipelined", [len(c.fetchall()) for c in cursors] == [1, 1, 0, 1])
        with connection.transaction():
            connection.execute("update k set t = 'mine' where id = 5")
            check("key read: own change", connection.execute(read, (5,), prepare=True).fetchone()[0] == "mine")
            check("key read: not the other's", other.execute(read, (5,), prepare=True).fetchone()[0] == "row 5")
        check("key read: the other's", other.execute(read, (5,), prepare=True).fetchone()[0] == "mine")
        other.execute("alter table k rename column t to u")
        try:
            connection.execute("select t from k where id = %s", (5,), prepare=True)
            check("key read: a column that is gone", False)
        except psycopg.errors.UndefinedColumn:
            check("key read: a column that is gone", True)


def test_restart(server):
    server.stop(signal.SIGKILL)
    server.start()
    run = psql(server, "-At", "-c", "select count(*) from t")
    check("after kill -9", run.stdout == "4\n", run.stdout + run.stderr)


def main():
    global skipped, failed
    with Server(sys.argv[1]) as server:
        for name, test in (("psql", test_psql), ("pgbench", test_pgbench), ("psycopg", test_psycopg),
                           ("psycopg", test_key_reads), ("psql", test_restart)):
            try:
                if name != "psycopg" and shutil.which(name) is None:
                    raise ImportError(name)
                test(server)
            except ImportError:
                print(f"skipped: {name} is not installed")
                skipped += 1
            except Exception as error:  # a client that breaks is one failure, not the end
                print(f"FAILED {name}: {error!r}")
                failed += 1
        if failed:
            print((server.folder / "log").read_text()[-2000:])
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
