#include "execute/key_read.h"

#include "base/assert.h"
#include "execute/index_range.h"

typedef struct KeyPart {
    uint32_t parameter;
    const Value *constant; // instead, or NULL
    const PlanBound *bound;
} KeyPart;

struct KeyRead {
    Table *table;
    Oid oid;
    uint32_t index_number;
    const uint64_t *columns;
    uint32_t part_count;
    KeyPart *parts;
    Value *key;
    Batch *row;         // as the table gives it
    Batch *shown;       // the results' columns of it
    uint16_t *position; // of each result in the row
};

// The access below projections that only choose columns; `position` is then, for each result, its
// column of the access. NULL for anything else.
static const PlanNode *access_below(const PlanNode *node, uint32_t count, uint16_t *position) {
    for (uint32_t i = 0; i < count; i++)
        position[i] = (uint16_t)i;
    for (; node->kind == PLAN_PROJECT && node->filter == NULL; node = node->input) {
        for (uint32_t i = 0; i < count; i++) {
            int32_t source = node->project.sources[position[i]];
            if (source < 0) return NULL;
            position[i] = (uint16_t)source;
        }
    }
    bool is_key =
        node->kind == PLAN_TABLE_ACCESS && node->access.path == ACCESS_KEY && node->filter == NULL;
    return is_key ? node : NULL;
}

static bool parts_make(KeyRead *read, const PlanRange *range, Arena *arena) {
    read->part_count = range->key_count;
    read->parts = arena_new_array(arena, KeyPart, range->key_count);
    read->key = arena_new_array(arena, Value, range->key_count);
    for (uint32_t i = 0; i < range->key_count; i++) {
        KeyPart *part = &read->parts[i];
        part->bound = &range->equals[i];
        if (!program_result_is_given(
                range->values->program, part->bound->value, &part->parameter, &part->constant)) {
            return false;
        }
    }
    return true;
}

KeyRead *key_read_make(const Plan *plan, TableSet *tables, Arena *arena) {
    bool is_plain = plan->kind == QUERY_SELECT && !plan->writes && plan->with_count == 0
                    && plan->subplan_count == 0 && plan->table_count == 1
                    && plan->lock_modes[0] == LOCK_ACCESS_SHARE;
    if (!is_plain) return NULL;
    uint32_t count = plan->root->layout.count;
    KeyRead *read = arena_new(arena, KeyRead);
    read->position = arena_new_array(arena, uint16_t, count + 1);
    const PlanNode *node = access_below(plan->root, count, read->position);
    if (node == NULL || node->access.has_row_id) return NULL;
    const PlanRange *range = node->access.range;
    if (range->values == NULL || !parts_make(read, range, arena)) return NULL;
    read->table = table_find(tables, node->access.table->store);
    if (read->table == NULL) return NULL;
    for (uint32_t i = 0; i < count; i++)
        read->position[i] = node->access.positions[read->position[i]];
    read->oid = plan->tables[0];
    read->index_number = range->index_number;
    read->columns = node->access.columns;
    read->row = table_batch_make(arena, read->table, read->columns);
    read->shown = batch_shell_make(arena, count);
    return arena_is_exhausted(arena) ? NULL : read;
}

Oid key_read_table(const KeyRead *read) {
    return read->oid;
}

Status key_read_run(KeyRead *read, Snapshot snapshot, const Value *parameters, Batch **batch_out) {
    *batch_out = NULL;
    for (uint32_t i = 0; i < read->part_count; i++) {
        const KeyPart *part = &read->parts[i];
        const Value *value = part->constant != NULL ? part->constant : &parameters[part->parameter];
        if (value->is_null) return OK;
        if (bound_convert(part->bound, value, &read->key[i]) != BOUND_WITHIN) return OK;
    }
    TRY(table_find_key(
        read->table, snapshot, read->columns, read->index_number, read->key, read->row));
    if (read->row->row_count == 0) return OK;
    Batch *shown = read->shown;
    shown->row_count = shown->selected_count = read->row->row_count;
    for (uint32_t i = 0; i < shown->column_count; i++)
        shown->columns[i] = read->row->columns[read->position[i]];
    *batch_out = shown;
    return OK;
}

void key_read_release(KeyRead *read) {
    batch_release_pins(read->row);
}
