#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "oracle: the same statements to PostgreSQL 15 and to OmenDB.\n"
    "\n"
    "Usage: oracle MODE [option]...\n"
    "  live      both servers; four figures an area: identical, different, both refuse, OmenDB\n"
    "            alone refuses\n"
    "  record    PostgreSQL's answers, to golden files\n"
    "  check     OmenDB against the golden files; needs no PostgreSQL\n"
    "  values    random values of every type, text and binary, through both servers\n"
    "Options:\n"
    "  --omendb PATH   the binary (default build/release/omendb)\n"
    "  --corpus PATH   default tests/sql\n"
    "  --golden PATH   default tests/golden\n"
    "  --only TEXT     only files whose path has it\n"
    "  --show          print each difference\n"
    "  --count N       values a type (default 10000)\n"
    "  --seed N        default 1\n";

int main(int count, char **arguments) {
    OracleOptions options = {
        .omendb = "build/release/omendb",
        .corpus = "tests/sql",
        .golden = "tests/golden",
        .value_count = 10000,
        .seed = 1,
    };
    const char *mode = count > 1 ? arguments[1] : "help";
    for (int i = 2; i < count; i++) {
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(arguments[i], "--show") == 0) {
            options.shows_differences = true;
            continue;
        }
        if (value == NULL) mode = "usage";
        if (strcmp(arguments[i], "--omendb") == 0) options.omendb = value;
        if (strcmp(arguments[i], "--corpus") == 0) options.corpus = value;
        if (strcmp(arguments[i], "--golden") == 0) options.golden = value;
        if (strcmp(arguments[i], "--only") == 0) options.only = value;
        if (value != NULL && strcmp(arguments[i], "--count") == 0) {
            options.value_count = (uint32_t)strtoul(value, NULL, 10);
        }
        if (value != NULL && strcmp(arguments[i], "--seed") == 0) {
            options.seed = strtoull(value, NULL, 10);
        }
        i++;
    }
    if (strcmp(mode, "live") == 0) return oracle_live(&options);
    if (strcmp(mode, "record") == 0) return oracle_record(&options);
    if (strcmp(mode, "check") == 0) return oracle_check(&options);
    if (strcmp(mode, "values") == 0) return oracle_values(&options);
    bool wants_help = strcmp(mode, "help") == 0 || strcmp(mode, "--help") == 0;
    fputs(help, wants_help ? stdout : stderr);
    return wants_help ? 0 : 2;
}
