// Rows of tables: by scan, by index range, by key; and of the catalog's constant relations.
#include "execute/execute_internal.h"
#include "execute/index_range.h"

typedef struct TableAccess {
    Operator base;
    Table *table;
    Batch *rows;  // as the table gives them
    Batch *shell; // the layout's columns of them
    RangeBuilder range;
    TableScan *scan;
    IndexScan *index_scan;
    CatalogScan *catalog_scan;
    bool is_open;
} TableAccess;

// Points the shell's columns at those of the table's batch.
static void access_show(TableAccess *self) {
    const PlanAccess *access = &self->base.node->access;
    uint32_t plain_count = self->shell->column_count - (access->has_row_id ? 1U : 0U);
    Batch *shell = self->shell;
    const Batch *rows = self->rows;
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
}

static void access_close(Operator *base) {
    TableAccess *self = (TableAccess *)base;
    if (self->scan != NULL) table_scan_close(self->scan);
    if (self->index_scan != NULL) table_index_scan_close(self->index_scan);
    self->scan = NULL;
    self->index_scan = NULL;
    self->catalog_scan = NULL;
    if (self->rows != NULL) batch_release_pins(self->rows);
    self->is_open = false;
}

static Status access_rewind(Operator *base) {
    access_close(base);
    arena_reset(&base->arena);
    return OK;
}

static Status access_open_scan(TableAccess *self) {
    Execution *execution = self->base.execution;
    double rows = table_row_estimate(self->table);
    if (rows > execution->row_total) execution->row_total = rows;
    return table_scan_open(self->table, execution->snapshot, self->base.node->access.columns,
        &self->base.arena, &self->scan);
}

// Opens what the bounds of this run make best. `is_empty_out` when no row can match.
static Status access_open(TableAccess *self, bool *is_empty_out) {
    const PlanAccess *access = &self->base.node->access;
    Execution *execution = self->base.execution;
    *is_empty_out = false;
    self->is_open = true;
    if (access->path == ACCESS_SCAN) return access_open_scan(self);

    IndexRange range;
    TRY(range_builder_make_range(&self->range, &range, is_empty_out));
    if (*is_empty_out) return OK;
    if (access->path == ACCESS_KEY) {
        return table_find_key(self->table, execution->snapshot, access->columns, range.index_number,
            range.low, self->rows);
    }
    if (access->path == ACCESS_ROUTED) {
        double row_count = table_row_estimate(self->table);
        double in_range = row_count * table_index_estimate(self->table, &range);
        if (!index_is_cheaper(in_range, row_count)) return access_open_scan(self);
    }
    return table_index_scan_open(self->table, execution->snapshot, access->columns, &range,
        &self->base.arena, &self->index_scan);
}

static Status access_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    TableAccess *self = (TableAccess *)base;
    const PlanAccess *access = &base->node->access;
    bool is_first = !self->is_open;
    *batch_out = NULL;
    if (is_first) {
        bool is_empty;
        TRY(access_open(self, &is_empty));
        if (is_empty) return OK;
    }
    if (self->index_scan != NULL) {
        uint32_t wanted = row_max < BATCH_ROW_COUNT ? row_max : BATCH_ROW_COUNT;
        TRY(table_index_scan_next(self->index_scan, wanted, self->rows));
    } else if (self->scan != NULL) {
        TRY(table_scan_next(self->scan, self->rows));
    } else if (!is_first || access->path != ACCESS_KEY) {
        return OK; // the one row was given
    }
    if (self->rows->selected_count == 0) return OK;
    access_show(self);
    execution_report_progress(base->execution, self->rows->row_count);
    *batch_out = self->shell;
    return OK;
}

Status table_access_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    TableAccess *self;
    TRY(operator_new(execution, node, TableAccess, &self));
    TRY(execution_find_table(execution, node->access.table, &self->table));
    self->rows = table_batch_make(execution->arena, self->table, node->access.columns);
    self->shell = batch_shell_make(execution->arena, node->layout.count);
    if (node->access.range != NULL) {
        TRY(range_builder_init(&self->range, execution, node->access.range));
    }
    self->base.produce = access_produce;
    self->base.rewind = access_rewind;
    self->base.close = access_close;
    *operator_out = &self->base;
    return OK;
}

static Status catalog_access_produce(Operator *base, uint32_t row_max, Batch **batch_out) {
    (void)row_max;
    TableAccess *self = (TableAccess *)base;
    const PlanAccess *access = &base->node->access;
    *batch_out = NULL;
    if (!self->is_open) {
        CatalogView *view = base->execution->input.catalog;
        const TableInfo *info = catalog_find_table_by_oid(view, access->table->oid);
        if (info == NULL) {
            return fail(UNDEFINED_TABLE, "relation \"%s\" does not exist", access->table->name);
        }
        TRY(catalog_scan_open(view, info, access->columns, &base->arena, &self->catalog_scan));
        self->is_open = true;
    }
    TRY(catalog_scan_next(self->catalog_scan, self->rows));
    if (self->rows->selected_count == 0) return OK;
    access_show(self);
    *batch_out = self->shell;
    return OK;
}

Status catalog_access_make(Execution *execution, const PlanNode *node, Operator **operator_out) {
    TableAccess *self;
    TRY(operator_new(execution, node, TableAccess, &self));
    const TableInfo *table = node->access.table;
    Oid *types = arena_new_array(execution->arena, Oid, table->column_count + 1);
    for (uint32_t i = 0; i < table->column_count; i++) {
        types[table->columns[i].position] = table->columns[i].type.oid;
    }
    self->rows = batch_make(execution->arena, types, table->column_count, false);
    self->shell = batch_shell_make(execution->arena, node->layout.count);
    self->base.produce = catalog_access_produce;
    self->base.rewind = access_rewind;
    self->base.close = access_close;
    *operator_out = &self->base;
    return OK;
}
