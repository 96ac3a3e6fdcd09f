// Casts: which there are, which are taken, and the common type of several expressions.
//
// Source  PostgreSQL 15, chapter 10 and parse_coerce.c for the order of the rules.
#include "bind/bind_internal.h"

char type_category(Oid type) {
    const TypeInfo *info = type_find(type);
    return info == NULL ? 'C' : info->category; // a user's row type
}

bool type_is_preferred(Oid type) {
    const TypeInfo *info = type_find(type);
    return info != NULL && info->is_preferred;
}

bool type_is_polymorphic(Oid type) {
    switch (type) {
    case TYPE_ANYELEMENT:
    case TYPE_ANYARRAY:
    case TYPE_ANYNONARRAY:
    case TYPE_ANYENUM:
    case TYPE_ANYRANGE:
    case TYPE_ANYCOMPATIBLE:
    case TYPE_ANYCOMPATIBLEARRAY:
    case TYPE_ANYCOMPATIBLENONARRAY:
    case TYPE_ANYCOMPATIBLERANGE:
    case TYPE_ANYCOMPATIBLEMULTIRANGE:
        return true;
    default:
        return false;
    }
}

bool type_is_composite(Oid type) {
    const TypeInfo *info = type_find(type);
    return info == NULL || info->kind == 'c';
}

static bool is_true_array(Oid type) {
    const TypeInfo *info = type_find(type);
    return info != NULL && info->element != 0 && info->length == -1;
}

static CastPath cast_path_of_arrays(
    Oid target, Oid source, CastContext context, Oid *function_out) {
    // Coercions to int2vector and oidvector would capture those meant for real arrays.
    if (target == TYPE_OIDVECTOR || target == TYPE_INT2VECTOR) return CAST_PATH_NONE;
    if (!is_true_array(target) || !is_true_array(source)) return CAST_PATH_NONE;
    CastPath path =
        cast_path_find(type_element(target), type_element(source), context, function_out);
    if (path == CAST_PATH_NONE || path == CAST_PATH_TEXT) return path;
    return CAST_PATH_ARRAY;
}

CastPath cast_path_find(Oid target, Oid source, CastContext context, Oid *function_out) {
    *function_out = 0;
    if (source == target) return CAST_PATH_RELABEL;
    const CastInfo *cast = cast_find(source, target);
    if (cast != NULL) {
        CastContext needed = cast->context == 'i'   ? CAST_IMPLICIT
                             : cast->context == 'a' ? CAST_ASSIGNMENT
                                                    : CAST_EXPLICIT;
        if (context < needed) return CAST_PATH_NONE;
        if (cast->method == 'i') return CAST_PATH_TEXT;
        if (cast->method == 'b') return CAST_PATH_RELABEL;
        *function_out = cast->function;
        return CAST_PATH_FUNCTION;
    }
    CastPath path = cast_path_of_arrays(target, source, context, function_out);
    if (path != CAST_PATH_NONE) return path;
    if (context >= CAST_ASSIGNMENT && type_category(target) == 'S') return CAST_PATH_TEXT;
    if (context >= CAST_EXPLICIT && type_category(source) == 'S') return CAST_PATH_TEXT;
    return CAST_PATH_NONE;
}

bool can_coerce(const Oid *from, const Oid *to, uint32_t count, CastContext context) {
    bool has_polymorphic = false;
    for (uint32_t i = 0; i < count; i++) {
        Oid function;
        if (from[i] == to[i] || to[i] == TYPE_ANY) continue;
        if (type_is_polymorphic(to[i])) {
            has_polymorphic = true;
            continue;
        }
        if (from[i] == TYPE_UNKNOWN) continue;
        if (cast_path_find(to[i], from[i], context, &function) != CAST_PATH_NONE) continue;
        if (to[i] == TYPE_RECORD && type_is_composite(from[i])) continue;
        return false;
    }
    return !has_polymorphic || polymorphic_is_consistent(from, to, count);
}

// Reads a literal as a value of `type`.
static Status read_literal(
    Binder *binder, const Expression *literal, SqlType type, Expression **out) {
    Expression *made =
        expression_make(binder->arena, EXPRESSION_CONSTANT, sql_type(type.oid), literal->location);
    if (literal->constant.is_null) {
        made->constant = value_null();
        *out = made;
        return OK;
    }
    const ValueContext *context = binder->input->functions != NULL
                                      ? &binder->input->functions->values
                                      : value_context_default();
    // An interval's fields decide how its text is read; other modifiers are applied afterwards.
    SqlType read_as = sql_type(type.oid);
    if (type.oid == TYPE_INTERVAL) made->type = read_as = type;
    Bytes text = view_bytes(&literal->constant.datum.view);
    Status status = value_from_text(
        context, read_as, (const char *)text.data, text.count, binder->arena, &made->constant);
    if (status != OK) return binder_place(binder, literal->location, status);
    // The value may lie in the statement's text or in the literal's view, which moves.
    made->constant = value_copy(made->constant, type_physical(type.oid), binder->arena);
    *out = made;
    return OK;
}

static Status deduce_parameter(Binder *binder, Expression *parameter, SqlType type) {
    ParameterTypes *types = binder->input->parameters;
    uint32_t index = parameter->parameter;
    if (types == NULL || index >= types->count) {
        return fail_at(binder, parameter->location, UNDEFINED_PARAMETER,
            "there is no parameter $%u", index + 1);
    }
    Oid known = types->types[index];
    if (known != 0 && known != TYPE_UNKNOWN && known != type.oid) {
        Status status = fail_at(binder, parameter->location, AMBIGUOUS_PARAMETER,
            "inconsistent types deduced for parameter $%u", index + 1);
        error_add_detail(
            "%s versus %s", type_name_text(binder, known), type_name_text(binder, type.oid));
        return status;
    }
    types->types[index] = type.oid;
    parameter->type = sql_type(type.oid);
    return OK;
}

static Expression *make_unary(
    Binder *binder, ExpressionKind kind, SqlType type, Expression *argument, int32_t location) {
    Expression *made = expression_make(binder->arena, kind, type, location);
    made->arguments = arena_new_array(binder->arena, Expression *, 1);
    made->arguments[0] = argument;
    made->argument_count = 1;
    return made;
}

static Expression *make_cast_call(Binder *binder, Expression *argument, Oid function,
    SqlType target, CastContext context, int32_t location) {
    const FunctionInfo *info = function_find(function);
    uint32_t count = info == NULL ? 1 : info->argument_count;
    Expression **arguments = arena_new_array(binder->arena, Expression *, 3);
    arguments[0] = argument;
    if (count >= 2) arguments[1] = make_int4_constant(binder->arena, target.modifier, -1);
    if (count >= 3) {
        arguments[2] = expression_make(binder->arena, EXPRESSION_CONSTANT, sql_type(TYPE_BOOL), -1);
        arguments[2]->constant.datum.boolean = context == CAST_EXPLICIT;
    }
    Expression *made = make_call(binder->arena, function, 0, sql_type(target.oid), arguments,
        count < 3 ? count : 3, location);
    made->is_explicit = context == CAST_EXPLICIT;
    made->is_cast = true;
    return made;
}

// An array cast keeps the bytes when the elements do; otherwise elements go through their text,
// which is the same as their cast when it only widens.
static Status cast_array(Binder *binder, Expression *expression, SqlType target,
    CastContext context, int32_t location, Expression **out) {
    Oid source_element = type_element(expression->type.oid);
    Oid target_element = type_element(target.oid);
    Oid function;
    CastPath path = cast_path_find(target_element, source_element, context, &function);
    ExpressionKind kind = EXPRESSION_RELABEL;
    if (path != CAST_PATH_RELABEL) {
        const CastInfo *cast = cast_find(source_element, target_element);
        bool widens = cast != NULL && cast->context == 'i';
        if (!widens) return not_supported(binder, "casts of arrays that may lose digits", location);
        kind = EXPRESSION_CAST_BY_TEXT;
    }
    *out = make_unary(binder, kind, sql_type(target.oid), expression, location);
    (*out)->is_explicit = context == CAST_EXPLICIT;
    return OK;
}

Status coerce(Binder *binder, Expression *expression, SqlType target, CastContext context,
    int32_t location, Expression **out) {
    Oid source = expression->type.oid;
    *out = expression;
    if (source == target.oid || target.oid == TYPE_ANY) return OK;
    if (type_is_polymorphic(target.oid)) return OK;
    if (source == TYPE_UNKNOWN) {
        if (expression->kind == EXPRESSION_CONSTANT) {
            return read_literal(binder, expression, target, out);
        }
        if (expression->kind == EXPRESSION_PARAMETER) {
            return deduce_parameter(binder, expression, target);
        }
    }
    Oid function;
    CastPath path = cast_path_find(target.oid, source, context, &function);
    switch (path) {
    case CAST_PATH_FUNCTION:
        *out = make_cast_call(binder, expression, function, target, context, location);
        return OK;
    case CAST_PATH_RELABEL:
        *out = make_unary(binder, EXPRESSION_RELABEL, sql_type(target.oid), expression, location);
        (*out)->is_explicit = context == CAST_EXPLICIT;
        return OK;
    case CAST_PATH_TEXT:
        *out =
            make_unary(binder, EXPRESSION_CAST_BY_TEXT, sql_type(target.oid), expression, location);
        (*out)->is_explicit = context == CAST_EXPLICIT;
        return OK;
    case CAST_PATH_ARRAY:
        return cast_array(binder, expression, target, context, location, out);
    case CAST_PATH_NONE:
        break;
    }
    if (target.oid == TYPE_RECORD && type_is_composite(source)) return OK;
    return fail_at(binder, location, INTERNAL_ERROR,
        "failed to find conversion function from %s to %s", type_name_text(binder, source),
        type_name_text(binder, target.oid));
}

Status coerce_to_target(Binder *binder, Expression *expression, SqlType target, CastContext context,
    int32_t location, Expression **out) {
    *out = NULL;
    if (!can_coerce(&expression->type.oid, &target.oid, 1, context)) return OK;
    Expression *made;
    TRY(coerce(binder, expression, target, context, location, &made));
    if (target.modifier >= 0 && target.modifier != made->type.modifier) {
        const TypeOps *ops =
            type_ops(type_element(target.oid) != 0 ? type_element(target.oid) : target.oid);
        if (ops == NULL || ops->modifier_apply != NULL) {
            if (made != expression) made->is_explicit = false; // one cast was written, not two
            made = make_unary(binder, EXPRESSION_MODIFIER, target, made, location);
            made->is_explicit = context == CAST_EXPLICIT;
        } else {
            made->type.modifier = target.modifier;
        }
    }
    *out = made;
    return OK;
}

static Status require_not_set(Binder *binder, const Expression *expression, const char *construct) {
    if (expression_find_set(expression) == NULL) return OK;
    return fail_at(binder, expression_location(expression), DATATYPE_MISMATCH,
        "argument of %s must not return a set", construct);
}

Status coerce_to_boolean(Binder *binder, Expression **expression, const char *construct) {
    Expression *made = *expression;
    if (made->type.oid != TYPE_BOOL) {
        TRY(coerce_to_target(binder, *expression, sql_type(TYPE_BOOL), CAST_ASSIGNMENT, -1, &made));
        if (made == NULL) {
            return fail_at(binder, expression_location(*expression), DATATYPE_MISMATCH,
                "argument of %s must be type %s, not type %s", construct, "boolean",
                type_name_text(binder, (*expression)->type.oid));
        }
    }
    TRY(require_not_set(binder, made, construct));
    *expression = made;
    return OK;
}

Status coerce_to_type_named(
    Binder *binder, Expression **expression, Oid target, const char *construct) {
    Expression *made = *expression;
    if (made->type.oid != target) {
        TRY(coerce_to_target(binder, *expression, sql_type(target), CAST_ASSIGNMENT, -1, &made));
        if (made == NULL) {
            return fail_at(binder, expression_location(*expression), DATATYPE_MISMATCH,
                "argument of %s must be type %s, not type %s", construct,
                type_name_text(binder, target), type_name_text(binder, (*expression)->type.oid));
        }
    }
    TRY(require_not_set(binder, made, construct));
    *expression = made;
    return OK;
}

static bool is_one_way(Oid from, Oid to) {
    return can_coerce(&from, &to, 1, CAST_IMPLICIT) && !can_coerce(&to, &from, 1, CAST_IMPLICIT);
}

Status select_common_type(Binder *binder, Expression *const *expressions, uint32_t count,
    const char *construct, Oid *type_out) {
    Oid chosen = expressions[0]->type.oid;
    for (uint32_t i = 1; i < count; i++) {
        Oid type = expressions[i]->type.oid;
        if (type == TYPE_UNKNOWN || type == chosen) continue;
        if (chosen == TYPE_UNKNOWN) {
            chosen = type;
        } else if (type_category(type) != type_category(chosen)) {
            if (construct == NULL) {
                *type_out = 0;
                return OK;
            }
            return fail_at(binder, expression_location(expressions[i]), DATATYPE_MISMATCH,
                "%s types %s and %s cannot be matched", construct, type_name_text(binder, chosen),
                type_name_text(binder, type));
        } else if (!type_is_preferred(chosen) && is_one_way(chosen, type)) {
            chosen = type;
        }
    }
    *type_out = chosen == TYPE_UNKNOWN ? TYPE_TEXT : chosen;
    return OK;
}

Status coerce_to_common(Binder *binder, Expression **expression, Oid type, const char *construct) {
    Expression *given = *expression;
    if (given->type.oid == type) return OK;
    if (!can_coerce(&given->type.oid, &type, 1, CAST_IMPLICIT)) {
        return fail_at(binder, expression_location(given), CANNOT_COERCE,
            "%s could not convert type %s to %s", construct,
            type_name_text(binder, given->type.oid), type_name_text(binder, type));
    }
    return coerce(binder, given, sql_type(type), CAST_IMPLICIT, -1, expression);
}

int32_t select_common_modifier(Expression *const *expressions, uint32_t count, Oid type) {
    for (uint32_t i = 0; i < count; i++) {
        if (expressions[i]->type.oid != type
            || expressions[i]->type.modifier != expressions[0]->type.modifier) {
            return -1;
        }
    }
    return count == 0 ? -1 : expressions[0]->type.modifier;
}

Status resolve_unknown(Binder *binder, Expression **expression) {
    if ((*expression)->type.oid != TYPE_UNKNOWN) return OK;
    return coerce(binder, *expression, sql_type(TYPE_TEXT), CAST_IMPLICIT, -1, expression);
}
