#include "types/time_zone.h"

#include "base/error.h"
#include "types/calendar.h"
#include "types/time_zone_internal.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct TimeZone {
    const char *name;
    uint32_t change_count;
    const int64_t *changes;      // instants, rising
    const uint8_t *change_kinds; // index into `kinds` from each change on
    uint32_t kind_count;
    const LocalTime *kinds; // the first holds before the first change
    bool has_rule;
    PosixRule rule; // after the last change
};

static const LocalTime utc_kind = {.abbreviation = "UTC"};
const TimeZone time_zone_utc = {.name = "UTC", .kind_count = 1, .kinds = &utc_kind};

const char *time_zone_name(const TimeZone *zone) {
    return zone->name;
}

// How many changes are at or before an instant.
static uint32_t changes_until(const TimeZone *zone, int64_t unix_s) {
    uint32_t low = 0, high = zone->change_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (zone->changes[middle] <= unix_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

LocalTime time_zone_at(const TimeZone *zone, int64_t unix_s) {
    uint32_t past = changes_until(zone, unix_s);
    if (past == zone->change_count && zone->has_rule) return posix_rule_at(&zone->rule, unix_s);
    return past == 0 ? zone->kinds[0] : zone->kinds[zone->change_kinds[past - 1]];
}

// The first change after an instant; false when there is none.
static bool time_zone_next_change(const TimeZone *zone, int64_t unix_s, int64_t *change_out) {
    uint32_t past = changes_until(zone, unix_s);
    if (past < zone->change_count) {
        *change_out = zone->changes[past];
        return true;
    }
    return zone->has_rule && posix_rule_next_change(&zone->rule, unix_s, change_out);
}

LocalTime time_zone_at_local(const TimeZone *zone, int64_t local_s) {
    // No change shifts the clock by a day, so the one that matters comes after a day before.
    int64_t start = local_s - SECONDS_PER_DAY, change;
    LocalTime before = time_zone_at(zone, start);
    if (!time_zone_next_change(zone, start, &change)) return before;
    LocalTime after = time_zone_at(zone, change);
    int64_t if_before = local_s - before.offset_s, if_after = local_s - after.offset_s;
    if (if_before < change && if_after < change) return before;
    if (if_before > change && if_after >= change) return after;
    return if_before > if_after ? before : after;
}

bool time_zone_is_fixed(const TimeZone *zone, int32_t *offset_s_out) {
    int32_t offset = time_zone_at(zone, 0).offset_s;
    for (uint32_t i = 0; i < zone->kind_count; i++) {
        if (zone->kinds[i].offset_s != offset) return false;
    }
    if (zone->has_rule && zone->rule.has_daylight) return false;
    *offset_s_out = offset;
    return true;
}

bool time_zone_abbreviation_at(
    const TimeZone *zone, const char *abbreviation, int64_t local_s, LocalTime *local_out) {
    int64_t instant = local_s - time_zone_at_local(zone, local_s).offset_s;
    LocalTime now = time_zone_at(zone, instant);
    uint32_t past = changes_until(zone, instant);
    bool is_by_rule = past == zone->change_count && zone->has_rule;
    if (strcasecmp(now.abbreviation, abbreviation) == 0) {
        *local_out = now;
        return true;
    }
    if (is_by_rule) {
        const LocalTime *both[] = {&zone->rule.standard, &zone->rule.daylight};
        for (int i = 0; i < 1 + zone->rule.has_daylight; i++) {
            if (strcasecmp(both[i]->abbreviation, abbreviation) != 0) continue;
            *local_out = *both[i];
            return true;
        }
    }
    for (uint32_t i = past; i > 0; i--) {
        const LocalTime *kind = &zone->kinds[zone->change_kinds[i - 1]];
        if (strcasecmp(kind->abbreviation, abbreviation) != 0) continue;
        *local_out = *kind;
        return true;
    }
    if (zone->kind_count > 0 && strcasecmp(zone->kinds[0].abbreviation, abbreviation) == 0) {
        *local_out = zone->kinds[0];
        return true;
    }
    for (uint32_t i = past; i < zone->change_count; i++) {
        const LocalTime *kind = &zone->kinds[zone->change_kinds[i]];
        if (strcasecmp(kind->abbreviation, abbreviation) != 0) continue;
        *local_out = *kind;
        return true;
    }
    return false;
}

const ZoneAbbreviation *zone_abbreviation_find(const char *name) {
    size_t low = 0, high = zone_abbreviation_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(zone_abbreviations[middle].name, name);
        if (order == 0) return &zone_abbreviations[middle];
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

// ---- TZif ---------------------------------------------------------------------------------------

//   OFFSET  SIZE  FIELD (big-endian)
//        0     4  "TZif"
//        4     1  version: '2' and later have a second body with 64-bit instants, and a footer
//       20     4  count of UT indicators
//       24     4  count of standard indicators
//       28     4  count of leap seconds
//       32     4  count of changes
//       36     4  count of kinds of local time
//       40     4  bytes of abbreviations
enum { TZIF_HEAD_BYTES = 44, TZIF_KIND_BYTES = 6 };

typedef struct TzifCounts {
    uint32_t ut, standard, leap, change, kind, name;
} TzifCounts;

static bool take_head(Bytes *bytes, TzifCounts *counts_out) {
    Bytes head;
    if (!bytes_take(bytes, TZIF_HEAD_BYTES, &head) || memcmp(head.data, "TZif", 4) != 0) {
        return false;
    }
    *counts_out = (TzifCounts){get_u32_be(head.data + 20), get_u32_be(head.data + 24),
        get_u32_be(head.data + 28), get_u32_be(head.data + 32), get_u32_be(head.data + 36),
        get_u32_be(head.data + 40)};
    return head.data[4] >= '2';
}

static uint64_t body_bytes(const TzifCounts *counts, uint64_t time_bytes) {
    return counts->change * (time_bytes + 1) + (uint64_t)counts->kind * TZIF_KIND_BYTES
           + counts->name + counts->leap * (time_bytes + 4) + counts->standard + counts->ut;
}

static bool decode(Bytes bytes, Arena *arena, TimeZone *zone) {
    TzifCounts counts;
    Bytes taken, body;
    if (!take_head(&bytes, &counts)) return false;
    if (!bytes_take(&bytes, body_bytes(&counts, 4), &taken)) return false; // the 32-bit body
    if (!take_head(&bytes, &counts) || !bytes_take(&bytes, body_bytes(&counts, 8), &body)) {
        return false;
    }
    if (counts.kind == 0 || counts.kind > 256) return false;
    const uint8_t *change_kinds = body.data + (size_t)counts.change * 8;
    const uint8_t *kinds = change_kinds + counts.change;
    const uint8_t *names = kinds + (size_t)counts.kind * TZIF_KIND_BYTES;
    int64_t *changes = arena_new_array(arena, int64_t, counts.change + 1);
    LocalTime *locals = arena_new_array(arena, LocalTime, counts.kind);
    for (uint32_t i = 0; i < counts.change; i++) {
        changes[i] = (int64_t)get_u64_be(body.data + (size_t)i * 8);
        if (change_kinds[i] >= counts.kind) return false;
        if (i > 0 && changes[i] <= changes[i - 1]) return false;
    }
    for (uint32_t i = 0; i < counts.kind; i++) {
        const uint8_t *kind = kinds + (size_t)i * TZIF_KIND_BYTES;
        if (kind[5] >= counts.name) return false;
        const char *name = (const char *)names + kind[5];
        locals[i] = (LocalTime){.offset_s = (int32_t)get_u32_be(kind),
            .is_dst = kind[4] != 0,
            .abbreviation = arena_copy_text_n(arena, name, strnlen(name, counts.name - kind[5]))};
    }
    zone->change_count = counts.change;
    zone->changes = changes;
    zone->change_kinds = arena_copy_bytes(arena, change_kinds, counts.change);
    zone->kind_count = counts.kind;
    zone->kinds = locals;
    // The footer: a rule between two line feeds, empty when there is none.
    if (bytes.count < 2 || bytes.data[0] != '\n') return true;
    const uint8_t *rule = bytes.data + 1, *end = memchr(rule, '\n', bytes.count - 1);
    if (end == NULL || end == rule) return true;
    zone->has_rule = posix_rule_parse((const char *)rule, (size_t)(end - rule), arena, &zone->rule);
    return zone->has_rule;
}

// Reads a TZif image. Errors: DATA_CORRUPTED.
static Status time_zone_decode(const char *name, Bytes image, Arena *arena, TimeZone **zone_out) {
    TimeZone *zone = arena_new(arena, TimeZone);
    zone->name = arena_copy_text(arena, name);
    if (!decode(image, arena, zone)) {
        return fail(DATA_CORRUPTED, "time zone file \"%s\" is damaged", name);
    }
    *zone_out = zone;
    return OK;
}

// ---- Names --------------------------------------------------------------------------------------

#define ZONE_FOLDER "/usr/share/zoneinfo"

enum { ZONE_FILE_BYTES_MAX = 1 << 13, ZONE_NAME_BYTES_MAX = 255 };

// Writes the name with the letters' case that the files have: "europe/paris" is Europe/Paris.
static bool correct_case(const char *name, size_t count, char name_out[ZONE_NAME_BYTES_MAX + 1]) {
    char path[sizeof ZONE_FOLDER + ZONE_NAME_BYTES_MAX + 2] = ZONE_FOLDER;
    size_t length = strlen(path), done = 0;
    while (done < count) {
        const char *slash = memchr(name + done, '/', count - done);
        size_t part = slash != NULL ? (size_t)(slash - name) - done : count - done;
        DIR *folder = opendir(path);
        if (folder == NULL) return false;
        bool is_found = false;
        for (struct dirent *entry; !is_found && (entry = readdir(folder)) != NULL;) {
            is_found = entry->d_name[0] != '.' && strlen(entry->d_name) == part
                       && strncasecmp(entry->d_name, name + done, part) == 0;
            if (!is_found) continue;
            path[length++] = '/';
            memcpy(path + length, entry->d_name, part + 1);
            length += part;
        }
        closedir(folder);
        if (!is_found) return false;
        done += part + (slash != NULL);
        if (slash != NULL && done == count) return false;
    }
    memcpy(name_out, path + sizeof ZONE_FOLDER, length - sizeof ZONE_FOLDER + 1);
    return true;
}

static const TimeZone *load_file(const char *name, Arena *arena) {
    char path[sizeof ZONE_FOLDER + ZONE_NAME_BYTES_MAX + 2];
    snprintf(path, sizeof path, ZONE_FOLDER "/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    uint8_t image[ZONE_FILE_BYTES_MAX];
    size_t count = fread(image, 1, ZONE_FILE_BYTES_MAX, file);
    fclose(file);
    TimeZone *zone = NULL;
    if (time_zone_decode(name, bytes_make(image, count), arena, &zone) != OK) {
        error_clear();
        return NULL;
    }
    return zone;
}

static const TimeZone *load(const char *name, size_t count, Arena *arena) {
    char exact[ZONE_NAME_BYTES_MAX + 1], upper[ZONE_NAME_BYTES_MAX + 1];
    if (count == 0 || count > ZONE_NAME_BYTES_MAX || memchr(name, '\0', count) != NULL) return NULL;
    if (correct_case(name, count, exact)) {
        const TimeZone *zone = load_file(exact, arena);
        if (zone != NULL) return zone;
    }
    for (size_t i = 0; i <= count; i++) {
        char c = i < count ? name[i] : '\0';
        upper[i] = (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    TimeZone *zone = arena_new(arena, TimeZone);
    zone->name = arena_copy_text(arena, upper);
    zone->has_rule = true;
    if (!posix_rule_parse(upper, count, arena, &zone->rule)) return NULL;
    return zone;
}

const TimeZone *time_zone_make_fixed(int32_t offset_s, Arena *arena) {
    int32_t east = offset_s < 0 ? -offset_s : offset_s;
    char sign = offset_s < 0 ? '-' : '+', opposite = offset_s < 0 ? '+' : '-';
    Text text;
    text_init(&text, arena);
    text_append_format(&text, "%02d", east / SECONDS_PER_HOUR);
    if (east % SECONDS_PER_HOUR != 0) {
        text_append_format(&text, ":%02d", east / 60 % 60);
        if (east % 60 != 0) text_append_format(&text, ":%02d", east % 60);
    }
    LocalTime *kind = arena_new(arena, LocalTime);
    kind->offset_s = offset_s;
    kind->abbreviation = arena_format(arena, "%c%s", sign, text.data);
    TimeZone *zone = arena_new(arena, TimeZone);
    zone->name = arena_format(arena, "<%c%s>%c%s", sign, text.data, opposite, text.data);
    zone->kind_count = 1;
    zone->kinds = kind;
    return zone;
}

// ---- The cache ----------------------------------------------------------------------------------

// One name that was asked for. Never removed, so readers need no latch.
typedef struct CachedZone {
    struct CachedZone *next;
    Arena arena; // holds the zone and the name
    const char *name;
    const TimeZone *zone;
} CachedZone;

struct TimeZoneCache {
    _Atomic(CachedZone *) first; // release by who adds, acquire by who looks
};

Status time_zone_cache_create(TimeZoneCache **cache_out) {
    TimeZoneCache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    *cache_out = cache;
    return OK;
}

static void cached_zone_destroy(CachedZone *cached) {
    arena_deinit(&cached->arena);
    free(cached);
}

void time_zone_cache_destroy(TimeZoneCache *cache) {
    if (cache == NULL) return;
    CachedZone *cached = atomic_load_explicit(&cache->first, memory_order_acquire);
    while (cached != NULL) {
        CachedZone *next = cached->next;
        cached_zone_destroy(cached);
        cached = next;
    }
    free(cache);
}

const TimeZone *time_zone_find(TimeZoneCache *cache, const char *name, size_t count, Arena *arena) {
    if (count == 3 && strncasecmp(name, "UTC", 3) == 0) return &time_zone_utc;
    if (cache == NULL) return load(name, count, arena);
    CachedZone *first = atomic_load_explicit(&cache->first, memory_order_acquire);
    for (CachedZone *cached = first; cached != NULL; cached = cached->next) {
        if (strlen(cached->name) == count && strncasecmp(cached->name, name, count) == 0) {
            return cached->zone;
        }
    }
    CachedZone *added = calloc(1, sizeof *added);
    if (added == NULL) return load(name, count, arena);
    arena_init(&added->arena, NULL);
    added->name = arena_copy_text_n(&added->arena, name, count);
    added->zone = load(name, count, &added->arena);
    if (added->zone == NULL) { // names that are none are not kept
        cached_zone_destroy(added);
        return NULL;
    }
    // Two threads may add the same name; the second entry is never reached.
    added->next = first;
    while (!atomic_compare_exchange_weak_explicit(
        &cache->first, &added->next, added, memory_order_release, memory_order_acquire)) {}
    return added->zone;
}
