#include "execute/buffer.h"

typedef struct BufferPart {
    Local base;
    RowBuffer rows;
} BufferPart;

static Status buffer_consume(Local *base, Batch *batch) {
    return row_buffer_append(&((BufferPart *)base)->rows, batch);
}

static Status buffer_combine(Local *base) {
    Buffer *self = (Buffer *)base->owner;
    uint32_t first;
    return row_buffer_adopt(&self->rows, &((BufferPart *)base)->rows, &first);
}

static Status buffer_rewind(Operator *base) {
    Buffer *self = (Buffer *)base;
    arena_reset(&base->arena);
    row_buffer_init(&self->rows, &base->arena, self->rows.types, self->rows.column_count);
    return OK;
}

static Status buffer_rewind_local(Local *base) {
    BufferPart *part = (BufferPart *)base;
    const RowBuffer *whole = &((Buffer *)base->owner)->rows;
    arena_reset(&base->arena);
    row_buffer_init(&part->rows, &base->arena, whole->types, whole->column_count);
    return OK;
}

static Status buffer_make(Operator *base) {
    Buffer *self = (Buffer *)base;
    const Layout *layout = &base->node->layout;
    Oid *types = layout_types(base->execution->arena, layout);
    row_buffer_init(&self->rows, &base->arena, types, layout->count);
    base->is_parallel = true;
    return OK;
}

const OperatorKind buffer_kind = {
    .operator_bytes = sizeof(Buffer),
    .local_bytes = sizeof(BufferPart),
    .make = buffer_make,
    .make_local = buffer_rewind_local,
    .rewind = buffer_rewind,
    .rewind_local = buffer_rewind_local,
    .consume = buffer_consume,
    .combine = buffer_combine,
};
