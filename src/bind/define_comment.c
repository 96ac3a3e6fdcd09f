// COMMENT ON: which object a comment is about.
#include "bind/bind_internal.h"

// pg_class and its kind, by the OIDs that PostgreSQL gives them.
enum { CLASS_OF_RELATIONS = 1259, CLASS_OF_SCHEMAS = 2615, CLASS_OF_CONSTRAINTS = 2606 };

typedef struct CommentKind {
    const char *object; // PostgreSQL's name in the tree
    const char *article;
    RelationKind kind;
} CommentKind;

static const CommentKind relation_kinds[] = {
    {"OBJECT_TABLE", "a table", RELATION_TABLE},
    {"OBJECT_INDEX", "an index", RELATION_INDEX},
    {"OBJECT_SEQUENCE", "a sequence", RELATION_SEQUENCE},
    {"OBJECT_VIEW", "a view", RELATION_VIEW},
};

// The relation that the first `count` names of a list mean.
static Status find_commented(
    Binder *binder, const Node *names, uint32_t count, const TableInfo **relation_out) {
    const char *name = node_item(names, count - 1)->text;
    const char *schema = count > 1 ? node_item(names, count - 2)->text : NULL;
    const TableInfo *relation = catalog_find_table(binder->catalog, schema, name);
    Oid ignored;
    if (schema != NULL && !catalog_find_schema(binder->catalog, schema, &ignored)) {
        return fail(INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", schema);
    }
    if (relation == NULL) {
        return fail(UNDEFINED_TABLE, "relation \"%s%s%s\" does not exist",
            schema == NULL ? "" : schema, schema == NULL ? "" : ".", name);
    }
    if (relation->is_system) {
        return fail(INSUFFICIENT_PRIVILEGE, "permission denied: \"%s\" is a system catalog", name);
    }
    *relation_out = relation;
    return OK;
}

static Status comment_on_relation(Binder *binder, const CommentKind *kind, const Node *names) {
    const TableInfo *relation;
    TRY(find_commented(binder, names, node_count(names), &relation));
    if (relation->kind != kind->kind) {
        return fail(WRONG_OBJECT_TYPE, "\"%s\" is not %s", relation->name, kind->article);
    }
    BoundStatement *bound = binder->bound;
    bound->comment.object_class = CLASS_OF_RELATIONS;
    bound->comment.object = bound->comment.table = relation->oid;
    return OK;
}

static Status comment_on_column(Binder *binder, const Node *names) {
    uint32_t count = node_count(names);
    const char *name = node_item(names, count - 1)->text;
    if (count < 2) return fail(SYNTAX_ERROR, "column name must be qualified");
    const TableInfo *relation;
    TRY(find_commented(binder, names, count - 1, &relation));
    const ColumnInfo *column = table_info_find_column(relation, name);
    if (relation->kind != RELATION_TABLE && relation->kind != RELATION_VIEW) {
        bool is_index = relation->kind == RELATION_INDEX;
        Status status =
            fail(WRONG_OBJECT_TYPE, "cannot set comment on relation \"%s\"", relation->name);
        error_add_detail(
            "This operation is not supported for %s.", is_index ? "indexes" : "sequences");
        return status;
    }
    if (column == NULL || column->is_dropped) {
        return fail(UNDEFINED_COLUMN, "column \"%s\" of relation \"%s\" does not exist", name,
            relation->name);
    }
    BoundStatement *bound = binder->bound;
    bound->comment.object_class = CLASS_OF_RELATIONS;
    bound->comment.object = bound->comment.table = relation->oid;
    bound->comment.column = column->number;
    return OK;
}

static Status comment_on_constraint(Binder *binder, const Node *names) {
    uint32_t count = node_count(names);
    const char *name = node_item(names, count - 1)->text;
    const TableInfo *table;
    TRY(find_commented(binder, names, count - 1, &table));
    Oid constraint = 0;
    for (uint32_t i = 0; i < table->check_count; i++) {
        if (strcmp(table->checks[i].name, name) == 0) constraint = table->checks[i].oid;
    }
    for (uint32_t i = 0; i < table->index_count; i++) {
        const IndexInfo *index = &table->indexes[i];
        if (index->constraint != 0 && strcmp(index->name, name) == 0) {
            constraint = index->constraint;
        }
    }
    if (constraint == 0) {
        return fail(UNDEFINED_OBJECT, "constraint \"%s\" for table \"%s\" does not exist", name,
            table->name);
    }
    BoundStatement *bound = binder->bound;
    bound->comment.object_class = CLASS_OF_CONSTRAINTS;
    bound->comment.object = constraint;
    bound->comment.table = table->oid;
    return OK;
}

static Status comment_on_schema(Binder *binder, const Node *object) {
    const char *name = node_kind(object) == NODE_TEXT ? object->text : last_name(object);
    BoundStatement *bound = binder->bound;
    bound->comment.object_class = CLASS_OF_SCHEMAS;
    if (catalog_find_schema(binder->catalog, name, &bound->comment.object)) return OK;
    return fail(INVALID_SCHEMA_NAME, "schema \"%s\" does not exist", name);
}

Status bind_comment(Binder *binder, const Node *statement) {
    BoundStatement *bound = binder->bound;
    bound->kind = BOUND_COMMENT;
    const char *kind = node_get_text(statement, FIELD_OBJTYPE);
    const Node *object = node_get(statement, FIELD_OBJECT);
    const char *text = node_get_text(statement, FIELD_COMMENT);
    bound->comment.text = text == NULL || *text == 0 ? NULL : text;
    if (kind == NULL) kind = "";
    for (size_t i = 0; i < sizeof relation_kinds / sizeof relation_kinds[0]; i++) {
        if (strcmp(kind, relation_kinds[i].object) == 0) {
            return comment_on_relation(binder, &relation_kinds[i], object);
        }
    }
    if (strcmp(kind, "OBJECT_COLUMN") == 0) return comment_on_column(binder, object);
    if (strcmp(kind, "OBJECT_TABCONSTRAINT") == 0) return comment_on_constraint(binder, object);
    if (strcmp(kind, "OBJECT_SCHEMA") == 0) return comment_on_schema(binder, object);
    return not_supported(binder, "COMMENT ON this kind of object", -1);
}
