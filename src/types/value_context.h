// What conversions between values and text depend on: the session's settings and the catalog.
// Given to every text conversion and function; filled by the session.
#pragma once

#include "base/ids.h"
#include "base/status.h"
#include "base/text.h"

typedef struct TimeZone TimeZone;
typedef struct TimeZoneCache TimeZoneCache;

typedef enum DateStyle {
    DATE_STYLE_ISO,
    DATE_STYLE_SQL,
    DATE_STYLE_POSTGRES,
    DATE_STYLE_GERMAN
} DateStyle;

typedef enum DateOrder { DATE_ORDER_MDY, DATE_ORDER_DMY, DATE_ORDER_YMD } DateOrder;

typedef enum IntervalStyle {
    INTERVAL_STYLE_POSTGRES,
    INTERVAL_STYLE_POSTGRES_VERBOSE,
    INTERVAL_STYLE_SQL_STANDARD,
    INTERVAL_STYLE_ISO_8601,
} IntervalStyle;

typedef enum ByteaOutput { BYTEA_OUTPUT_HEX, BYTEA_OUTPUT_ESCAPE } ByteaOutput;

// Names of catalog objects, for the reg* types. Filled by the catalog; each may be NULL, and then
// only numbers are read and written.
typedef struct ObjectNames {
    void *catalog;
    // `kind` is the reg* type's OID. Errors: the type's own (UNDEFINED_TABLE for regclass, ...).
    Status (*find)(void *catalog, Oid kind, const char *text, size_t count, Oid *oid_out);
    // Appends the object's name as the reg* type prints it; false when there is no such object.
    bool (*format)(void *catalog, Oid kind, Oid oid, Text *out);
} ObjectNames;

typedef struct ValueContext {
    const TimeZone *time_zone; // of the session; never NULL
    TimeZoneCache *time_zones; // zones that values name; NULL loads them each time
    DateStyle date_style;
    DateOrder date_order;
    IntervalStyle interval_style;
    ByteaOutput bytea_output;
    int32_t extra_float_digits;      // default 1
    int64_t transaction_time_us;     // for 'now', 'today' ...
    const ObjectNames *object_names; // or NULL
} ValueContext;

// PostgreSQL's defaults, in UTC.
const ValueContext *value_context_default(void);
