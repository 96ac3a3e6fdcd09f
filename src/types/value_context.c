#include "types/value_context.h"

#include "types/time_zone.h"

static const ValueContext defaults = {
    .time_zone = &time_zone_utc,
    .date_style = DATE_STYLE_ISO,
    .date_order = DATE_ORDER_MDY,
    .interval_style = INTERVAL_STYLE_POSTGRES,
    .bytea_output = BYTEA_OUTPUT_HEX,
    .extra_float_digits = 1,
};

const ValueContext *value_context_default(void) {
    return &defaults;
}
