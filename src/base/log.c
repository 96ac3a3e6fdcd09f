#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static _Atomic int threshold = LOG_WARNING_SEVERITY;

void log_set_severity(LogSeverity severity) {
    atomic_store(&threshold, (int)severity);
}

static bool log_is_on(LogSeverity severity) {
    return (int)severity >= atomic_load(&threshold);
}

static const char *severity_name(LogSeverity severity) {
    switch (severity) {
    case LOG_DEBUG_SEVERITY:
        return "DEBUG";
    case LOG_INFO_SEVERITY:
        return "LOG";
    case LOG_WARNING_SEVERITY:
        return "WARNING";
    case LOG_ERROR_SEVERITY:
    case LOG_OFF:
        break;
    }
    return "ERROR";
}

void log_write(LogSeverity severity, const char *format, ...) {
    if (!log_is_on(severity)) return;
    char line[4096];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now); // the operator's clock, also under simulation
    struct tm calendar;
    gmtime_r(&now.tv_sec, &calendar);
    size_t count = strftime(line, sizeof line, "%Y-%m-%d %H:%M:%S", &calendar);
    int more = snprintf(line + count, sizeof line - count,
        ".%03ld UTC %s:  ", now.tv_nsec / 1000000, severity_name(severity));
    if (more > 0) count += (size_t)more;

    va_list arguments;
    va_start(arguments, format);
    more = vsnprintf(line + count, sizeof line - count - 1, format, arguments);
    va_end(arguments);
    if (more > 0) count += (size_t)more;
    if (count > sizeof line - 2) count = sizeof line - 2;
    line[count++] = '\n';
    // One call a line, so that lines of several threads do not mix. Nobody is told if it fails.
    ssize_t written = write(STDERR_FILENO, line, count);
    (void)written;
}
