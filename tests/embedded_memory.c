// How much memory of its own a process takes with an empty database open after one SELECT. Fails
// above the limit. A separate process, so that nothing else is counted.

#include <omendb.h>
#include <stdio.h>

enum { LIMIT_KIB = 8 * 1024 };

static int anonymous_kib(void) {
    FILE *status = fopen("/proc/self/status", "r");
    if (!status) return -1;
    char line[256];
    int kib = -1;
    while (fgets(line, sizeof line, status)) {
        if (sscanf(line, "RssAnon: %d kB", &kib) == 1) break;
    }
    fclose(status);
    return kib;
}

int main(int count, char **arguments) {
    OmenDatabase *database;
    OmenConnection *connection;
    int before = anonymous_kib();
    if (omen_open(count > 1 ? arguments[1] : NULL, NULL, &database) != OMEN_OK
        || omen_connect(database, &connection) != OMEN_OK
        || omen_exec(connection, "select 1", NULL, NULL) != OMEN_OK) {
        fprintf(stderr, "%s\n", omen_last_error()->message);
        return 1;
    }
    int after = anonymous_kib();
    printf("RssAnon %d KiB, of it %d KiB before the database; the limit is %d KiB\n", after, before,
        LIMIT_KIB);
    omen_disconnect(connection);
    omen_close(database);
    return before < 0 || after < 0 || after > LIMIT_KIB;
}
