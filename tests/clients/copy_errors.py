#!/usr/bin/env python3
"""What COPY FROM STDIN says about bad data, compared with what PostgreSQL 15 said.
Usage: tests/clients/copy_errors.py OMENDB
       tests/clients/copy_errors.py --record DSN     asks a PostgreSQL again; writes copy_errors.golden"""
import pathlib
import sys

from server import Server

GOLDEN = pathlib.Path(__file__).with_name("copy_errors.golden")

TABLES = """drop table if exists copied, plain;
create table copied (id int primary key, v int not null, w int unique, t text,
    constraint positive check (v > 0));
create table plain (a int, b text);
insert into copied values (1000000, 1, 1000000, 'there')"""


def rows(first, last, extra=""):
    return "".join(f"{i}\t{i}\t{i}\trow {i}{extra}\n" for i in range(first, last + 1))


def without(text, line, instead):
    lines = text.splitlines(keepends=True)
    lines[line - 1] = instead
    return "".join(lines)


TWENTY, MANY = rows(1, 20), rows(1, 3000)
TEXT = "copy copied from stdin"
CSV = "copy plain from stdin with (format csv)"

CASES = [
    ("a number that is none", TEXT, without(TWENTY, 7, "7\tx\t7\tt\n")),
    ("a number out of range", TEXT, without(TWENTY, 7, "7\t99999999999\t7\tt\n")),
    ("a null", TEXT, without(TWENTY, 7, "7\t\\N\t7\tt\n")),
    ("a check", TEXT, without(TWENTY, 7, "7\t0\t7\tt\n")),
    ("a duplicate key in the data", TEXT, without(TWENTY, 7, "3\t7\t7\tt\n")),
    ("a duplicate key in the table", TEXT, without(TWENTY, 7, "1000000\t7\t7\tt\n")),
    ("a duplicate in the second index", TEXT, without(TWENTY, 7, "7\t7\t3\tt\n")),
    ("duplicates in both, the later row in the first", TEXT,
     without(without(TWENTY, 7, "7\t7\t3\tt\n"), 9, "2\t9\t9\tt\n")),
    ("duplicates in both, the later row in the second", TEXT,
     without(without(TWENTY, 7, "3\t7\t7\tt\n"), 9, "9\t9\t2\tt\n")),
    ("a duplicate, then a null", TEXT, without(without(TWENTY, 7, "3\t7\t7\tt\n"), 9, "9\t\\N\t9\tt\n")),
    ("a null, then a duplicate", TEXT, without(without(TWENTY, 7, "7\t\\N\t7\tt\n"), 9, "3\t9\t9\tt\n")),
    ("a duplicate, then no number", TEXT, without(without(TWENTY, 7, "3\t7\t7\tt\n"), 9, "9\tx\t9\tt\n")),
    ("a null, then no number", TEXT, without(without(TWENTY, 7, "7\t\\N\t7\tt\n"), 9, "9\tx\t9\tt\n")),
    ("a check, then too few columns", TEXT, without(without(TWENTY, 7, "7\t0\t7\tt\n"), 9, "9\n")),
    ("a duplicate far before a bad number", TEXT,
     without(without(MANY, 900, "3\t7\t7\tt\n"), 1002, "x\t1\t1\tt\n")),
    ("a duplicate near before a bad number", TEXT,
     without(without(MANY, 1001, "3\t7\t7\tt\n"), 1002, "x\t1\t1\tt\n")),
    ("a duplicate in the last of many rows", TEXT, without(MANY, 3000, "3\t7\t7\tt\n")),
    ("a duplicate in row 1000", TEXT, without(MANY, 1000, "3\t7\t7\tt\n")),
    ("a duplicate in row 1001", TEXT, without(MANY, 1001, "3\t7\t7\tt\n")),
    ("a duplicate in row 2049", TEXT, without(MANY, 2049, "3\t7\t7\tt\n")),
    ("a null in row 2049", TEXT, without(MANY, 2049, "2049\t\\N\t7\tt\n")),
    ("too many columns", TEXT, without(TWENTY, 7, "7\t7\t7\tt\tu\n")),
    ("too few columns", TEXT, without(TWENTY, 7, "7\t7\n")),
    ("an empty line", TEXT, without(TWENTY, 7, "\n")),
    ("a long line", TEXT, without(TWENTY, 7, "7\tx\t7\t" + "y" * 300 + "\n")),
    ("a long field", TEXT, without(TWENTY, 7, "7\t" + "z" * 300 + "\t7\tt\n")),
    ("escapes in a bad field", TEXT, without(TWENTY, 7, "7\ta\\tb\t7\tt\n")),
    ("an escaped newline before", TEXT, without(without(TWENTY, 3, "3\t3\t3\tt\\\nu\n"), 7, "7\tx\t7\tt\n")),
    ("a header line before", "copy copied from stdin with (header)", "h\n" + without(TWENTY, 7, "7\tx\t7\tt\n")),
    ("some of the columns", "copy copied (id, v) from stdin", "1\t1\n2\t2\n2\t3\n"),
    ("a column with no default", "copy copied (id) from stdin", "1\n2\n"),
    ("no newline at the end", TEXT, "1\t1\t1\tt\n2\tx\t2\tt"),
    ("csv: a number that is none", CSV, "1,a\nx,b\n"),
    ("csv: quoted newlines before", CSV, '1,"a\nb\nc"\nx,b\n'),
    ("csv: in a row of several lines", CSV, '1,a\nx,"a\nb\nc"\n2,b\n'),
    ("csv: a quote never closed", CSV, '1,a\n2,"b\n3,c\n'),
    ("csv: too many columns", CSV, '1,a\n2,b,c\n'),
    ("csv: too few columns", CSV, '1,a\n2\n'),
    ("csv: a bad quoted field", CSV, '1,a\n"x y",b\n'),
    ("csv: a header line before", CSV.replace("csv", "csv, header"), 'a,b\n1,a\nx,b\n'),
    ("csv: a wrong header", CSV.replace("csv", "csv, header match"), 'a,c\n1,a\n'),
    ("csv: a carriage return", CSV, '1,a\r\nx,b\r\n'),
    ("text that is not UTF-8", "copy plain from stdin", b"1\ta\n2\t\xff\xfe\n"),
    ("a zero byte", "copy plain from stdin", b"1\ta\n2\tb\x00c\n"),
    ("an escape that is not UTF-8", "copy plain from stdin", b"1\ta\n2\t\\xff\n"),
    ("the client gives up", "copy plain from stdin", ("1\ta\n2\tb\n", "changed my mind")),
    ("the client gives up after bad data", "copy plain from stdin", ("1\ta\nx\tb\n", "changed my mind")),
    ("the client gives up in a line", "copy plain from stdin", ("1\ta\n2", "changed my mind")),
]


def run(connection, statement, data):
    """One line: SQLSTATE, message, detail, context."""
    from psycopg import pq
    connection.execute(TABLES)
    pg = connection.pgconn
    give_up = None
    if isinstance(data, tuple):
        data, give_up = data[0], data[1].encode()
    if isinstance(data, str):
        data = data.encode()
    result = pg.exec_(statement.encode())
    if result.status != pq.ExecStatus.COPY_IN:
        return f"no copy: {result.error_message!r}"
    # In pieces, so that rows lie across them.
    for start in range(0, len(data), 1000):
        pg.put_copy_data(data[start:start + 1000])
    pg.put_copy_end(give_up)
    said = []
    while (result := pg.get_result()) is not None:
        fields = [pq.DiagnosticField.SQLSTATE, pq.DiagnosticField.MESSAGE_PRIMARY,
                  pq.DiagnosticField.MESSAGE_DETAIL, pq.DiagnosticField.CONTEXT]
        said.append(" | ".join(repr((result.error_field(f) or b"").decode()) for f in fields)
                    if result.status == pq.ExecStatus.FATAL_ERROR else result.command_status.decode())
    return "; ".join(said)


def answers(dsn):
    import psycopg
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [f"{name}: {run(connection, statement, data)}" for name, statement, data in CASES]


def main():
    if sys.argv[1] == "--record":
        GOLDEN.write_text("\n".join(answers(sys.argv[2])) + "\n")
        return
    with Server(sys.argv[1]) as server:
        found = answers(f"host=127.0.0.1 port={server.port} user=tester dbname=tester")
    wanted = GOLDEN.read_text().splitlines()
    failed = len(found) != len(wanted)
    for ours, theirs in zip(found, wanted):
        if ours != theirs:
            failed = True
            print(f"FAILED\n  PostgreSQL {theirs}\n  OmenDB     {ours}")
    print(f"{len(found)} cases of bad data")
    sys.exit(failed)


if __name__ == "__main__":
    try:
        main()
    except ImportError as missing:
        print(f"skipped: {missing}")
        sys.exit(77)
