// Rows of tables: by scan, by index range, by key; and of the catalog's constant relations.
#include "execute/execute_internal.h"
#include "execute/index_range.h"

typedef struct TableAccess {
    Operator base;
    Table *table;
    RangeBuilder range;
    TableScan *scan; // several threads may take morsels from it
    IndexScan *index_scan;
    IndexRange index_range; // of `index_scan`
    CatalogScan *catalog_scan;
    const Value *key; // of an access by key whose row was not given yet
} TableAccess;

typedef struct AccessLocal {
    Local base;
    Batch *rows;  // as the table gives them
    Batch *shell; // the layout's columns of them
} AccessLocal;

// Points the shell's columns at those of the table's batch.
static Batch *access_show(AccessLocal *local) {
    const PlanAccess *access = &local->base.owner->node->access;
    Batch *shell = local->shell;
    const Batch *rows = local->rows;
    uint32_t plain_count = shell->column_count - (access->has_row_id ? 1U : 0U);
    shell->row_count = rows->row_count;
    shell->selected_count = rows->selected_count;
    shell->selection = rows->selection;
    for (uint32_t i = 0; i < plain_count; i++) {
        shell->columns[i] = rows->columns[access->positions[i]];
    }
    if (access->has_row_id) {
        shell->columns[plain_count] =
            (Column){.type = TYPE_INT8, .kind = PHYSICAL_INT8, .values = rows->row_ids};
    }
    return shell;
}

static void access_close(Operator *base) {
    TableAccess *self = (TableAccess *)base;
    if (self->scan != NULL) table_scan_close(self->scan);
    if (self->index_scan != NULL) table_index_scan_close(self->index_scan);
    self->scan = NULL;
    self->index_scan = NULL;
    self->catalog_scan = NULL;
    self->key = NULL;
}

static Status access_rewind(Operator *base) {
    access_close(base);
    arena_reset(&base->arena);
    return OK;
}

static void access_close_local(Local *base) {
    AccessLocal *local = (AccessLocal *)base;
    if (local->rows != NULL) batch_release_pins(local->rows);
}

static Status access_rewind_local(Local *base) {
    access_close_local(base);
    return OK;
}

static Status access_open_scan(TableAccess *self) {
    Execution *execution = self->base.execution;
    double rows = table_row_estimate(self->table);
    if (rows > execution->row_total) execution->row_total = rows;
    self->base.has_morsels = true;
    return table_scan_open(self->table, execution->snapshot, self->base.node->access.columns,
        &self->base.arena, &self->scan);
}

static Status access_open_index(TableAccess *self) {
    return table_index_scan_open(self->table, self->base.execution->snapshot,
        self->base.node->access.columns, &self->index_range, &self->base.arena, &self->index_scan);
}

// Opens what the bounds of this run make best.
static Status access_open(Local *base, bool *is_empty_out) {
    TableAccess *self = (TableAccess *)base->owner;
    const PlanAccess *access = &self->base.node->access;
    self->base.has_morsels = false;
    if (access->path == ACCESS_SCAN) return access_open_scan(self);

    IndexRange range;
    TRY(range_builder_make_range(&self->range, &range, is_empty_out));
    if (*is_empty_out) return OK;
    if (access->path == ACCESS_KEY) {
        self->key = range.low;
        return OK;
    }
    if (access->path == ACCESS_ROUTED) {
        double row_count = table_row_estimate(self->table);
        double in_range = row_count * table_index_estimate(self->table, &range);
        // Of a list the first value stands for all.
        if (access->range->has_list) in_range = (in_range + 1.0) * self->range.point_count;
        if (!index_is_cheaper(in_range, row_count)) return access_open_scan(self);
    }
    self->index_range = range;
    return access_open_index(self);
}

// The next rows of an index range; of a list, of its next value that has any.
static Status access_next_by_index(TableAccess *self, uint32_t row_max, Batch *rows) {
    uint32_t wanted = row_max < BATCH_ROW_COUNT ? row_max : BATCH_ROW_COUNT;
    for (;;) {
        TRY(table_index_scan_next(self->index_scan, wanted, rows));
        if (rows->selected_count > 0 || !range_builder_next_point(&self->range)) return OK;
        TRY(execution_check_cancelled(self->base.execution));
        table_index_scan_close(self->index_scan);
        self->index_scan = NULL;
        arena_reset(&self->base.arena);
        TRY(access_open_index(self));
    }
}

static Status access_next(Local *base, uint32_t row_max, Batch **batch_out) {
    TableAccess *self = (TableAccess *)base->owner;
    AccessLocal *local = (AccessLocal *)base;
    if (self->scan != NULL) {
        TRY(table_scan_next(self->scan, local->rows));
    } else if (self->index_scan != NULL) {
        TRY(access_next_by_index(self, row_max, local->rows));
    } else if (self->key != NULL) {
        const PlanAccess *access = &self->base.node->access;
        const Value *key = self->key;
        self->key = NULL;
        base->is_last = true;
        TRY(table_find_key(self->table, self->base.execution->snapshot, access->columns,
            access->range->index_number, key, local->rows));
    } else {
        return OK; // the one row was given
    }
    if (local->rows->selected_count == 0) return OK;
    execution_report_progress(base->worker, local->rows->row_count);
    *batch_out = access_show(local);
    return OK;
}

static Status table_access_make(Operator *base) {
    TableAccess *self = (TableAccess *)base;
    const PlanAccess *access = &base->node->access;
    TRY(execution_find_table(base->execution, access->table, &self->table));
    if (access->range == NULL) return OK;
    return range_builder_init(&self->range, &base->execution->worker, access->range);
}

static Status table_access_make_local(Local *base) {
    const TableAccess *self = (const TableAccess *)base->owner;
    AccessLocal *local = (AccessLocal *)base;
    const PlanNode *node = self->base.node;
    local->rows = table_batch_make(base->worker->arena, self->table, node->access.columns);
    local->shell = batch_shell_make(base->worker->arena, node->layout.count);
    return OK;
}

const OperatorKind table_access_kind = {
    .operator_bytes = sizeof(TableAccess),
    .local_bytes = sizeof(AccessLocal),
    .make = table_access_make,
    .make_local = table_access_make_local,
    .rewind = access_rewind,
    .rewind_local = access_rewind_local,
    .close = access_close,
    .close_local = access_close_local,
    .open = access_open,
    .next = access_next,
};

static Status catalog_access_open(Local *base, bool *is_empty_out) {
    (void)is_empty_out;
    TableAccess *self = (TableAccess *)base->owner;
    const PlanAccess *access = &self->base.node->access;
    CatalogView *view = self->base.execution->input.catalog;
    const TableInfo *info = catalog_find_table_by_oid(view, access->table->oid);
    if (info == NULL) {
        return fail(UNDEFINED_TABLE, "relation \"%s\" does not exist", access->table->name);
    }
    return catalog_scan_open(view, info, access->columns, &self->base.arena, &self->catalog_scan);
}

static Status catalog_access_next(Local *base, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    TableAccess *self = (TableAccess *)base->owner;
    AccessLocal *local = (AccessLocal *)base;
    TRY(catalog_scan_next(self->catalog_scan, local->rows));
    if (local->rows->selected_count > 0) *batch_out = access_show(local);
    return OK;
}

static Status catalog_access_make_local(Local *base) {
    AccessLocal *local = (AccessLocal *)base;
    Arena *arena = base->worker->arena;
    const PlanNode *node = base->owner->node;
    const TableInfo *table = node->access.table;
    Oid *types = arena_new_array(arena, Oid, table->column_count + 1);
    for (uint32_t i = 0; i < table->column_count; i++) {
        types[table->columns[i].position] = table->columns[i].type.oid;
    }
    local->rows = batch_make(arena, types, table->column_count, false);
    local->shell = batch_shell_make(arena, node->layout.count);
    return OK;
}

const OperatorKind catalog_access_kind = {
    .operator_bytes = sizeof(TableAccess),
    .local_bytes = sizeof(AccessLocal),
    .make_local = catalog_access_make_local,
    .rewind = access_rewind,
    .rewind_local = access_rewind_local,
    .close = access_close,
    .close_local = access_close_local,
    .open = catalog_access_open,
    .next = catalog_access_next,
};
