// Calls whose answers were recorded from PostgreSQL 15 (tests/functions/answers.tsv).
#include "base/test.h"
#include "functions/function.h"

#include <stdlib.h>

extern const char *const recorded_answers[];

enum { ARGUMENT_MAX = 8, FIELD_MAX = 2 * ARGUMENT_MAX + 4 };

// Takes the line apart at tabs and undoes the escapes; "\N" stays NULL.
static uint32_t split_line(char *line, char *fields[FIELD_MAX]) {
    uint32_t count = 0;
    for (char *field = line; field != NULL && count < FIELD_MAX;) {
        char *tab = strchr(field, '\t');
        if (tab != NULL) *tab = 0;
        fields[count++] = field;
        bool is_null = strcmp(field, "\\N") == 0 || strcmp(field, "=\\N") == 0;
        char *to = field;
        for (char *from = field; !is_null && *from != 0; from++) {
            if (*from != '\\') {
                *to++ = *from;
                continue;
            }
            from++;
            *to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
        }
        if (!is_null) *to = 0;
        field = tab == NULL ? NULL : tab + 1;
    }
    return count;
}

static Status call_line(
    FunctionContext *context, char **fields, uint32_t argument_count, Arena *arena, Text *outcome) {
    Oid types[ARGUMENT_MAX];
    Value values[ARGUMENT_MAX], result;
    for (uint32_t i = 0; i < argument_count; i++) {
        types[i] = (Oid)strtoul(fields[3 + 2 * i], NULL, 10);
        const char *text = fields[4 + 2 * i];
        values[i] = value_null();
        if (strcmp(text, "\\N") == 0) continue;
        TRY(value_from_text(
            &context->values, sql_type(types[i]), text, strlen(text), arena, &values[i]));
    }
    Oid function = (Oid)strtoul(fields[1], NULL, 10);
    SqlType result_type = sql_type((Oid)strtoul(fields[2], NULL, 10));
    TRY(function_call(
        context, function, result_type, types, values, argument_count, arena, &result));
    text_append_char(outcome, '=');
    if (result.is_null) {
        text_append_text(outcome, "\\N");
        return OK;
    }
    return value_to_text(&context->values, result_type.oid, &result, outcome);
}

TEST(functions, answer_as_postgresql_does) {
    Arena arena;
    arena_init(&arena, NULL);
    const FunctionEntry *tables[] = {functions_of_values};
    Random random;
    random_seed(&random, 1);
    FunctionContext context = {
        .values = *value_context_default(),
        .registry = function_registry_make(&arena, tables, 1),
        .random = &random,
    };
    uint32_t different_count = 0, line_count = 0;
    for (const char *const *line = recorded_answers; *line != NULL; line++) {
        ArenaMark mark = arena_mark(&arena);
        char *copy = arena_copy_text(&arena, *line);
        char *fields[FIELD_MAX];
        uint32_t field_count = split_line(copy, fields);
        assert_true(field_count >= 4);
        const char *expected = fields[field_count - 1];
        Text outcome;
        text_init(&outcome, &arena);
        Status status = call_line(&context, fields, (field_count - 4) / 2, &arena, &outcome);
        if (status != OK) {
            char sqlstate[6];
            status_to_sqlstate(status, sqlstate);
            text_clear(&outcome);
            text_append_format(&outcome, "!%s %s", sqlstate, error_get()->message);
            error_clear();
        }
        line_count++;
        if (strcmp(outcome.data, expected) != 0) {
            different_count++;
            print_error("%s\n    gives %s\n", *line, outcome.data);
        }
        arena_rewind(&arena, mark);
    }
    print_message("%u calls, %u different\n", line_count, different_count);
    assert_int_equal(different_count, 0);
    arena_deinit(&arena);
}

TEST_MAIN(TEST_OF(functions, answer_as_postgresql_does))
