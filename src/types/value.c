#include "types/value.h"

#include "types/types_internal.h"

const uint8_t physical_width[PHYSICAL_KIND_COUNT] = {
#define X(name, width) width,
    PHYSICAL_KIND_LIST(X)
#undef X
};

View view_make_copy(const void *bytes, size_t count, Arena *arena) {
    if (count <= VIEW_INLINE_MAX) return view_make(bytes, count);
    return view_make(arena_copy_bytes(arena, bytes, count), count);
}

View view_copy(View view, Arena *arena) {
    if (view.count <= VIEW_INLINE_MAX) return view;
    return view_make_copy(view_data(&view), view.count, arena);
}

int view_compare(const View *a, const View *b) {
    return bytes_compare(view_bytes(a), view_bytes(b));
}

Value value_null(void) {
    return (Value){.is_null = true};
}

Value value_copy(Value value, PhysicalKind kind, Arena *arena) {
    if (kind == PHYSICAL_VIEW && !value.is_null) {
        value.datum.view = view_copy(value.datum.view, arena);
    }
    return value;
}
