// The corpus: every area's files on both servers, or on one against recorded answers.

#include "oracle.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct Figures {
    uint32_t count[4];
} Figures;

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static bool ends_in(const char *text, const char *end) {
    size_t count = strlen(text), end_count = strlen(end);
    return count >= end_count && strcmp(text + count - end_count, end) == 0;
}

// One corpus file, its statements, and where its golden file is.
typedef struct CorpusFile {
    char path[1024], golden[1024];
    const char *area;
} CorpusFile;

typedef struct Work {
    const OracleOptions *options;
    Peer *postgres, *omendb; // either may be NULL
    bool records;
} Work;

static void show(const char *path, const char *sql, const char *postgres, const char *omendb) {
    printf("---- %s\n%s;\n-- PostgreSQL:\n%s-- OmenDB:\n%s", path, sql, postgres, omendb);
}

static void judge(const Work *work, const CorpusFile *file, const char *sql, const char *postgres,
    const char *omendb, Figures *figures) {
    Verdict verdict = answer_compare(postgres, omendb);
    figures->count[verdict]++;
    bool is_finding = verdict == VERDICT_DIFFERENT || verdict == VERDICT_ALONE;
    if (is_finding && work->options->shows_differences) show(file->path, sql, postgres, omendb);
}

// A golden file holds, for each statement, "? SQL" with escaped newlines, then the answer.
static void golden_statement(Buffer *out, const char *sql) {
    buffer_add_text(out, "? ");
    for (const char *at = sql; *at != 0; at++) {
        if (*at == '\n') {
            buffer_add_text(out, "\\n");
        } else if (*at == '\\') {
            buffer_add_text(out, "\\\\");
        } else {
            buffer_add(out, at, 1);
        }
    }
    buffer_add_text(out, "\n");
}

// The recorded answer to `sql`, which must be the next statement of the file; NULL when it is not.
static char *golden_next(const char **at, const char *sql) {
    Buffer expected = {0};
    golden_statement(&expected, sql);
    if (*at == NULL || strncmp(*at, expected.data, expected.count) != 0) {
        buffer_free(&expected);
        return NULL;
    }
    const char *start = *at + expected.count;
    buffer_free(&expected);
    const char *end = start;
    while (*end != 0 && !(end[0] == '?' && end[1] == ' ')) {
        end = strchr(end, '\n');
        end = end == NULL ? start + strlen(start) : end + 1;
    }
    *at = end;
    return strndup(start, (size_t)(end - start));
}

static void reconnect_if_lost(Peer *peer, const char *omendb) {
    if (PQstatus(peer->connection) != CONNECTION_OK) peer_fresh_database(peer, omendb);
}

static bool file_run(const Work *work, const CorpusFile *file, Figures *figures) {
    char *text = file_read_all(file->path, NULL);
    if (text == NULL) return false;
    char *golden = NULL;
    if (work->postgres == NULL) {
        golden = file_read_all(file->golden, NULL);
        if (golden == NULL) {
            fprintf(stderr, "%s: no recorded answers; run tools/oracle record\n", file->golden);
            free(text);
            return false;
        }
    }
    if (work->postgres != NULL) peer_fresh_database(work->postgres, NULL);
    if (work->omendb != NULL) peer_fresh_database(work->omendb, work->options->omendb);

    bool is_good = true;
    Buffer recorded = {0};
    const char *at = text, *golden_at = golden;
    char *sql;
    while (is_good && (sql = statement_next(&at)) != NULL) {
        Buffer postgres = {0}, omendb = {0};
        buffer_add_text(&postgres, "");
        if (work->postgres != NULL) {
            answer_take(work->postgres->connection, sql, &postgres);
            golden_statement(&recorded, sql);
            buffer_add(&recorded, postgres.data, postgres.count);
        } else {
            char *answer = golden_next(&golden_at, sql);
            is_good = answer != NULL;
            if (is_good) {
                buffer_add_text(&postgres, answer);
            } else {
                fprintf(stderr, "%s: not recorded: %s\n", file->path, sql);
            }
            free(answer);
        }
        if (is_good && work->omendb != NULL) {
            answer_take(work->omendb->connection, sql, &omendb);
            judge(work, file, sql, postgres.data, omendb.data, figures);
            reconnect_if_lost(work->omendb, work->options->omendb);
        }
        buffer_free(&postgres);
        buffer_free(&omendb);
        free(sql);
    }
    if (work->records && is_good) {
        FILE *out = fopen(file->golden, "wb");
        is_good = out != NULL && fwrite(recorded.data, 1, recorded.count, out) == recorded.count;
        if (out != NULL && fclose(out) != 0) is_good = false;
        if (!is_good) fprintf(stderr, "%s: could not write\n", file->golden);
    }
    buffer_free(&recorded);
    free(golden);
    free(text);
    return is_good;
}

static void print_figures(const char *area, const Figures *figures) {
    printf("%-24s %9u %9u %11u %14u\n", area, figures->count[VERDICT_IDENTICAL],
        figures->count[VERDICT_DIFFERENT], figures->count[VERDICT_BOTH_REFUSE],
        figures->count[VERDICT_ALONE]);
    fflush(stdout);
}

static bool area_run(const Work *work, const char *area, Figures *total) {
    const OracleOptions *options = work->options;
    char folder[500], golden_folder[500];
    snprintf(folder, sizeof folder, "%s/%s", options->corpus, area);
    snprintf(golden_folder, sizeof golden_folder, "%s/%s", options->golden, area);
    if (work->records) mkdir(golden_folder, 0755);
    struct dirent **files;
    int count = scandir(folder, &files, is_visible, by_name);
    if (count < 0) return true; // not a folder
    Figures figures = {0};
    bool is_good = true, has_run = false;
    for (int i = 0; i < count; i++) {
        CorpusFile file = {.area = area};
        const char *name = files[i]->d_name;
        snprintf(file.path, sizeof file.path, "%s/%s", folder, name);
        snprintf(file.golden, sizeof file.golden, "%s/%s.golden", golden_folder, name);
        bool is_wanted = ends_in(name, ".sql")
                         && (options->only == NULL || strstr(file.path, options->only) != NULL);
        if (is_wanted) {
            has_run = true;
            is_good = file_run(work, &file, &figures) && is_good;
        }
        free(files[i]);
    }
    free(files);
    if (has_run && work->omendb != NULL) print_figures(area, &figures);
    for (int i = 0; i < 4; i++) {
        total->count[i] += figures.count[i];
    }
    return is_good;
}

static bool corpus_run(const Work *work, Figures *total) {
    struct dirent **areas;
    int count = scandir(work->options->corpus, &areas, is_visible, by_name);
    if (count < 0) {
        fprintf(stderr, "%s: no such folder\n", work->options->corpus);
        return false;
    }
    if (work->omendb != NULL) {
        printf("%-24s %9s %9s %11s %14s\n", "area", "identical", "different", "both refuse",
            "OmenDB refuses");
    }
    bool is_good = true;
    for (int i = 0; i < count; i++) {
        is_good = area_run(work, areas[i]->d_name, total) && is_good;
        free(areas[i]);
    }
    free(areas);
    if (work->omendb != NULL) print_figures("total", total);
    return is_good;
}

int oracle_live(const OracleOptions *options) {
    Peer postgres, omendb;
    peer_start(&postgres, PEER_POSTGRES, NULL);
    peer_start(&omendb, PEER_OMENDB, options->omendb);
    Work work = {.options = options, .postgres = &postgres, .omendb = &omendb};
    Figures total = {0};
    bool is_good = corpus_run(&work, &total);
    peer_stop(&omendb);
    peer_stop(&postgres);
    return !is_good;
}

int oracle_record(const OracleOptions *options) {
    Peer postgres;
    peer_start(&postgres, PEER_POSTGRES, NULL);
    Work work = {.options = options, .postgres = &postgres, .records = true};
    Figures total = {0};
    bool is_good = corpus_run(&work, &total);
    peer_stop(&postgres);
    return !is_good;
}

// Passes when the differences are at most the ones that were known: golden/KNOWN holds the number
// of different and of refused statements, which may only fall.
static bool within_known(const OracleOptions *options, const Figures *total) {
    char path[600];
    snprintf(path, sizeof path, "%s/KNOWN", options->golden);
    char *text = file_read_all(path, NULL);
    unsigned different = 0, refused = 0;
    if (text != NULL && sscanf(text, "different %u\nrefused %u", &different, &refused) != 2) {
        different = refused = 0;
    }
    free(text);
    bool is_good =
        total->count[VERDICT_DIFFERENT] <= different && total->count[VERDICT_ALONE] <= refused;
    if (!is_good) {
        printf("more than known: different %u (known %u), refused %u (known %u)\n",
            total->count[VERDICT_DIFFERENT], different, total->count[VERDICT_ALONE], refused);
    }
    return is_good;
}

int oracle_check(const OracleOptions *options) {
    Peer omendb;
    peer_start(&omendb, PEER_OMENDB, options->omendb);
    Work work = {.options = options, .omendb = &omendb};
    Figures total = {0};
    bool is_good = corpus_run(&work, &total);
    peer_stop(&omendb);
    is_good = options->only != NULL ? is_good : within_known(options, &total) && is_good;
    uint32_t passed = total.count[VERDICT_IDENTICAL] + total.count[VERDICT_BOTH_REFUSE];
    printf("%u passed, %u failed\n", passed, is_good ? 0u : 1u);
    return !is_good;
}
