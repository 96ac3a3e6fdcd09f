// Every line of golden/*.tsv: our answer is PostgreSQL's, word for word.
#include "base/test.h"
#include "types/value_case.h"

#include <dirent.h>
#include <stdlib.h>

static const char *folder;

static size_t check_file(const char *path, size_t *difference_count) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *line = NULL;
    size_t capacity = 0, case_count = 0;
    ssize_t count = getline(&line, &capacity, file);
    assert_true(count > 0);
    Arena zones, arena;
    arena_init(&zones, NULL);
    ValueHead head;
    value_head_read(line, &zones, &head);
    arena_init(&arena, NULL);
    while ((count = getline(&line, &capacity, file)) > 0) {
        if (line[count - 1] == '\n') line[--count] = '\0';
        const char *at = line;
        ValueCase how = unescape(&at, &arena), value_case = unescape(&at, &arena);
        if (how.input[0] == 'B') {
            uint8_t *bytes = arena_allocate(&arena, value_case.count / 2 + 1, 1);
            for (size_t i = 0; i < value_case.count / 2; i++) {
                unsigned byte;
                sscanf(value_case.input + 2 * i, "%2x", &byte);
                bytes[i] = (uint8_t)byte;
            }
            value_case = (ValueCase){true, (const char *)bytes, value_case.count / 2};
        }
        Text ours;
        text_init(&ours, &arena);
        value_case_append(head.type, &head.context, &value_case, &arena, &ours);
        if (strcmp(ours.data, line) != 0) {
            print_error("%s\n  expected %s\n  found    %s\n", path, line, ours.data);
            (*difference_count)++;
        }
        case_count++;
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    arena_deinit(&zones);
    free(line);
    fclose(file);
    return case_count;
}

TEST(values, are_what_postgresql_answered) {
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    size_t case_count = 0, difference_count = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char path[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        case_count += check_file(path, &difference_count);
    }
    closedir(directory);
    print_message("%zu cases\n", case_count);
    assert_int_equal(difference_count, 0);
    assert_true(case_count > 0);
}

int main(int argument_count, char **arguments) {
    folder = argument_count > 1 ? arguments[1] : "tests/types/golden";
    const struct CMUnitTest tests[] = {TEST_OF(values, are_what_postgresql_answered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
