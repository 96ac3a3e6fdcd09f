// The README's five minutes: a table, a row, and the rows again.

#include <omendb.h>
#include <stdio.h>

static int failed(const char *what) {
    fprintf(stderr, "%s: %s\n", what, omen_last_error()->message);
    return 1;
}

int main(int count, char **arguments) {
    const char *path = count > 1 ? arguments[1] : ":memory:";
    OmenDatabase *database;
    OmenConnection *connection;
    OmenStatement *insert, *select;
    if (omen_open(path, NULL, &database) != OMEN_OK) return failed("open");
    if (omen_connect(database, &connection) != OMEN_OK) return failed("connect");
    if (omen_exec(connection, "create table if not exists note (id bigint primary key, body text)",
            NULL, NULL)
        != OMEN_OK) {
        return failed("create");
    }

    if (omen_prepare(connection, "insert into note values ($1, $2) on conflict do nothing", &insert)
        != OMEN_OK) {
        return failed("prepare");
    }
    omen_bind_int64(insert, 1, 1);
    omen_bind_text(insert, 2, "hello", -1);
    if (omen_step(insert) != OMEN_DONE) return failed("insert");
    omen_finalize(insert);

    if (omen_prepare(connection, "select id, body from note order by id", &select) != OMEN_OK) {
        return failed("prepare");
    }
    OmenResult result;
    while ((result = omen_step(select)) == OMEN_ROW) {
        printf("%lld %s\n", (long long)omen_column_int64(select, 0),
            omen_column_text(select, 1, NULL));
    }
    if (result == OMEN_ERROR) return failed("select");
    omen_finalize(select);
    omen_disconnect(connection);
    omen_close(database);
    return 0;
}
