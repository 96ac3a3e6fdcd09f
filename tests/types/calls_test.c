// The arithmetic of the types module against what PostgreSQL 15 answered: calls/*.tsv, a line each
// of operation, arguments and "=" result or "!" SQLSTATE and message.
#include "base/test.h"
#include "types/datetime_units.h"
#include "types/numeric.h"

#include <stdlib.h>

static const char *folder;

// Splits at tabs; returns how many fields there are.
static size_t split(char *line, char *fields[], size_t field_max) {
    size_t count = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *at = line; at != NULL && count < field_max; count++) {
        fields[count] = at;
        at = strchr(at, '\t');
        if (at != NULL) *at++ = '\0';
    }
    return count;
}

static Numeric read_numeric(const char *text, Arena *arena) {
    Value value;
    assert_ok(value_from_text(
        value_context_default(), sql_type(TYPE_NUMERIC), text, strlen(text), arena, &value));
    View *view = arena_new(arena, View);
    *view = value.datum.view;
    return numeric_open(view, arena);
}

static int32_t places(const Numeric *number, Arena *arena) {
    int32_t value;
    Numeric least = numeric_from_int64(-20, arena), most = numeric_from_int64(20, arena);
    if (numeric_compare(number, &least) < 0) number = &least;
    if (numeric_compare(number, &most) > 0) number = &most;
    assert_ok(numeric_to_int32(number, arena, &value));
    return value;
}

static Status compute(
    const char *operation, const Numeric *a, const Numeric *b, Arena *arena, Numeric *out) {
    int64_t whole;
    int32_t small;
    if (strcmp(operation, "add") == 0)
        *out = numeric_add(a, b, arena);
    else if (strcmp(operation, "sub") == 0)
        *out = numeric_subtract(a, b, arena);
    else if (strcmp(operation, "mul") == 0)
        *out = numeric_multiply(a, b, arena);
    else if (strcmp(operation, "div") == 0)
        TRY(numeric_divide(a, b, arena, out));
    else if (strcmp(operation, "mod") == 0)
        TRY(numeric_modulo(a, b, arena, out));
    else if (strcmp(operation, "divt") == 0)
        TRY(numeric_divide_truncated(a, b, arena, out));
    else if (strcmp(operation, "round") == 0)
        *out = numeric_round(a, places(b, arena), arena);
    else if (strcmp(operation, "trunc") == 0)
        *out = numeric_truncate(a, places(b, arena), arena);
    else if (strcmp(operation, "ceil") == 0)
        *out = numeric_ceiling(a, arena);
    else if (strcmp(operation, "floor") == 0)
        *out = numeric_floor(a, arena);
    else if (strcmp(operation, "sqrt") == 0)
        TRY(numeric_sqrt(a, arena, out));
    else if (strcmp(operation, "exp") == 0)
        TRY(numeric_exp(b, arena, out));
    else if (strcmp(operation, "ln") == 0)
        TRY(numeric_ln(a, arena, out));
    else if (strcmp(operation, "log") == 0)
        TRY(numeric_log(b, a, arena, out));
    else if (strcmp(operation, "power") == 0)
        TRY(numeric_power(a, b, arena, out));
    else if (strcmp(operation, "powint") == 0) {
        Numeric least = numeric_from_int64(-30, arena), most = numeric_from_int64(30, arena);
        if (numeric_compare(b, &least) < 0) b = &least;
        if (numeric_compare(b, &most) > 0) b = &most;
        Numeric exponent = numeric_round(b, 0, arena);
        TRY(numeric_power(a, &exponent, arena, out));
    } else if (strcmp(operation, "int8") == 0) {
        TRY(numeric_to_int64(a, arena, &whole));
        *out = numeric_from_int64(whole, arena);
    } else if (strcmp(operation, "int4") == 0) {
        TRY(numeric_to_int32(b, arena, &small));
        *out = numeric_from_int64(small, arena);
    } else {
        print_error("no operation %s\n", operation);
        _fail(__FILE__, __LINE__);
    }
    return OK;
}

TEST(numerics, compute_what_postgresql_computed) {
    char path[4096];
    snprintf(path, sizeof path, "%s/numeric.tsv", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *line = NULL, *fields[4];
    size_t capacity = 0, case_count = 0, difference_count = 0;
    Arena arena;
    arena_init(&arena, NULL);
    while (getline(&line, &capacity, file) > 0) {
        if (line[0] == '#' || split(line, fields, 4) != 4) continue;
        Numeric a = read_numeric(fields[1], &arena), b = read_numeric(fields[2], &arena), result;
        View view;
        Status status = compute(fields[0], &a, &b, &arena, &result);
        if (status == OK) status = numeric_store(&result, &arena, &view);
        Text text;
        text_init(&text, &arena);
        if (status == OK) {
            text_append_char(&text, '=');
            numeric_append(&result, &text);
        } else {
            char sqlstate[6];
            status_to_sqlstate(status, sqlstate);
            text_append_format(&text, "!%s %s", sqlstate, error_get()->message);
            error_clear();
        }
        if (strcmp(text.data, fields[3]) != 0) {
            print_error("%s(%s, %s)\n  expected %s\n  found    %s\n", fields[0], fields[1],
                fields[2], fields[3], text.data);
            difference_count++;
        }
        case_count++;
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    free(line);
    fclose(file);
    print_message("%zu cases\n", case_count);
    assert_int_equal(difference_count, 0);
    assert_true(case_count > 0);
}

// ---- Dates and times ----------------------------------------------------------------------------

typedef struct Moment {
    const ValueContext *context;
    int64_t ts, tz;
    int32_t date;
    Interval interval;
    double factor;
    const char *unit;
} Moment;

static Datum read_value(const ValueContext *context, Oid type, const char *text, Arena *arena) {
    Value value;
    assert_ok(value_from_text(context, sql_type(type), text, strlen(text), arena, &value));
    return value.datum;
}

// The result as text, or a failure.
static Status compute_moment(const char *operation, const Moment *m, Arena *arena, Text *out) {
    const TimeZone *zone = m->context->time_zone;
    size_t count = strlen(m->unit);
    Datum datum = {0};
    DateTimeUnit unit;
    Extracted extracted;
    Oid type = TYPE_INTERVAL;
    const int64_t fixed =
        read_value(m->context, TYPE_TIMESTAMP, "2004-02-29 12:34:56.5", arena).int8;
    if (strcmp(operation, "ts_add") == 0) {
        type = TYPE_TIMESTAMP;
        TRY(timestamp_add_interval(m->ts, &m->interval, &datum.int8));
    } else if (strcmp(operation, "tz_add") == 0) {
        type = TYPE_TIMESTAMPTZ;
        TRY(timestamptz_add_interval(zone, m->tz, &m->interval, &datum.int8));
    } else if (strcmp(operation, "ts_sub") == 0) {
        int64_t local;
        TRY(timestamptz_to_timestamp(zone, m->tz, &local));
        TRY(timestamp_subtract(m->ts, local, &datum.interval));
    } else if (strcmp(operation, "ts_age") == 0) {
        TRY(timestamp_age(m->ts, fixed, &datum.interval));
    } else if (strcmp(operation, "tz_age") == 0) {
        int64_t instant;
        TRY(timestamp_to_timestamptz(zone, fixed, &instant));
        TRY(timestamptz_age(zone, m->tz, instant, &datum.interval));
    } else if (strcmp(operation, "i_mul") == 0) {
        TRY(interval_multiply(&m->interval, m->factor, &datum.interval));
    } else if (strcmp(operation, "i_div") == 0) {
        TRY(interval_divide(&m->interval, m->factor, &datum.interval));
    } else if (strcmp(operation, "i_jh") == 0) {
        TRY(interval_justify_hours(&m->interval, &datum.interval));
    } else if (strcmp(operation, "i_jd") == 0) {
        TRY(interval_justify_days(&m->interval, &datum.interval));
    } else if (strcmp(operation, "i_ji") == 0) {
        TRY(interval_justify(&m->interval, &datum.interval));
    } else if (strcmp(operation, "ts_trunc") == 0) {
        type = TYPE_TIMESTAMP;
        TRY(datetime_unit_find(m->unit, count, TYPE_TIMESTAMP, true, &unit));
        TRY(timestamp_truncate(&unit, m->ts, &datum.int8));
    } else if (strcmp(operation, "tz_trunc") == 0) {
        type = TYPE_TIMESTAMPTZ;
        TRY(datetime_unit_find(m->unit, count, TYPE_TIMESTAMPTZ, true, &unit));
        TRY(timestamptz_truncate(&unit, zone, m->tz, &datum.int8));
    } else if (strcmp(operation, "i_trunc") == 0) {
        TRY(datetime_unit_find(m->unit, count, TYPE_INTERVAL, true, &unit));
        TRY(interval_truncate(&unit, &m->interval, &datum.interval));
    } else if (strcmp(operation, "to_date") == 0) {
        type = TYPE_DATE;
        datum.int4 = timestamptz_to_date(zone, m->tz);
    } else if (strcmp(operation, "to_tz") == 0) {
        type = TYPE_TIMESTAMPTZ;
        TRY(timestamp_to_timestamptz(zone, m->ts, &datum.int8));
    } else if (strcmp(operation, "to_ts") == 0) {
        type = TYPE_TIMESTAMP;
        TRY(timestamptz_to_timestamp(zone, m->tz, &datum.int8));
    } else if (strcmp(operation, "date_tz") == 0) {
        type = TYPE_TIMESTAMPTZ;
        TRY(date_to_timestamptz(zone, m->date, &datum.int8));
    } else if (strcmp(operation, "time_add") == 0) {
        type = TYPE_TIME;
        datum.int8 = time_add_interval(timestamp_to_time(m->ts), &m->interval);
    } else {
        if (strncmp(operation, "ts", 2) == 0) {
            TRY(datetime_unit_find(m->unit, count, TYPE_TIMESTAMP, false, &unit));
            TRY(timestamp_extract(&unit, m->ts, arena, &extracted));
        } else if (strncmp(operation, "tz", 2) == 0) {
            TRY(datetime_unit_find(m->unit, count, TYPE_TIMESTAMPTZ, false, &unit));
            TRY(timestamptz_extract(&unit, zone, m->tz, arena, &extracted));
        } else if (operation[0] == 'd') {
            TRY(datetime_unit_find(m->unit, count, TYPE_DATE, false, &unit));
            TRY(date_extract(&unit, m->date, arena, &extracted));
        } else {
            TRY(datetime_unit_find(m->unit, count, TYPE_INTERVAL, false, &unit));
            TRY(interval_extract(&unit, &m->interval, arena, &extracted));
        }
        bool is_part = strstr(operation, "_part") != NULL;
        type = is_part ? TYPE_FLOAT8 : TYPE_NUMERIC;
        if (extracted.is_null) {
            text_append_text(out, "null");
            return OK;
        }
        if (is_part) {
            datum.float8 = extracted.estimate;
        } else {
            TRY(numeric_store(&extracted.number, arena, &datum.view));
        }
    }
    type_ops(type)->to_text(m->context, &datum, out);
    return OK;
}

TEST(moments, compute_what_postgresql_computed) {
    char path[4096];
    snprintf(path, sizeof path, "%s/datetime.tsv", folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *line = NULL, *fields[8];
    size_t capacity = 0, case_count = 0, difference_count = 0;
    Arena zones, arena;
    arena_init(&zones, NULL);
    arena_init(&arena, NULL);
    ValueContext context = *value_context_default();
    context.time_zone = time_zone_find(NULL, "america/new_york", 16, &zones);
    assert_non_null(context.time_zone);
    while (getline(&line, &capacity, file) > 0) {
        if (split(line, fields, 8) != 8) continue;
        Moment moment = {.context = &context,
            .ts = read_value(&context, TYPE_TIMESTAMP, fields[1], &arena).int8,
            .tz = read_value(&context, TYPE_TIMESTAMPTZ, fields[2], &arena).int8,
            .date = read_value(&context, TYPE_DATE, fields[3], &arena).int4,
            .interval = read_value(&context, TYPE_INTERVAL, fields[4], &arena).interval,
            .factor = read_value(&context, TYPE_FLOAT8, fields[5], &arena).float8,
            .unit = fields[6]};
        Text text;
        text_init(&text, &arena);
        text_append_char(&text, '=');
        Status status = compute_moment(fields[0], &moment, &arena, &text);
        if (status != OK) {
            char sqlstate[6];
            status_to_sqlstate(status, sqlstate);
            text_clear(&text);
            text_append_format(&text, "!%s %s", sqlstate, error_get()->message);
            error_clear();
        }
        if (strcmp(text.data, fields[7]) != 0) {
            print_error("%s(%s, %s, %s, %s, %s, %s)\n  expected %s\n  found    %s\n", fields[0],
                fields[1], fields[2], fields[3], fields[4], fields[5], fields[6], fields[7],
                text.data);
            difference_count++;
        }
        case_count++;
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    arena_deinit(&zones);
    free(line);
    fclose(file);
    print_message("%zu cases\n", case_count);
    assert_int_equal(difference_count, 0);
    assert_true(case_count > 0);
}

int main(int argument_count, char **arguments) {
    folder = argument_count > 1 ? arguments[1] : "tests/types/calls";
    const struct CMUnitTest tests[] = {TEST_OF(numerics, compute_what_postgresql_computed),
        TEST_OF(moments, compute_what_postgresql_computed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
