#!/usr/bin/env python3
"""Dumps what PostgreSQL 15 ships in its system relations into src/catalog/*.tsv, for the build.
Usage: tools/dump_catalog.py CONNECTION-STRING
Run by hand when the data has to change; the files are kept in the repository."""
import pathlib
import subprocess
import sys

HEAD = """# {what}
# Source: the system catalogs of PostgreSQL 15, dumped by tools/dump_catalog.py in COPY text format.
# PostgreSQL is copyright (c) 1996-2022, PostgreSQL Global Development Group, and is distributed
# under the PostgreSQL License (https://www.postgresql.org/about/licence/).
# {columns}
"""
SYSTEM = "relnamespace in (11, 'information_schema'::regnamespace)"
SCHEMA_RELATIONS = f"select oid from pg_class where {SYSTEM} and relkind in ('r', 'v')"

# Columns of every system relation: what the compiled-in definitions are made from.
COLUMNS = (
    "pg_attribute", "columns of the system relations",
    f"""select c.oid, c.relname, n.nspname, c.relkind::text, c.reltype, a.attname, a.attnum,
        case when t.typtype = 'd' then t.typbasetype else a.atttypid end,
        case when t.typtype = 'd' then t.typtypmod else a.atttypmod end, a.attnotnull::int
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
    where c.oid in ({SCHEMA_RELATIONS}) and a.attnum > 0 and not a.attisdropped
    order by c.oid, a.attnum""",
    "relation oid, relation, schema, kind, row type, column, number, type, modifier, not null")

# Whole relations. Privileges are left NULL: none but the defaults are granted.
ROWS = {
    "pg_class": f"where c.oid in ({SCHEMA_RELATIONS}) or (relkind = 'i' and relnamespace = 11)",
    "pg_index": "where c.indrelid < 16384 and c.indrelid in "
                "(select oid from pg_class where relnamespace = 11)",
    "pg_constraint": "where c.oid < 16384 and conrelid <> 0",
    "pg_am": "", "pg_amop": "", "pg_amproc": "", "pg_opclass": "", "pg_opfamily": "",
    "pg_language": "where lanname <> 'plpgsql'",
    "pg_collation": "where c.collprovider in ('d', 'c') and c.collname in "
                    "('default', 'C', 'POSIX', 'ucs_basic', 'C.utf8')",
    "pg_range": "", "pg_tablespace": "", "pg_namespace": "where nspname !~ '^pg_temp' and nspname <> 'public'",
    "pg_authid": "where c.oid <> 10", "pg_auth_members": "",
}
NULLED = {"relacl", "nspacl", "lanacl", "spcacl"}
ZEROED = {"reltoastrelid", "relpages", "relallvisible"}


def query(connection, sql):
    return subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", connection, "-c",
                           f"copy ({sql}) to stdout"],
                          capture_output=True, text=True, check=True).stdout


def main():
    connection, folder = sys.argv[1], pathlib.Path(__file__).parent.parent / "src/catalog"
    name, what, sql, columns = COLUMNS
    (folder / f"{name}.tsv").write_text(HEAD.format(what=what, columns=columns) + query(connection, sql))
    for name, where in ROWS.items():
        listed = query(connection, "select attname, atttypid::regtype::text from pg_attribute where "
                       f"attrelid = 'pg_catalog.{name}'::regclass and attnum > 0 order by attnum")
        columns, wanted = [], []
        for line in listed.splitlines():
            column, kind = line.split("\t")
            columns.append(column)
            if column in NULLED:
                wanted.append("null")
            elif column in ZEROED:
                wanted.append("0")
            elif kind.startswith("reg"):
                wanted.append(f"c.{column}::oid")
            else:
                wanted.append(f"c.{column}")
        sql = f"select {', '.join(wanted)} from pg_catalog.{name} c {where} order by 1, 2"
        (folder / f"{name}.tsv" if name != "pg_attribute" else folder).write_text(
            HEAD.format(what=f"rows of {name}", columns=", ".join(columns)) + query(connection, sql))


if __name__ == "__main__":
    main()
