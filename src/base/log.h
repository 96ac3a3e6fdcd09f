// The server log: one line an event, for an operator. Nothing per row.
//
// Threads  Any thread; a line is written by one call.
#pragma once

#include <stdbool.h>

typedef enum LogSeverity {
    LOG_DEBUG_SEVERITY,
    LOG_INFO_SEVERITY,
    LOG_WARNING_SEVERITY,
    LOG_ERROR_SEVERITY,
    LOG_OFF,
} LogSeverity;

// Lines below `severity` are dropped. Starts at LOG_WARNING_SEVERITY, to standard error.
void log_set_severity(LogSeverity severity);

[[gnu::format(printf, 2, 3)]] void log_write(LogSeverity severity, const char *format, ...);

#define LOG_DEBUG(...)   log_write(LOG_DEBUG_SEVERITY, __VA_ARGS__)
#define LOG_INFO(...)    log_write(LOG_INFO_SEVERITY, __VA_ARGS__)
#define LOG_WARNING(...) log_write(LOG_WARNING_SEVERITY, __VA_ARGS__)
#define LOG_ERROR(...)   log_write(LOG_ERROR_SEVERITY, __VA_ARGS__)
