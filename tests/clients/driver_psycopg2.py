"""psycopg 2 (text results, parameters written into the statement). Server: PGHOST, PGPORT, PGUSER, PGDATABASE."""
import datetime
import decimal
import io
import threading
import time
import uuid

import psycopg2
import psycopg2.extensions
import psycopg2.extras
from report import check, finish

LONG = "select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b where a <> b"


def main():
    connection = psycopg2.connect("")
    cursor = connection.cursor()
    check("server version", connection.server_version // 10000 == 15, connection.server_version)
    cursor.execute("create table v2 (id serial primary key, b bool, i2 smallint, i4 int, i8 bigint, f4 real, "
                   "f8 double precision, n numeric, t text, y bytea, d date, tm time, ts timestamp, tz timestamptz, "
                   "iv interval, u uuid, a int[], ta text[])")
    psycopg2.extras.register_uuid()
    sent = (True, -7, 70000, 2**60, 0.5, 1 / 3, decimal.Decimal("12345.6700"), "p\u00e4'\\x", b"\x00\xff\\",
            datetime.date(2024, 2, 29), datetime.time(12, 34, 56, 789), datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
            datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone.utc), datetime.timedelta(days=3, hours=4),
            uuid.UUID(int=2**100), [1, None, 3], ["a", 'b"', "c,d"])
    cursor.execute("insert into v2 (b, i2, i4, i8, f4, f8, n, t, y, d, tm, ts, tz, iv, u, a, ta) values ("
                   + ", ".join(["%s"] * len(sent)) + ") returning id", sent)
    check("insert returning", cursor.fetchone() == (1,))
    cursor.execute("select b, i2, i4, i8, f4, f8, n, t, y, d, tm, ts, tz, iv, u, a, ta from v2")
    names = [column.name for column in cursor.description]
    for name, want, got in zip(names, sent, cursor.fetchone()):
        got = bytes(got) if isinstance(got, memoryview) else got
        check(f"value {name}", want == got, f"{want!r} became {got!r}")
    connection.commit()

    try:
        cursor.execute("select nosuch from v2")
        check("error", False, "none")
    except psycopg2.errors.UndefinedColumn as error:
        check("error: SQLSTATE and position", error.pgcode == "42703" and error.diag.statement_position == "8", error)
    try:
        cursor.execute("select 1")
        check("failed transaction", False, "went on")
    except psycopg2.errors.InFailedSqlTransaction:
        check("failed transaction", True)
    connection.rollback()
    try:
        cursor.execute("insert into v2 (id) values (1)")
        check("unique violation", False, "none")
    except psycopg2.errors.UniqueViolation as error:
        check("unique violation: constraint", error.diag.constraint_name == "v2_pkey" and error.diag.table_name == "v2",
              error.diag.constraint_name)
    connection.rollback()
    cursor.execute("delete from v2")
    connection.rollback()
    cursor.execute("select count(*) from v2")
    check("rollback", cursor.fetchone() == (1,))

    cursor.execute("create table c2 (k int primary key, v text)")
    psycopg2.extras.execute_values(cursor, "insert into c2 values %s", [(i, str(i)) for i in range(500)])
    cursor.copy_expert("copy c2 from stdin (format csv)", io.StringIO("".join(f"{i},v{i}\n" for i in range(500, 900))))
    out = io.StringIO()
    cursor.copy_expert("copy (select * from c2 where k >= 898 order by k) to stdout", out)
    check("copy", out.getvalue() == "898\tv898\n899\tv899\n", out.getvalue())
    cursor.execute("prepare q (int) as select v from c2 where k = $1")
    found = []
    for i in range(200):
        cursor.execute("execute q (%s)", (i,))
        found.append(cursor.fetchone()[0])
    check("prepared statement, 200 times", found == [str(i) for i in range(200)])
    connection.commit()

    with connection.cursor("named") as named:  # DECLARE ... CURSOR, FETCH
        named.itersize = 100
        named.execute("select k from c2 order by k")
        check("named cursor", [row[0] for row in named] == list(range(900)))
    connection.commit()

    def cancel():
        time.sleep(0.3)
        connection.cancel()
    thread = threading.Thread(target=cancel)
    thread.start()
    try:
        cursor.execute(LONG)
        check("cancel", False, "not cancelled")
    except psycopg2.extensions.QueryCanceledError as error:
        check("cancel", error.pgcode == "57014", error.pgcode)
    thread.join()
    connection.rollback()
    connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
    cursor.execute("show transaction_isolation")
    check("set_session", cursor.fetchone() == ("repeatable read",))
    connection.close()


finish(main)
