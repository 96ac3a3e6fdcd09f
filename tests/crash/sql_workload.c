#include "sql_workload.h"

#include "base/assert.h"
#include "engine/engine_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BODY_BYTES_MAX = 6000,
    LARGE_CHANGES = 40,
    SPILL_TURNS = 5,
    FLOOD_UPDATES = 14,
    RANDOM_SEED = 31,
    RING_BYTES = 1 << 16, // the log's buffer
    SQL_BYTES_MAX = 8192,
};

// ---- Rows ---------------------------------------------------------------------------------------

static uint32_t body_count(int32_t v) {
    return (uint32_t)v * 37 % (v % 10 == 0 ? BODY_BYTES_MAX : 40);
}

static char body_letter(int32_t v) {
    return (char)('a' + v % 26);
}

static const char *table_name(uint32_t table, bool is_renamed) {
    static const char *const names[WORKLOAD_TABLES][2] = {{"t", "t_renamed"}, {"u", "u_renamed"}};
    return names[table][is_renamed];
}

bool state_is_equal(const State *a, const State *b) {
    return memcmp(a->tables, b->tables, sizeof a->tables) == 0 && a->has_serial == b->has_serial
           && memcmp(a->serial, b->serial, sizeof a->serial) == 0;
}

void state_print_difference(const State *expected, const State *found) {
    for (uint32_t i = 0; i < WORKLOAD_TABLES; i++) {
        const TableState *a = &expected->tables[i], *b = &found->tables[i];
        if (a->exists != b->exists || a->is_renamed != b->is_renamed || a->has_note != b->has_note
            || a->has_index != b->has_index) {
            fprintf(stderr,
                "table %u: expected exists %d renamed %d note %d index %d, found %d %d %d %d\n", i,
                a->exists, a->is_renamed, a->has_note, a->has_index, b->exists, b->is_renamed,
                b->has_note, b->has_index);
        }
        for (uint32_t id = 0; id < WORKLOAD_IDS; id++) {
            if (a->v[id] == b->v[id] && a->note[id] == b->note[id]) continue;
            fprintf(stderr, "table %u row %u: expected v %d note %d, found v %d note %d\n", i, id,
                a->v[id], a->note[id], b->v[id], b->note[id]);
        }
    }
    for (uint32_t id = 0; id < WORKLOAD_SERIALS; id++) {
        if (expected->serial[id] == found->serial[id]) continue;
        fprintf(stderr, "s row %u: expected v %d, found v %d\n", id, expected->serial[id],
            found->serial[id]);
    }
}

// ---- Observing ----------------------------------------------------------------------------------

typedef struct Observation {
    State *state;
    TableState *table; // that is being read
    uint64_t row_count;
    Text *relations;
    bool is_wrong;
} Observation;

static Status observe_columns(void *argument, const ResultColumn *columns, uint32_t column_count) {
    (void)columns;
    ((Observation *)argument)->table->has_note = column_count == 4;
    return OK;
}

static Status observe_relations(void *argument, const Batch *batch) {
    Observation *observation = argument;
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        Value name = column_get(&batch->columns[0], selection_row(batch_selection(batch), i));
        text_append(observation->relations, view_data(&name.datum.view), name.datum.view.count);
        text_append_char(observation->relations, ' ');
    }
    return OK;
}

static bool body_is_right(int32_t v, const View *body) {
    if (body->count != body_count(v)) return false;
    const uint8_t *bytes = view_data(body);
    for (uint32_t i = 0; i < body->count; i++) {
        if (bytes[i] != (uint8_t)body_letter(v)) return false;
    }
    return true;
}

static Status observe_rows(void *argument, const Batch *batch) {
    Observation *observation = argument;
    TableState *table = observation->table;
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        uint32_t row = selection_row(batch_selection(batch), i);
        int64_t id = column_get(&batch->columns[0], row).datum.int8;
        int32_t v = column_get(&batch->columns[1], row).datum.int4;
        Value body = column_get(&batch->columns[2], row);
        observation->row_count++;
        if (id < 0 || id >= WORKLOAD_IDS || table->v[id] != 0 || v <= 0
            || !body_is_right(v, &body.datum.view)) {
            fprintf(stderr, "row %lld has v %d and a text of %u bytes\n", (long long)id, v,
                body.datum.view.count);
            observation->is_wrong = true;
            continue;
        }
        table->v[id] = v;
        if (table->has_note) {
            Value note = column_get(&batch->columns[3], row);
            table->note[id] = note.is_null ? 0 : note.datum.int4;
        }
    }
    return OK;
}

static Status observe_serials(void *argument, const Batch *batch) {
    Observation *observation = argument;
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        uint32_t row = selection_row(batch_selection(batch), i);
        int32_t id = column_get(&batch->columns[0], row).datum.int4;
        int32_t v = column_get(&batch->columns[1], row).datum.int4;
        observation->row_count++;
        if (id <= 0 || id >= WORKLOAD_SERIALS || observation->state->serial[id] != 0 || v <= 0) {
            fprintf(stderr, "s has a row with id %d and v %d\n", id, v);
            observation->is_wrong = true;
            continue;
        }
        observation->state->serial[id] = (int16_t)v;
    }
    return OK;
}

// What pg_class should list for the state, as observe_relations writes it.
static void relations_of(const State *state, Text *text) {
    if (state->has_serial) text_append_text(text, "s s_id_seq s_pkey ");
    for (uint32_t i = 0; i < WORKLOAD_TABLES; i++) {
        const TableState *table = &state->tables[i];
        if (!table->exists) continue;
        char letter = table_name(i, false)[0];
        if (!table->is_renamed) text_append_format(text, "%c ", letter);
        if (table->has_index) text_append_format(text, "%c_id_idx ", letter);
        text_append_format(text, "%c_pkey ", letter);
        if (table->is_renamed) text_append_format(text, "%c_renamed ", letter);
        text_append_format(text, "%c_v_idx ", letter);
    }
}

// Whether one of the names, each followed by a blank, is `name`.
static bool relations_have(const Text *relations, const char *name) {
    size_t count = strlen(name);
    for (const char *at = relations->data; *at != '\0'; at = strchr(at, ' ') + 1) {
        if (strncmp(at, name, count) == 0 && at[count] == ' ') return true;
    }
    return false;
}

static Status observe_table(Session *session, Observation *observation, uint32_t index) {
    TableState *table = &observation->state->tables[index];
    observation->table = table;
    table->is_renamed = relations_have(observation->relations, table_name(index, true));
    table->exists =
        table->is_renamed || relations_have(observation->relations, table_name(index, false));
    char name[40];
    snprintf(name, sizeof name, "%c_id_idx", table_name(index, false)[0]);
    table->has_index = relations_have(observation->relations, name);
    if (!table->exists) return OK;
    char sql[100];
    snprintf(sql, sizeof sql, "select * from %s", table_name(index, table->is_renamed));
    RunCallbacks callbacks = {
        .begin_rows = observe_columns, .rows = observe_rows, .argument = observation};
    return session_run(session, sql, &callbacks);
}

static Status observe(Session *session, Observation *observation) {
    RunCallbacks relations = {.rows = observe_relations, .argument = observation};
    TRY(session_run(session,
        "select relname::text from pg_class where relnamespace = 2200 order by relname collate "
        "\"C\"",
        &relations));
    for (uint32_t i = 0; i < WORKLOAD_TABLES; i++)
        TRY(observe_table(session, observation, i));
    observation->state->has_serial = relations_have(observation->relations, "s");
    if (!observation->state->has_serial) return OK;
    RunCallbacks serials = {.rows = observe_serials, .argument = observation};
    return session_run(session, "select id, v from s", &serials);
}

static Status with_session(
    Database *database, Status (*run)(Session *session, void *argument), void *argument) {
    SessionPool *pool;
    TRY(session_pool_create(database, &pool));
    SessionOptions options = {.autocommit_is_synchronous = true};
    Session *session = NULL;
    Status status = session_create(pool, &options, &session);
    if (status == OK) status = run(session, argument);
    if (session != NULL) session_destroy(session);
    session_pool_destroy(pool);
    return status;
}

static Status observe_with(Session *session, void *argument) {
    return observe(session, argument);
}

static void print_failure(const char *what) {
    fprintf(stderr, "%s: %s\n", what,
        error_get()->message == NULL ? "(no message)" : error_get()->message);
}

bool database_observe(Database *database, State *state_out, uint64_t *row_count_out) {
    Arena arena;
    arena_init(&arena, NULL);
    Text relations, expected;
    text_init(&relations, &arena);
    text_init(&expected, &arena);
    memset(state_out, 0, sizeof *state_out);
    Observation observation = {.state = state_out, .relations = &relations};
    bool is_right = with_session(database, observe_with, &observation) == OK;
    if (!is_right) print_failure("reading the database");
    relations_of(state_out, &expected);
    if (is_right && strcmp(relations.data, expected.data) != 0) {
        fprintf(stderr, "relations: expected %s, found %s\n", expected.data, relations.data);
        is_right = false;
    }
    arena_deinit(&arena);
    *row_count_out = observation.row_count;
    return is_right && !observation.is_wrong;
}

static Status take_number(void *argument, const Batch *batch) {
    if (batch->selected_count > 0) {
        uint32_t row = selection_row(batch_selection(batch), 0);
        *(int32_t *)argument = column_get(&batch->columns[0], row).datum.int4;
    }
    return OK;
}

static Status add_serial(Session *session, void *argument) {
    RunCallbacks callbacks = {.rows = take_number, .argument = argument};
    return session_run(session, "insert into s (v) values (1) returning id", &callbacks);
}

bool database_add_serial(Database *database, State *state) {
    int32_t id = 0;
    if (with_session(database, add_serial, &id) != OK) {
        print_failure("a row after recovery");
        return false;
    }
    if (id <= 0 || id >= WORKLOAD_SERIALS || state->serial[id] != 0) {
        fprintf(stderr, "the sequence gave %d\n", id);
        return false;
    }
    state->serial[id] = 1;
    return true;
}

// ---- Running statements -------------------------------------------------------------------------

static Status copy_begin(void *argument, bool is_binary, uint32_t column_count) {
    (void)argument;
    (void)is_binary;
    (void)column_count;
    return OK;
}

static Status copy_give(void *argument, Bytes *piece_out) {
    Workload *workload = argument;
    *piece_out = workload->copy.is_taken ? (Bytes){0}
                                         : bytes_make(workload->copy.text, workload->copy.count);
    workload->copy.is_taken = true;
    return OK;
}

static Status take_returned(void *argument, const Batch *batch) {
    return take_number(&((Workload *)argument)->returned, batch);
}

[[gnu::format(printf, 3, 4)]] static Status run(
    Workload *workload, Session *session, const char *format, ...) {
    char sql[SQL_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    ASSERT(count > 0 && count < (int)sizeof sql);
    RunCallbacks callbacks = {.rows = take_returned,
        .copy_in_begin = copy_begin,
        .copy_in = copy_give,
        .argument = workload};
    return session_run(session, sql, &callbacks);
}

// Runs what commits: COMMIT, or a statement outside a block. From here to the acknowledgement both
// states are right.
[[gnu::format(printf, 4, 5)]] static Status run_committing(
    Workload *workload, Session *session, const State *next, const char *format, ...) {
    char sql[SQL_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    ASSERT(count > 0 && count < (int)sizeof sql);
    workload->started = *next;
    Status status = run(workload, session, "%s", sql);
    if (status == OK) {
        workload->acknowledged = *next;
        workload->commits++;
    } else if (status == TRANSACTION_RESOLUTION_UNKNOWN) {
        workload->is_unknown = true;
    } else {
        workload->started = workload->acknowledged;
    }
    return status;
}

// ---- Steps --------------------------------------------------------------------------------------

static int32_t random_v(Workload *workload) {
    return 1 + (int32_t)random_below(&workload->random, 1000);
}

// Inserts, updates or deletes a row, of one of `count` ids from `first`.
static Status change_row(Workload *workload, Session *session, State *next, uint32_t index,
    uint32_t first, uint32_t count) {
    TableState *table = &next->tables[index];
    const char *name = table_name(index, table->is_renamed);
    uint32_t id = first + (uint32_t)random_below(&workload->random, count);
    int32_t v = random_v(workload);
    bool deletes = random_below(&workload->random, 3) == 0;
    if (table->v[id] == 0) {
        table->v[id] = v;
        table->note[id] = table->has_note ? 7 : 0;
        return run(workload, session, "insert into %s values (%u, %d, repeat('%c', %u))", name, id,
            v, body_letter(v), body_count(v));
    }
    if (deletes) {
        table->v[id] = table->note[id] = 0;
        return run(workload, session, "delete from %s where id = %u", name, id);
    }
    table->v[id] = v;
    return run(workload, session,
        "update %s set v = %d, body = repeat('%c', %u) where id = %u and v > 0", name, v,
        body_letter(v), body_count(v), id);
}

static Status change_rows(
    Workload *workload, Session *session, State *next, uint32_t index, uint32_t change_count) {
    // The last ids of "t" belong to the transaction that stays open.
    uint32_t ids = index == 0 ? WORKLOAD_IDS / 2 : WORKLOAD_IDS;
    for (uint32_t i = 0; i < change_count; i++)
        TRY(change_row(workload, session, next, index, 0, ids));
    return OK;
}

static uint32_t few(Workload *workload) {
    return 1 + (uint32_t)random_below(&workload->random, 5);
}

static Status step_statement(Workload *workload, State *next) {
    TableState *table = &next->tables[0];
    uint32_t id = (uint32_t)random_below(&workload->random, WORKLOAD_IDS / 2);
    int32_t v = random_v(workload);
    const char *name = table_name(0, table->is_renamed);
    if (table->v[id] == 0) table->note[id] = table->has_note ? 7 : 0;
    table->v[id] = v;
    return run_committing(workload, workload->session, next,
        "insert into %s values (%u, %d, repeat('%c', %u)) on conflict (id) do update set v = "
        "excluded.v, body = excluded.body",
        name, id, v, body_letter(v), body_count(v));
}

static Status step_transaction(Workload *workload, State *next) {
    TRY(run(workload, workload->session, "begin"));
    TRY(change_rows(workload, workload->session, next, 0, few(workload)));
    if (next->tables[1].exists) {
        TRY(change_rows(workload, workload->session, next, 1, few(workload)));
    }
    return run_committing(workload, workload->session, next, "commit");
}

static Status step_savepoint(Workload *workload, State *next) {
    Session *session = workload->session;
    TRY(run(workload, session, "begin"));
    TRY(change_rows(workload, session, next, 0, few(workload)));
    TRY(run(workload, session, "savepoint a"));
    State at_a = *next;
    TRY(change_rows(workload, session, next, 0, few(workload)));
    TRY(run(workload, session, "savepoint b"));
    State at_b = *next;
    TRY(change_rows(workload, session, next, 0, few(workload)));
    if (random_below(&workload->random, 2) == 0) {
        TRY(run(workload, session, "rollback to savepoint b; release savepoint b"));
        *next = at_b;
    } else {
        TRY(run(workload, session, "rollback to savepoint a"));
        *next = at_a;
    }
    TRY(change_rows(workload, session, next, 0, few(workload)));
    return run_committing(workload, session, next, "commit");
}

// Streams more than the log's buffer holds: what survives, and what is rolled back to a savepoint.
static Status step_large(Workload *workload, State *next) {
    Session *session = workload->session;
    Lsn before = wal_tail(workload->database->wal);
    TRY(run(workload, session, "begin"));
    for (uint32_t round = 0; round < 3; round++) {
        if (round == 1) TRY(run(workload, session, "savepoint a"));
        State kept = *next;
        TableState *table = &next->tables[0];
        for (uint32_t i = 0; i < LARGE_CHANGES; i++) {
            uint32_t id = (uint32_t)random_below(&workload->random, WORKLOAD_IDS / 2);
            int32_t v = 10 * (1 + (int32_t)random_below(&workload->random, 100));
            const char *name = table_name(0, table->is_renamed);
            TRY(run(workload, session,
                "update %s set v = %d, body = repeat('%c', %u) where id = %u", name, v,
                body_letter(v), body_count(v), id));
            if (table->v[id] != 0) table->v[id] = v;
        }
        if (round == 1) {
            TRY(run(workload, session, "rollback to savepoint a"));
            *next = kept;
        }
    }
    uint64_t logged = wal_tail(workload->database->wal).value - before.value;
    if (logged < RING_BYTES && !workload->has_faults) {
        return fail(
            INTERNAL_ERROR, "%llu bytes are no large transaction", (unsigned long long)logged);
    }
    return run_committing(workload, session, next, "commit");
}

// Logs several files of what is then taken back, so that a later checkpoint has files to let go of.
static Status step_flood(Workload *workload, State *next) {
    Session *session = workload->session;
    TRY(run(workload, session, "begin"));
    TRY(change_rows(workload, session, next, 0, few(workload)));
    TRY(run(workload, session, "savepoint a"));
    for (uint32_t i = 0; i < FLOOD_UPDATES; i++) {
        TRY(run(workload, session, "update %s set body = repeat('z', %u)",
            table_name(0, next->tables[0].is_renamed), BODY_BYTES_MAX + i));
    }
    TRY(run(workload, session, "rollback to savepoint a"));
    return run_committing(workload, session, next, "commit");
}

static Status step_rollback(Workload *workload, State *next) {
    TRY(run(workload, workload->session, "begin"));
    State scratch = *next;
    TRY(change_rows(workload, workload->session, &scratch, 0, 3 * few(workload)));
    return run(workload, workload->session, "rollback");
}

// A statement that must fail, in a transaction whose savepoint saves the rest.
static Status step_conflict(Workload *workload, State *next) {
    Session *session = workload->session;
    TRY(run(workload, session, "begin"));
    TRY(change_rows(workload, session, next, 0, few(workload)));
    const TableState *table = &next->tables[0];
    uint32_t id = 0;
    while (id < WORKLOAD_IDS / 2 && table->v[id] == 0)
        id++;
    if (id < WORKLOAD_IDS / 2) {
        TRY(run(workload, session, "savepoint a"));
        Status status = run(workload, session, "insert into %s values (%u, 1, 'x')",
            table_name(0, table->is_renamed), id);
        if (status != UNIQUE_VIOLATION) {
            return status == OK ? fail(INTERNAL_ERROR, "a row with a key that is there already")
                                : status;
        }
        error_clear();
        TRY(run(workload, session, "rollback to savepoint a"));
    }
    return run_committing(workload, session, next, "commit");
}

static Status step_checkpoint(Workload *workload, State *next) {
    (void)next;
    return run(workload, workload->session, "checkpoint");
}

static Status step_create_or_drop(Workload *workload, State *next) {
    TableState *table = &next->tables[1];
    if (table->exists) {
        bool was_renamed = table->is_renamed;
        memset(table, 0, sizeof *table);
        return run_committing(
            workload, workload->session, next, "drop table %s", table_name(1, was_renamed));
    }
    // A definition and rows in one transaction.
    TRY(run(workload, workload->session,
        "begin; create table u (id bigint primary key, v int not null check (v > 0), body text); "
        "create index u_v_idx on u (v)"));
    table->exists = true;
    TRY(change_rows(workload, workload->session, next, 1, few(workload)));
    return run_committing(workload, workload->session, next, "commit");
}

static Status step_copy(Workload *workload, State *next) {
    TableState *table = &next->tables[1];
    if (!table->exists) return step_create_or_drop(workload, next);
    struct CopyRows *copy = &workload->copy;
    *copy = (struct CopyRows){0};
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t id = (uint32_t)random_below(&workload->random, WORKLOAD_IDS);
        if (table->v[id] != 0) continue;
        int32_t v = random_v(workload) | 1; // short texts
        table->v[id] = v;
        table->note[id] = table->has_note ? 7 : 0;
        copy->count += (size_t)snprintf(
            copy->text + copy->count, sizeof copy->text - copy->count, "%u\t%d\t", id, v);
        memset(copy->text + copy->count, body_letter(v), body_count(v));
        copy->count += body_count(v);
        copy->text[copy->count++] = '\n';
        ASSERT(copy->count + 100 < sizeof copy->text);
    }
    return run_committing(workload, workload->session, next, "copy %s (id, v, body) from stdin",
        table_name(1, table->is_renamed));
}

static Status step_alter(Workload *workload, State *next) {
    uint32_t index = (uint32_t)random_below(&workload->random, 2);
    if (!next->tables[index].exists) index = 0;
    TableState *table = &next->tables[index];
    const char *name = table_name(index, table->is_renamed);
    if (table->has_note) {
        memset(table->note, 0, sizeof table->note);
        table->has_note = false;
        return run_committing(
            workload, workload->session, next, "alter table %s drop column note", name);
    }
    for (uint32_t i = 0; i < WORKLOAD_IDS; i++) {
        if (table->v[i] != 0) table->note[i] = 7;
    }
    table->has_note = true;
    return run_committing(
        workload, workload->session, next, "alter table %s add column note int default 7", name);
}

static Status step_rename(Workload *workload, State *next) {
    uint32_t index = next->tables[1].exists ? (uint32_t)random_below(&workload->random, 2) : 0;
    TableState *table = &next->tables[index];
    table->is_renamed = !table->is_renamed;
    return run_committing(workload, workload->session, next, "alter table %s rename to %s",
        table_name(index, !table->is_renamed), table_name(index, table->is_renamed));
}

static Status step_index(Workload *workload, State *next) {
    uint32_t index = next->tables[1].exists ? (uint32_t)random_below(&workload->random, 2) : 0;
    TableState *table = &next->tables[index];
    const char *name = table_name(index, table->is_renamed);
    table->has_index = !table->has_index;
    if (!table->has_index) {
        return run_committing(
            workload, workload->session, next, "drop index %c_id_idx", table_name(index, false)[0]);
    }
    return run_committing(workload, workload->session, next,
        "create unique index %c_id_idx on %s (v, id)", table_name(index, false)[0], name);
}

static Status step_truncate(Workload *workload, State *next) {
    TableState *table = &next->tables[1];
    if (!table->exists) return step_create_or_drop(workload, next);
    memset(table->v, 0, sizeof table->v);
    memset(table->note, 0, sizeof table->note);
    const char *name = table_name(1, table->is_renamed);
    if (random_below(&workload->random, 2) == 0) {
        return run_committing(workload, workload->session, next, "truncate %s", name);
    }
    TRY(run(workload, workload->session, "begin; truncate %s", name));
    TRY(change_rows(workload, workload->session, next, 1, few(workload)));
    return run_committing(workload, workload->session, next, "commit");
}

static Status step_serial(Workload *workload, State *next) {
    TRY(run(workload, workload->session, "begin"));
    uint32_t count = few(workload);
    for (uint32_t i = 0; i < count; i++) {
        int32_t v = random_v(workload);
        workload->returned = 0;
        TRY(run(workload, workload->session, "insert into s (v) values (%d) returning id", v));
        int32_t id = workload->returned;
        if (id <= 0 || id >= WORKLOAD_SERIALS || next->serial[id] != 0) {
            return fail(INTERNAL_ERROR, "the sequence gave %d", id);
        }
        next->serial[id] = (int16_t)v;
    }
    return run_committing(workload, workload->session, next, "commit");
}

// Old versions are collected, and everything that may leave the cache does.
static Status step_tidy(Workload *workload, State *next) {
    (void)next;
    database_tick(workload->database);
    cache_make_room(workload->database->cache, SIZE_MAX / 4);
    epoch_advance(database_epochs(workload->database));
    return OK;
}

// Pages go to the disk right after a checkpoint, before anything is logged.
static Status step_spill(Workload *workload, State *next) {
    TRY(run(workload, workload->session, "checkpoint"));
    TRY(run(workload, workload->session, "begin"));
    for (uint32_t i = 0; i < SPILL_TURNS; i++) {
        TRY(change_rows(workload, workload->session, next, 0, few(workload)));
        TRY(step_tidy(workload, next));
    }
    return run_committing(workload, workload->session, next, "commit");
}

static Status step_reopen(Workload *workload, State *next) {
    (void)next;
    workload_close(workload);
    return workload_open(workload);
}

// A transaction that stays open across what others do, streamed if it is large.
static Status step_other_begin(Workload *workload, State *next) {
    if (workload->other_is_open) return OK;
    TRY(run(workload, workload->other, "begin"));
    workload->other_is_open = true;
    workload->other_state = *next;
    for (uint32_t i = 0; i < LARGE_CHANGES; i++) {
        TRY(change_row(workload, workload->other, &workload->other_state, 0, WORKLOAD_IDS / 2,
            WORKLOAD_IDS / 2));
    }
    return OK;
}

static Status step_other_commit(Workload *workload, State *next) {
    if (!workload->other_is_open) return OK;
    TableState *table = &next->tables[0];
    const TableState *other = &workload->other_state.tables[0];
    memcpy(&table->v[WORKLOAD_IDS / 2], &other->v[WORKLOAD_IDS / 2],
        WORKLOAD_IDS / 2 * sizeof table->v[0]);
    memcpy(&table->note[WORKLOAD_IDS / 2], &other->note[WORKLOAD_IDS / 2],
        WORKLOAD_IDS / 2 * sizeof table->note[0]);
    workload->other_is_open = false;
    return run_committing(workload, workload->other, next, "commit");
}

// X(name): a round of steps. Between the begin and the commit of `other` nothing takes a lock that
// would have to wait for it.
#define STEP_LIST(X)                                                                               \
    X(statement)                                                                                   \
    X(transaction)                                                                                 \
    X(create_or_drop)                                                                              \
    X(copy)                                                                                        \
    X(savepoint)                                                                                   \
    X(serial)                                                                                      \
    X(checkpoint)                                                                                  \
    X(alter)                                                                                       \
    X(transaction)                                                                                 \
    X(other_begin)                                                                                 \
    X(statement)                                                                                   \
    X(checkpoint)                                                                                  \
    X(serial)                                                                                      \
    X(savepoint)                                                                                   \
    X(other_commit)                                                                                \
    X(large)                                                                                       \
    X(rename)                                                                                      \
    X(tidy)                                                                                        \
    X(index)                                                                                       \
    X(statement)                                                                                   \
    X(truncate)                                                                                    \
    X(conflict)                                                                                    \
    X(checkpoint)                                                                                  \
    X(copy)                                                                                        \
    X(rollback)                                                                                    \
    X(spill)                                                                                       \
    X(flood)                                                                                       \
    X(checkpoint)                                                                                  \
    X(index)                                                                                       \
    X(statement)                                                                                   \
    X(alter)                                                                                       \
    X(serial)                                                                                      \
    X(transaction)                                                                                 \
    X(rename)                                                                                      \
    X(reopen)

typedef struct Step {
    const char *name;
    Status (*run)(Workload *workload, State *next);
} Step;

static const Step steps[] = {
#define X(name) {#name, step_##name},
    STEP_LIST(X)
#undef X
};

enum { STEP_COUNT = sizeof steps / sizeof *steps };

uint32_t workload_round_steps(void) {
    return STEP_COUNT;
}

uint32_t workload_unit_steps(uint32_t number) {
    uint32_t count = 1;
    if (steps[number % STEP_COUNT].run != step_other_begin) return count;
    while (steps[(number + count) % STEP_COUNT].run != step_other_commit)
        count++;
    return count + 1;
}

Status workload_step(Workload *workload, uint32_t number, const char **name_out) {
    const Step *step = &steps[number % STEP_COUNT];
    if (name_out != NULL) *name_out = step->name;
    State next = workload->acknowledged;
    Status status = step->run(workload, &next);
    if (status == OK || workload->database == NULL) return status;
    if (session_state(workload->session) == SESSION_IDLE && !workload->other_is_open) return status;
    // The first error is the one to tell.
    Arena arena;
    arena_init(&arena, NULL);
    Error first;
    error_take(&arena, &first);
    Session *sessions[] = {workload->session, workload->other};
    for (int i = 0; i < 2; i++) {
        if (session_state(sessions[i]) == SESSION_IDLE) continue;
        if (run(workload, sessions[i], "rollback") != OK) {
            print_failure("a rollback failed");
            abort();
        }
    }
    workload->other_is_open = false;
    (void)fail(first.status, "%s", first.message);
    arena_deinit(&arena);
    return status;
}

// ---- Life ---------------------------------------------------------------------------------------

Status workload_database_open(SimulatedDisk *disk, SimulatedClock *clock, Database **database_out) {
    DatabaseOptions options = {
        .environment = {.files = simulated_disk_files(disk),
            .clock = simulated_clock_clock(clock),
            .random_seed = RANDOM_SEED},
        .memory_limit_bytes = 32 << 20,
        .wal_file_bytes = 1 << 20,
        .wal_ring_bytes = RING_BYTES,
        .no_background = true,
    };
    return database_open(WORKLOAD_PATH, &options, database_out);
}

Status workload_open_sessions(Workload *workload) {
    Status status = session_pool_create(workload->database, &workload->pool);
    SessionOptions options = {.autocommit_is_synchronous = true};
    if (status == OK) status = session_create(workload->pool, &options, &workload->session);
    if (status == OK) status = session_create(workload->pool, &options, &workload->other);
    return status;
}

void workload_close_sessions(Workload *workload) {
    if (workload->session != NULL) session_destroy(workload->session);
    if (workload->other != NULL) session_destroy(workload->other);
    if (workload->pool != NULL) session_pool_destroy(workload->pool);
    workload->session = workload->other = NULL;
    workload->pool = NULL;
    workload->other_is_open = false;
}

Status workload_open(Workload *workload) {
    TRY(workload_database_open(workload->disk, workload->clock, &workload->database));
    Status status = workload_open_sessions(workload);
    if (status != OK) workload_close(workload);
    return status;
}

void workload_close(Workload *workload) {
    workload_close_sessions(workload);
    database_close(workload->database);
    workload->database = NULL;
}

static Status create_tables(Workload *workload) {
    State next = workload->acknowledged;
    next.tables[0].exists = true;
    TRY(run(workload, workload->session,
        "begin; create table t (id bigint primary key, v int not null, body text); "
        "create index t_v_idx on t (v)"));
    TRY(run_committing(workload, workload->session, &next, "commit"));
    next.has_serial = true;
    return run_committing(
        workload, workload->session, &next, "create table s (id serial primary key, v int)");
}

void workload_init(Workload *workload, uint64_t seed,
    void (*hook)(void *argument, uint64_t call, const char *path), void *argument) {
    memset(workload, 0, sizeof *workload);
    random_seed(&workload->random, seed);
    Status status = simulated_disk_create(&workload->disk);
    if (status == OK) status = simulated_clock_create(&workload->clock);
    if (status == OK) {
        simulated_disk_set_hook(workload->disk, hook, argument);
        status = workload_open(workload);
    }
    if (status == OK) status = create_tables(workload);
    if (status != OK) {
        print_failure("setting up");
        abort();
    }
}

void workload_deinit(Workload *workload) {
    workload_close(workload);
    simulated_disk_destroy(workload->disk);
    simulated_clock_destroy(workload->clock);
}
