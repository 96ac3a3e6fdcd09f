#include "types/datetime.h"

#include "base/error.h"

int64_t timestamp_round(int64_t timestamp, int32_t precision) {
    static const int64_t units[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    if (precision < 0 || precision >= 6 || timestamp_is_infinite(timestamp)) return timestamp;
    int64_t unit = units[precision], half = unit / 2;
    return timestamp >= 0 ? (timestamp + half) / unit * unit : -((-timestamp + half) / unit * unit);
}
