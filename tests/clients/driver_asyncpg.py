"""asyncpg (binary both ways, everything prepared). Server: PGHOST, PGPORT, PGUSER, PGDATABASE."""
import asyncio
import datetime
import decimal
import io
import uuid

import asyncpg
from report import check, finish

LONG = "select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b where a <> b"


async def values(connection):
    await connection.execute("create table va (id serial primary key, b bool, i2 smallint, i4 int, i8 bigint, f4 real, "
                             "f8 double precision, n numeric, t text, y bytea, d date, tm time, ts timestamp, "
                             "tz timestamptz, iv interval, u uuid)")
    sent = (True, -7, 70000, 2**60, 0.5, 1 / 3, decimal.Decimal("12345.6700"), "p\u00e4'\\x", b"\x00\xff\\",
            datetime.date(2024, 2, 29), datetime.time(12, 34, 56, 789), datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
            datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone.utc), datetime.timedelta(days=3, hours=4),
            uuid.UUID(int=2**100))
    identity = await connection.fetchval(
        "insert into va (b, i2, i4, i8, f4, f8, n, t, y, d, tm, ts, tz, iv, u) values ("
        + ", ".join(f"${i + 1}" for i in range(len(sent))) + ") returning id", *sent)
    check("insert returning", identity == 1, identity)
    row = await connection.fetchrow("select b, i2, i4, i8, f4, f8, n, t, y, d, tm, ts, tz, iv, u from va")
    for (name, got), want in zip(row.items(), sent):
        check(f"value {name}", want == got, f"{want!r} became {got!r}")


async def catalog_types(connection):
    """Types that asyncpg does not know from the start: it asks the catalog with WITH RECURSIVE."""
    got = await connection.fetchval("select array[1.5, 2]::numeric[]")
    check("array of numeric", got == [decimal.Decimal("1.5"), decimal.Decimal(2)], got)
    got = await connection.fetchval("select $1::int[]", [1, None, 3])
    check("array of int", got == [1, None, 3], got)
    got = await connection.fetchval("select $1::numeric[]", [decimal.Decimal(3)])
    check("array parameter", got == [decimal.Decimal(3)], got)


async def errors(connection):
    try:
        await connection.fetch("select nosuch from va")
        check("error", False, "none")
    except asyncpg.UndefinedColumnError as error:
        check("error: SQLSTATE and position", error.sqlstate == "42703" and error.position == "8", error)
    try:
        await connection.execute("insert into va (id) values ($1)", 1)
        check("unique violation", False, "none")
    except asyncpg.UniqueViolationError as error:
        check("unique violation: constraint", error.constraint_name == "va_pkey" and error.table_name == "va", error)


async def transactions(connection):
    try:
        async with connection.transaction():
            await connection.execute("delete from va")
            async with connection.transaction():  # a savepoint
                await connection.execute("insert into va (id) values (50)")
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    check("rollback", await connection.fetchval("select count(*) from va") == 1)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        check("cursor", [r[0] async for r in connection.cursor("select generate_series(1, 200)", prefetch=50)]
              == list(range(1, 201)))


async def copy(connection):
    await connection.execute("create table ca (k int primary key, v text)")
    status = await connection.copy_records_to_table("ca", records=[(i, f"v{i}") for i in range(1000)])
    check("copy in, binary", status == "COPY 1000", status)
    status = await connection.copy_to_table("ca", source=io.BytesIO(b"1000,x\n1001,y\n"), format="csv")
    check("copy in, csv", status == "COPY 2", status)
    out = io.BytesIO()
    await connection.copy_from_query("select * from ca where k >= $1 order by k", 999, output=out)
    check("copy out", out.getvalue() == b"999\tv999\n1000\tx\n1001\ty\n", out.getvalue())


async def prepared(connection):
    statement = await connection.prepare("select v from ca where k = $1")
    check("prepared: types", [p.name for p in statement.get_parameters()] == ["int4"]
          and statement.get_attributes()[0].type.name == "text", statement.get_parameters())
    found = [await statement.fetchval(i) for i in range(300)]
    check("prepared statement, 300 times", found == [f"v{i}" for i in range(300)])
    await connection.executemany("insert into ca values ($1, $2)", [(i, "m") for i in range(2000, 2100)])
    check("executemany", await connection.fetchval("select count(*) from ca where v = 'm'") == 100)


async def cancel(connection):
    try:
        await connection.execute(LONG, timeout=0.3)
        check("cancel", False, "not cancelled")
    except asyncio.TimeoutError:
        check("cancel", await connection.fetchval("select 1") == 1)


async def main():
    connection = await asyncpg.connect()
    check("server version", connection.get_server_version().major == 15, connection.get_server_version())
    for part in (values, catalog_types, errors, transactions, copy, prepared, cancel):
        try:
            await part(connection)
        except Exception as error:
            check(part.__name__, False, f"{type(error).__name__}: {error}")
    await connection.reset()
    await connection.close()
    async with asyncpg.create_pool(min_size=2, max_size=4) as pool:
        answers = await asyncio.gather(*(pool.fetchval("select $1::int", i) for i in range(40)))
        check("pool", answers == list(range(40)))


finish(lambda: asyncio.run(main()))
