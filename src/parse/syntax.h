// The syntax tree: PostgreSQL's own parse tree, as libpg_query gives it.
//
// Model    A node is a kind and named fields. Kinds and fields that the code mentions are listed in
//          parse/node_list.h and parse/field_list.h; others keep their name, so that a message can
//          say what is not supported. A field that PostgreSQL omits as its default reads as
//          absent: NULL node, empty text, zero, false.
// Memory   The tree lives in the arena it was parsed into.
// Source   PostgreSQL 15 src/include/nodes/parsenodes.h names the kinds and fields.
#pragma once

#include "base/arena.h"
#include "base/status.h"

typedef enum NodeKind {
    NODE_NONE,
    NODE_OTHER, // not in the list; node->name says which
    NODE_LIST,
    NODE_TEXT, // a string, an enum's name, or the digits of a number that exceeds 64 bits
    NODE_INTEGER,
    NODE_BOOLEAN,

#define X(name, text) NODE_##name,
#include "parse/node_list.h"
#undef X
} NodeKind;

typedef enum NodeField {

#define X(name, text) FIELD_##name,
#include "parse/field_list.h"
#undef X
    FIELD_COUNT
} NodeField;

typedef struct Node Node;

struct Node {
    NodeKind kind;
    uint32_t count;   // fields of a node, items of a list
    const char *name; // "SelectStmt"

    union {
        Node **items;              // NODE_LIST
        const char *text;          // NODE_TEXT
        int64_t integer;           // NODE_INTEGER
        bool boolean;              // NODE_BOOLEAN
        struct NodeEntry *entries; // any other
    };
};

typedef struct NodeEntry {
    NodeField field; // FIELD_COUNT for one that is not in the list
    Node *value;
} NodeEntry;

// All of these accept NULL and the absence of the field.
Node *node_get(const Node *node, NodeField field);            // NULL when absent
const char *node_get_text(const Node *node, NodeField field); // NULL when absent
int64_t node_get_integer(const Node *node, NodeField field);  // 0 when absent
bool node_get_boolean(const Node *node, NodeField field);     // false when absent
bool node_has(const Node *node, NodeField field);
uint32_t node_count(const Node *list); // items of a list; 0 for NULL
Node *node_item(const Node *list, uint32_t index);
NodeKind node_kind(const Node *node); // NODE_NONE for NULL

// The byte offset of a node in the statement's text, from its `location`; -1 when unknown.
int32_t node_location(const Node *node);
