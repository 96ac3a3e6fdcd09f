// Many rows through the appender from several threads, each with its own connection, while another
// one asks for averages of what is there so far.

#include <omendb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITERS = 4, READINGS = 5000, BATCH = 500 };

static void check(OmenResult result, const char *what) {
    if (result != OMEN_ERROR) return;
    fprintf(stderr, "%s: %s %s\n", what, omen_last_error()->sqlstate, omen_last_error()->message);
    exit(1);
}

typedef struct Writer {
    OmenDatabase *database;
    int sensor;
} Writer;

static void *write_readings(void *argument) {
    const Writer *writer = argument;
    OmenConnection *connection;
    check(omen_connect(writer->database, &connection), "connect");
    for (int first = 0; first < READINGS; first += BATCH) {
        OmenAppender *appender;
        check(omen_append_begin(connection, NULL, "reading", &appender), "append");
        for (int i = first; i < first + BATCH; i++) {
            omen_append_int64(appender, writer->sensor);
            omen_append_int64(appender, i);
            omen_append_double(appender, (double)(i % 100) / 10);
            check(omen_append_end_row(appender), "end row");
        }
        check(omen_append_finish(appender), "finish");
    }
    omen_disconnect(connection);
    return NULL;
}

int main(void) {
    OmenDatabase *database;
    OmenConnection *connection;
    check(omen_open(NULL, NULL, &database), "open");
    check(omen_connect(database, &connection), "connect");
    check(omen_exec(connection,
              "create table reading (sensor int, at bigint, value double precision,"
              " primary key (sensor, at))",
              NULL, NULL),
        "create");

    pthread_t threads[WRITERS];
    Writer writers[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (Writer){database, i};
        pthread_create(&threads[i], NULL, write_readings, &writers[i]);
    }
    OmenStatement *select;
    check(omen_prepare(connection, "select count(*), avg(value) from reading", &select), "prepare");
    int64_t seen = 0;
    for (int i = 0; i < 20; i++) {
        if (omen_step(select) != OMEN_ROW) check(OMEN_ERROR, "select");
        int64_t count = omen_column_int64(select, 0);
        if (count < seen || count % BATCH != 0) return 1; // whole appends only, and never fewer
        seen = count;
        omen_reset(select);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
    }
    if (omen_step(select) != OMEN_ROW) check(OMEN_ERROR, "select");
    printf("%lld readings, mean %.2f\n", (long long)omen_column_int64(select, 0),
        omen_column_double(select, 1));
    int is_complete = omen_column_int64(select, 0) == WRITERS * READINGS;
    omen_finalize(select);
    omen_disconnect(connection);
    omen_close(database);
    return is_complete ? 0 : 1;
}
