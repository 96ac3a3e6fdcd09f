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


def test_restart(server):
    server.stop(signal.SIGKILL)
    server.start()
    run = psql(server, "-At", "-c", "select count(*) from t")
    check("after kill -9", run.stdout == "4\n", run.stdout + run.stderr)


def main():
    global skipped, failed
    with Server(sys.argv[1]) as server:
        for name, test in (("psql", test_psql), ("pgbench", test_pgbench), ("psycopg", test_psycopg),
                           ("psql", test_restart)):
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
