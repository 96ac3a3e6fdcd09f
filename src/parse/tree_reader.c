#include "parse/tree_reader.h"

#include "base/assert.h"
#include "base/error.h"
#include "base/text.h"
#include "base/utf8.h"

#include <string.h>

static const char *const field_names[] = {

#define X(name, text) text,
#include "parse/field_list.h"
#undef X
};

enum { KIND_FIRST = NODE_BOOLEAN + 1 };

static const char *const kind_names[] = {

#define X(name, text) text,
#include "parse/node_list.h"
#undef X
};

enum { KIND_COUNT = sizeof kind_names / sizeof kind_names[0] };

static_assert(sizeof field_names / sizeof field_names[0] == FIELD_COUNT, "one name a field");

// The index of a name in a sorted list, or `list_count`.
static size_t name_find(
    const char *const *list, size_t list_count, const char *name, size_t name_count) {
    size_t low = 0;
    size_t high = list_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strncmp(list[middle], name, name_count);
        if (order == 0 && list[middle][name_count] == 0) return middle;
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return list_count;
}

NodeKind node_kind_find(const char *name, size_t count) {
    size_t index = name_find(kind_names, KIND_COUNT, name, count);
    return index == KIND_COUNT ? NODE_OTHER : (NodeKind)(KIND_FIRST + index);
}

NodeField node_field_find(const char *name, size_t count) {
    return (NodeField)name_find(field_names, FIELD_COUNT, name, count);
}

static const char *node_kind_name(NodeKind kind) {
    static const char *const plain[] = {"", "other", "List", "String", "Integer", "Boolean"};
    return (int)kind < KIND_FIRST ? plain[kind] : kind_names[kind - KIND_FIRST];
}

const char *node_field_name(NodeField field) {
    ASSERT(field < FIELD_COUNT);
    return field_names[field];
}

typedef struct Reader {
    const char *at;
    const char *sql;
    size_t sql_count;
    Arena *arena;
    // Entries and items of the nodes being read, innermost last; moved to the arena when complete.
    NodeEntry *pending;
    size_t pending_count, pending_capacity;
    bool is_broken;
} Reader;

typedef struct Name {
    const char *text;
    size_t count;
} Name;

static Node *read_node(Reader *reader, NodeField field);

static Node *node_make(Reader *reader, NodeKind kind) {
    Node *node = arena_new(reader->arena, Node);
    node->kind = kind;
    node->name = node_kind_name(kind);
    return node;
}

static bool skip_char(Reader *reader, char expected) {
    if (*reader->at != expected) return false;
    reader->at++;
    return true;
}

static void expect_char(Reader *reader, char expected) {
    if (!skip_char(reader, expected)) reader->is_broken = true;
}

static void pending_push(Reader *reader, NodeField field, Node *value) {
    if (reader->pending_count == reader->pending_capacity) {
        size_t capacity = reader->pending_capacity == 0 ? 64 : reader->pending_capacity * 2;
        NodeEntry *grown = arena_new_array(reader->arena, NodeEntry, capacity);
        if (reader->pending_count > 0) {
            memcpy(grown, reader->pending, reader->pending_count * sizeof *grown);
        }
        reader->pending = grown;
        reader->pending_capacity = capacity;
    }
    reader->pending[reader->pending_count++] = (NodeEntry){.field = field, .value = value};
}

static int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

// One character after a backslash, into `out`; returns its bytes, 0 when it is none.
static uint32_t read_escape(Reader *reader, char out[4]) {
    char escape = *reader->at;
    if (escape == 0) return 0;
    reader->at++;
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *found = strchr(from, escape);
    if (found != NULL) {
        out[0] = to[found - from];
        return 1;
    }
    if (escape != 'u') return 0;
    uint32_t code_point = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*reader->at);
        if (digit < 0) return 0;
        code_point = code_point * 16 + (uint32_t)digit;
        reader->at++;
    }
    return utf8_encode(code_point, out);
}

static char *read_string(Reader *reader) {
    expect_char(reader, '"');
    const char *start = reader->at;
    const char *end = start + strcspn(start, "\"\\");
    if (*end == '"') {
        reader->at = end + 1;
        return arena_copy_text_n(reader->arena, start, (size_t)(end - start));
    }
    Text text;
    text_init(&text, reader->arena);
    for (;;) {
        size_t plain = strcspn(reader->at, "\"\\");
        text_append(&text, reader->at, plain);
        reader->at += plain;
        if (skip_char(reader, '"')) break;
        char bytes[4];
        uint32_t count = skip_char(reader, '\\') ? read_escape(reader, bytes) : 0;
        if (count == 0) {
            reader->is_broken = true;
            break;
        }
        text_append(&text, bytes, count);
    }
    return text.data;
}

static Name read_name(Reader *reader) {
    expect_char(reader, '"');
    Name name = {.text = reader->at, .count = strcspn(reader->at, "\"")};
    reader->at += name.count;
    expect_char(reader, '"');
    expect_char(reader, ':');
    return name;
}

static Node *read_number(Reader *reader) {
    const char *start = reader->at;
    bool is_negative = skip_char(reader, '-');
    int64_t value = 0;
    bool fits = true;
    while (*reader->at >= '0' && *reader->at <= '9') {
        int digit = *reader->at++ - '0';
        fits = fits && !__builtin_mul_overflow(value, 10, &value)
               && !__builtin_add_overflow(value, digit, &value);
    }
    if (reader->at == start + is_negative) reader->is_broken = true;
    if (!fits) {
        Node *digits = node_make(reader, NODE_TEXT);
        digits->text = arena_copy_text_n(reader->arena, start, (size_t)(reader->at - start));
        return digits;
    }
    Node *node = node_make(reader, NODE_INTEGER);
    node->integer = is_negative ? -value : value;
    return node;
}

static bool skip_word(Reader *reader, const char *word) {
    size_t count = strlen(word);
    if (strncmp(reader->at, word, count) != 0) return false;
    reader->at += count;
    return true;
}

static Node *read_list(Reader *reader) {
    size_t first = reader->pending_count;
    expect_char(reader, '[');
    if (!skip_char(reader, ']')) {
        do {
            pending_push(reader, FIELD_COUNT, read_node(reader, FIELD_COUNT));
        } while (!reader->is_broken && skip_char(reader, ','));
        expect_char(reader, ']');
    }
    Node *list = node_make(reader, NODE_LIST);
    list->count = (uint32_t)(reader->pending_count - first);
    list->items = arena_new_array(reader->arena, Node *, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        list->items[i] = reader->pending[first + i].value;
    }
    reader->pending_count = first;
    return list;
}

// The integer at or after a byte offset of the statement: the first digits that are not part of a
// word, with as many minus signs before them as there are between `offset` and the digits.
static int64_t integer_in_text(const Reader *reader, int64_t offset) {
    if (offset < 0 || (size_t)offset >= reader->sql_count) return 0;
    const char *at = reader->sql + offset;
    bool is_negative = false;
    while (*at != 0 && !(*at >= '0' && *at <= '9')) {
        if (at[0] == '-' && at[1] == '-') {
            at += strcspn(at, "\n");
        } else if (at[0] == '/' && at[1] == '*') {
            // Comments nest.
            size_t depth = 0;
            do {
                if (at[0] == '/' && at[1] == '*') {
                    depth++;
                    at += 2;
                } else if (at[0] == '*' && at[1] == '/') {
                    depth--;
                    at += 2;
                } else {
                    at++;
                }
            } while (depth > 0 && *at != 0);
        } else if (*at == '"') {
            at++;
            at += strcspn(at, "\"");
            if (*at != 0) at++;
        } else if ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z') {
            while (((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z') || *at == '_'
                   || (*at >= '0' && *at <= '9')) {
                at++;
            }
        } else {
            if (*at == '-') is_negative = !is_negative;
            at++;
        }
    }
    int64_t value = 0;
    while (*at >= '0' && *at <= '9' && value < INT32_MAX) {
        value = value * 10 + (*at++ - '0');
    }
    return is_negative ? -value : value;
}

static void node_fix_integer(const Reader *reader, const Node *node, Node *integer) {
    if (integer == NULL || integer->kind != NODE_INTEGER || integer->integer != 0) return;
    integer->integer = integer_in_text(reader, node_get_integer(node, FIELD_LOCATION));
}

// The kind of a field that holds a node without naming its kind.
static NodeKind field_node_kind(NodeField field) {
    switch ((int)field) {
    case FIELD_RELATION:
    case FIELD_SEQUENCE:
    case FIELD_REL:
    case FIELD_PKTABLE:
    case FIELD_VIEW:
    case FIELD_TYPEVAR:
        return NODE_RANGE_VAR;
    case FIELD_TYPE_NAME:
    case FIELD_OF_TYPENAME:
        return NODE_TYPE_NAME;
    case FIELD_ALIAS:
    case FIELD_JOIN_USING_ALIAS:
        return NODE_ALIAS;
    case FIELD_LARG:
    case FIELD_RARG:
        return NODE_SELECT_STMT;
    case FIELD_WITH_CLAUSE:
        return NODE_WITH_CLAUSE;
    case FIELD_INTO_CLAUSE:
    case FIELD_INTO:
        return NODE_INTO_CLAUSE;
    case FIELD_ON_CONFLICT_CLAUSE:
        return NODE_ON_CONFLICT_CLAUSE;
    case FIELD_INFER:
        return NODE_INFER_CLAUSE;
    case FIELD_COLL_CLAUSE:
        return NODE_COLLATE_CLAUSE;
    case FIELD_OVER:
        return NODE_WINDOW_DEF;
    case FIELD_AUTHROLE:
        return NODE_ROLE_SPEC;
    default:
        return NODE_OTHER;
    }
}

// An A_Const's value, which JSON wraps in an object of one field of the same name, absent when it
// is the default.
static Node *constant_value(Reader *reader, NodeField field, const Node *wrapper) {
    Node *value = node_get(wrapper, field);
    if (value != NULL) return value;
    if (field == FIELD_IVAL) return node_make(reader, NODE_INTEGER);
    if (field == FIELD_BOOLVAL) return node_make(reader, NODE_BOOLEAN);
    Node *text = node_make(reader, NODE_TEXT);
    text->text = "";
    return text;
}

static bool field_is_constant(NodeField field) {
    return field == FIELD_IVAL || field == FIELD_FVAL || field == FIELD_SVAL
           || field == FIELD_BOOLVAL || field == FIELD_BSVAL;
}

// The fields of an object, after its opening brace, up to and with its closing one.
static Node *read_fields(Reader *reader, NodeKind kind, const char *name) {
    size_t first = reader->pending_count;
    if (!skip_char(reader, '}')) {
        do {
            Name field_name = read_name(reader);
            NodeField field = node_field_find(field_name.text, field_name.count);
            pending_push(reader, field, read_node(reader, field));
        } while (!reader->is_broken && skip_char(reader, ','));
        expect_char(reader, '}');
    }
    Node *node = node_make(reader, kind);
    if (kind == NODE_OTHER) node->name = name;
    node->count = (uint32_t)(reader->pending_count - first);
    node->entries = arena_new_array(reader->arena, NodeEntry, node->count);
    if (node->count > 0) {
        memcpy(node->entries, reader->pending + first, node->count * sizeof *node->entries);
    }
    reader->pending_count = first;
    return node;
}

// A node that was wrapped in an object with its kind's name, made plain where there is a plain
// form.
static Node *read_wrapped(Reader *reader, Name name) {
    NodeKind kind = node_kind_find(name.text, name.count);
    const char *own_name = NULL;
    if (kind == NODE_OTHER) {
        own_name = arena_copy_text_n(reader->arena, name.text, name.count);
    }
    expect_char(reader, '{');
    Node *node = read_fields(reader, kind, own_name);
    if (kind == NODE_A_CONST) {
        node_fix_integer(reader, node, node_get(node, FIELD_IVAL));
    } else if (kind == NODE_DEF_ELEM) {
        node_fix_integer(reader, node, node_get(node, FIELD_ARG));
    } else if (kind == NODE_OTHER) {
        if (strcmp(own_name, "String") == 0) return constant_value(reader, FIELD_SVAL, node);
        if (strcmp(own_name, "Integer") == 0) return constant_value(reader, FIELD_IVAL, node);
        if (strcmp(own_name, "Boolean") == 0) return constant_value(reader, FIELD_BOOLVAL, node);
        if (strcmp(own_name, "List") == 0) {
            Node *items = node_get(node, FIELD_ITEMS);
            return items != NULL ? items : node_make(reader, NODE_LIST);
        }
    }
    return node;
}

static Node *read_object(Reader *reader, NodeField field) {
    expect_char(reader, '{');
    const char *start = reader->at;
    if (start[0] == '"' && start[1] >= 'A' && start[1] <= 'Z') {
        Name name = read_name(reader);
        Node *node = read_wrapped(reader, name);
        expect_char(reader, '}');
        return node;
    }
    const char *name = field == FIELD_COUNT ? "" : node_field_name(field);
    Node *node = read_fields(reader, field_node_kind(field), name);
    if (field_is_constant(field)) return constant_value(reader, field, node);
    return node;
}

static Node *read_node(Reader *reader, NodeField field) {
    switch (*reader->at) {
    case '{':
        return read_object(reader, field);
    case '[':
        return read_list(reader);
    case '"': {
        Node *node = node_make(reader, NODE_TEXT);
        node->text = read_string(reader);
        return node;
    }
    case 't':
    case 'f': {
        Node *node = node_make(reader, NODE_BOOLEAN);
        node->boolean = *reader->at == 't';
        if (!skip_word(reader, "true") && !skip_word(reader, "false")) reader->is_broken = true;
        return node;
    }
    case 'n':
        if (skip_word(reader, "null")) return NULL;
        break;
    default:
        return read_number(reader);
    }
    reader->is_broken = true;
    return NULL;
}

Status tree_from_json(const char *json, const char *sql, Arena *arena, Node **tree_out) {
    Reader reader = {.at = json, .sql = sql, .sql_count = strlen(sql), .arena = arena};
    Node *tree = read_node(&reader, FIELD_COUNT);
    if (reader.is_broken || *reader.at != 0) {
        return fail(INTERNAL_ERROR, "unexpected syntax tree at byte %zu of its text",
            (size_t)(reader.at - json));
    }
    TRY(arena_check(arena));
    *tree_out = tree;
    return OK;
}
