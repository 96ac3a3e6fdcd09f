// Statements: which kind each is, and who binds it.
#include "bind/bind_internal.h"

// Statements that the session carries out from their syntax.
static bool is_session_statement(NodeKind kind) {
    switch ((int)kind) {
    case NODE_TRANSACTION_STMT:
    case NODE_VARIABLE_SET_STMT:
    case NODE_VARIABLE_SHOW_STMT:
    case NODE_PREPARE_STMT:
    case NODE_EXECUTE_STMT:
    case NODE_DEALLOCATE_STMT:
    case NODE_DISCARD_STMT:
    case NODE_DECLARE_CURSOR_STMT:
    case NODE_FETCH_STMT:
    case NODE_CLOSE_PORTAL_STMT:
    case NODE_VACUUM_STMT:
    case NODE_CHECK_POINT_STMT:
    case NODE_LOCK_STMT:
    case NODE_LISTEN_STMT:
    case NODE_UNLISTEN_STMT:
    case NODE_NOTIFY_STMT:
    case NODE_CONSTRAINTS_SET_STMT:
    case NODE_ALTER_SYSTEM_STMT:
        return true;
    default:
        return false;
    }
}

typedef struct FeatureName {
    NodeKind kind;
    const char *name;
} FeatureName;

static Status unsupported_statement(Binder *binder, const Node *statement) {
    static const FeatureName names[] = {
        {NODE_VIEW_STMT, "views"},
        {NODE_CREATE_TABLE_AS_STMT, "CREATE TABLE AS"},
        {NODE_MERGE_STMT, "MERGE"},
        {NODE_CREATE_FUNCTION_STMT, "CREATE FUNCTION"},
        {NODE_CREATE_TRIG_STMT, "triggers"},
        {NODE_CREATE_EXTENSION_STMT, "CREATE EXTENSION"},
        {NODE_CREATE_ROLE_STMT, "CREATE ROLE"},
        {NODE_ALTER_ROLE_STMT, "ALTER ROLE"},
        {NODE_DROP_ROLE_STMT, "DROP ROLE"},
        {NODE_GRANT_STMT, "GRANT and REVOKE"},
        {NODE_GRANT_ROLE_STMT, "GRANT and REVOKE"},
        {NODE_CREATEDB_STMT, "CREATE DATABASE"},
        {NODE_DROPDB_STMT, "DROP DATABASE"},
        {NODE_CREATE_ENUM_STMT, "enum types"},
        {NODE_COMPOSITE_TYPE_STMT, "composite types"},
        {NODE_CREATE_DOMAIN_STMT, "domains"},
        {NODE_CREATE_RANGE_STMT, "range types"},
        {NODE_DO_STMT, "DO"},
        {NODE_CALL_STMT, "CALL"},
        {NODE_REINDEX_STMT, "REINDEX"},
        {NODE_CLUSTER_STMT, "CLUSTER"},
        {NODE_RULE_STMT, "rules"},
        {NODE_REFRESH_MAT_VIEW_STMT, "materialized views"},
        {NODE_ALTER_SEQ_STMT, "ALTER SEQUENCE"},
        {NODE_ALTER_OWNER_STMT, "ALTER ... OWNER TO"},
        {NODE_ALTER_OBJECT_SCHEMA_STMT, "ALTER ... SET SCHEMA"},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].kind == node_kind(statement)) return not_supported(binder, names[i].name, -1);
    }
    return not_supported(binder, statement->name, -1);
}

static Status bind_as_query(Binder *binder, const Node *statement, Query **query_out) {
    return bind_query(binder, NULL, statement, true, query_out, NULL);
}

static Status read_explain_option(Binder *binder, const Node *option) {
    BoundStatement *bound = binder->bound;
    const char *name = node_get_text(option, FIELD_DEFNAME);
    bool ignored;
    if (strcmp(name, "analyze") == 0)
        return option_boolean(binder, option, &bound->explain_analyze);
    if (strcmp(name, "verbose") == 0)
        return option_boolean(binder, option, &bound->explain_verbose);
    if (strcmp(name, "costs") == 0) return option_boolean(binder, option, &bound->explain_costs);
    if (strcmp(name, "format") == 0) {
        const char *format = option_text(binder, option);
        if (format != NULL && (strcmp(format, "text") == 0 || strcmp(format, "json") == 0)) {
            bound->explain_format = format;
            return OK;
        }
        if (format != NULL && (strcmp(format, "xml") == 0 || strcmp(format, "yaml") == 0)) {
            return not_supported(binder, "this EXPLAIN format", node_location(option));
        }
        return fail_at(binder, node_location(option), INVALID_PARAMETER_VALUE,
            "unrecognized value for EXPLAIN option \"%s\": \"%s\"", name,
            format == NULL ? "" : format);
    }
    if (strcmp(name, "timing") == 0) return option_boolean(binder, option, &bound->explain_timing);
    if (strcmp(name, "summary") == 0) {
        return option_boolean(binder, option, &bound->explain_summary);
    }
    if (strcmp(name, "buffers") == 0 || strcmp(name, "settings") == 0 || strcmp(name, "wal") == 0) {
        return option_boolean(binder, option, &ignored); // asks for more than there is to tell
    }
    return fail_at(
        binder, node_location(option), SYNTAX_ERROR, "unrecognized EXPLAIN option \"%s\"", name);
}

static Status bind_explain(Binder *binder, const Node *statement) {
    BoundStatement *bound = binder->bound;
    bound->kind = BOUND_EXPLAIN;
    bound->explain_costs = true;
    bound->explain_timing = true;
    bound->explain_summary = true; // of what ran
    bound->explain_format = "text";
    binder->is_liftable = false;
    const Node *options = node_get(statement, FIELD_OPTIONS);
    for (uint32_t i = 0; i < node_count(options); i++) {
        TRY(read_explain_option(binder, node_item(options, i)));
    }
    const Node *explained = node_get(statement, FIELD_QUERY);
    switch ((int)node_kind(explained)) {
    case NODE_SELECT_STMT:
    case NODE_INSERT_STMT:
    case NODE_UPDATE_STMT:
    case NODE_DELETE_STMT:
        return bind_as_query(binder, explained, &bound->query);
    case NODE_EXECUTE_STMT: // the session knows the statement
        bound->syntax = explained;
        return OK;
    default:
        return not_supported(binder, "EXPLAIN of this statement", -1);
    }
}

static Status bind_kind(Binder *binder, const Node *statement) {
    BoundStatement *bound = binder->bound;
    switch ((int)node_kind(statement)) {
    case NODE_SELECT_STMT:
    case NODE_INSERT_STMT:
    case NODE_UPDATE_STMT:
    case NODE_DELETE_STMT:
        bound->kind = BOUND_QUERY;
        return bind_as_query(binder, statement, &bound->query);
    case NODE_EXPLAIN_STMT:
        return bind_explain(binder, statement);
    case NODE_CREATE_STMT:
        return bind_create_table(binder, statement);
    case NODE_INDEX_STMT:
        return bind_create_index(binder, statement);
    case NODE_CREATE_SEQ_STMT:
        return bind_create_sequence(binder, statement);
    case NODE_CREATE_SCHEMA_STMT:
        return bind_create_schema(binder, statement);
    case NODE_ALTER_TABLE_STMT:
        return bind_alter_table(binder, statement);
    case NODE_RENAME_STMT:
        return bind_rename(binder, statement);
    case NODE_DROP_STMT:
        return bind_drop(binder, statement);
    case NODE_TRUNCATE_STMT:
        return bind_truncate(binder, statement);
    case NODE_COMMENT_STMT:
        return bind_comment(binder, statement);
    case NODE_COPY_STMT:
        return bind_copy(binder, statement);
    default:
        break;
    }
    if (is_session_statement(node_kind(statement))) {
        bound->kind = BOUND_UTILITY;
        return OK;
    }
    return unsupported_statement(binder, statement);
}

// Parameters whose type nothing decided.
static Status check_parameters(const BindInput *input) {
    const ParameterTypes *types = input->parameters;
    for (uint32_t i = 0; types != NULL && i < types->count; i++) {
        if (types->types[i] == 0 || types->types[i] == TYPE_UNKNOWN) {
            return fail(
                INDETERMINATE_DATATYPE, "could not determine data type of parameter $%u", i + 1);
        }
    }
    return OK;
}

static Binder binder_make(const BindInput *input, BoundStatement *bound) {
    return (Binder){
        .input = input,
        .catalog = input->catalog,
        .arena = input->arena,
        .lifted_bound = arena_new_array(input->arena, bool, input->lifted_count),
        .is_liftable = true,
        .bound = bound,
    };
}

Status bind_statement(const BindInput *input, const Node *statement, BoundStatement *bound_out) {
    BoundStatement bound = {.syntax = statement};
    Binder binder = binder_make(input, &bound);
    Status status = bind_kind(&binder, statement);
    // A literal that no expression took is part of the plan: an ordinal, a type's modifier.
    bool is_liftable = status == OK && binder.is_liftable
                       && (bound.kind == BOUND_QUERY || input->lifted_count == 0);
    for (uint32_t i = 0; i < input->lifted_count; i++) {
        is_liftable = is_liftable && binder.lifted_bound[i];
    }
    if (input->is_liftable_out != NULL) *input->is_liftable_out = is_liftable;
    TRY(status);
    if (bound.kind == BOUND_QUERY || bound.kind == BOUND_EXPLAIN) TRY(check_parameters(input));
    TRY(arena_check(input->arena));
    *bound_out = bound;
    return OK;
}

Status bind_execute_arguments(const BindInput *input, const char *name, const Node *list,
    const Oid *types, uint32_t type_count, Expression ***arguments_out) {
    BoundStatement bound = {0};
    Binder binder = binder_make(input, &bound);
    if (node_count(list) != type_count) {
        Status status =
            fail(SYNTAX_ERROR, "wrong number of parameters for prepared statement \"%s\"", name);
        error_add_detail("Expected %u parameters but got %u.", type_count, node_count(list));
        return status;
    }
    Scope scope = scope_make(&binder, NULL, NULL);
    Expression **arguments = arena_new_array(input->arena, Expression *, type_count);
    for (uint32_t i = 0; i < type_count; i++) {
        Expression *given;
        TRY(bind_expression(&scope, node_item(list, i), PLACE_EXECUTE, &given));
        TRY(coerce_to_target(
            &binder, given, sql_type(types[i]), CAST_ASSIGNMENT, -1, &arguments[i]));
        if (arguments[i] == NULL) {
            Status status = fail_at(&binder, expression_location(given), DATATYPE_MISMATCH,
                "parameter $%u of type %s cannot be coerced to the expected type %s", i + 1,
                type_name_text(&binder, given->type.oid), type_name_text(&binder, types[i]));
            error_add_hint("You will need to rewrite or cast the expression.");
            return status;
        }
    }
    *arguments_out = arguments;
    return OK;
}
