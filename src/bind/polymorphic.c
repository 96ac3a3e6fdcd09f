// Polymorphic functions: anyelement and its kind, bound to the types of the arguments.
//
// Source  PostgreSQL 15, section 38.2.5 for the rules.
#include "bind/bind_internal.h"

// What the arguments say so far; 0 is unknown.
typedef struct Family {
    Oid element, array, range;
    Oid compatible, compatible_array, compatible_range;
    bool needs_non_array, needs_enum, compatible_needs_non_array;
    bool is_used, compatible_is_used;
    bool has_unknown_compatible;
} Family;

static bool join_types(Oid *known, Oid actual) {
    if (*known != 0 && *known != actual) return false;
    *known = actual;
    return true;
}

// The common type of two compatible arguments, 0 when there is none.
static Oid common_type(Oid chosen, Oid type) {
    if (chosen == 0 || chosen == type) return type;
    if (type_category(chosen) != type_category(type)) return 0;
    bool forward = can_coerce(&chosen, &type, 1, CAST_IMPLICIT);
    bool backward = can_coerce(&type, &chosen, 1, CAST_IMPLICIT);
    if (!type_is_preferred(chosen) && forward && !backward) return type;
    return backward ? chosen : forward ? type : 0;
}

// What went wrong, in words for the error, or NULL.
typedef struct Misfit {
    const char *message;
    Oid a, b;
} Misfit;

static bool misfit(Misfit *misfit_out, const char *message, Oid a, Oid b) {
    *misfit_out = (Misfit){message, a, b};
    return false;
}

static bool family_add(Family *family, Oid actual, Oid declared, Misfit *misfit_out) {
    switch (declared) {
    case TYPE_ANYNONARRAY:
    case TYPE_ANYENUM:
    case TYPE_ANYELEMENT: {
        family->is_used = true;
        if (declared == TYPE_ANYNONARRAY) family->needs_non_array = true;
        if (declared == TYPE_ANYENUM) family->needs_enum = true;
        if (actual == TYPE_UNKNOWN) return true;
        Oid before = family->element;
        if (join_types(&family->element, actual)) return true;
        return misfit(
            misfit_out, "arguments declared \"anyelement\" are not all alike", before, actual);
    }
    case TYPE_ANYARRAY: {
        family->is_used = true;
        if (actual == TYPE_UNKNOWN) return true;
        Oid before = family->array;
        if (join_types(&family->array, actual)) return true;
        return misfit(
            misfit_out, "arguments declared \"anyarray\" are not all alike", before, actual);
    }
    case TYPE_ANYRANGE:
        family->is_used = true;
        return actual == TYPE_UNKNOWN || join_types(&family->range, actual);
    case TYPE_ANYCOMPATIBLE:
    case TYPE_ANYCOMPATIBLENONARRAY: {
        family->compatible_is_used = true;
        if (declared == TYPE_ANYCOMPATIBLENONARRAY) family->compatible_needs_non_array = true;
        if (actual == TYPE_UNKNOWN) {
            family->has_unknown_compatible = true;
            return true;
        }
        Oid joined = common_type(family->compatible, actual);
        if (joined == 0) {
            return misfit(misfit_out,
                "arguments of anycompatible family cannot be cast to a "
                "common type",
                family->compatible, actual);
        }
        family->compatible = joined;
        return true;
    }
    case TYPE_ANYCOMPATIBLEARRAY: {
        family->compatible_is_used = true;
        if (actual == TYPE_UNKNOWN) return true;
        Oid element = type_element(actual);
        if (element == 0) {
            return misfit(misfit_out,
                "argument declared anycompatiblearray is not an array but type", actual, 0);
        }
        Oid joined = common_type(family->compatible, element);
        if (joined == 0) {
            return misfit(misfit_out,
                "arguments of anycompatible family cannot be cast to a "
                "common type",
                family->compatible, element);
        }
        family->compatible = joined;
        family->compatible_array = actual;
        return true;
    }
    case TYPE_ANYCOMPATIBLERANGE:
        family->compatible_is_used = true;
        return actual == TYPE_UNKNOWN || join_types(&family->compatible_range, actual);
    case TYPE_ANYCOMPATIBLEMULTIRANGE:
        return actual == TYPE_UNKNOWN;
    default:
        return true;
    }
}

static bool family_settle(Family *family, Misfit *misfit_out) {
    if (family->array != 0) {
        Oid element =
            family->array == TYPE_ANYARRAY ? TYPE_ANYELEMENT : type_element(family->array);
        if (element == 0) {
            return misfit(misfit_out, "argument declared anyarray is not an array but type",
                family->array, 0);
        }
        if (family->element == 0) {
            family->element = element;
        } else if (family->element != element) {
            return misfit(misfit_out,
                "argument declared anyarray is not consistent with argument "
                "declared anyelement",
                family->array, family->element);
        }
    }
    if (family->range != 0) {
        const TypeInfo *info = type_find(family->range);
        if (info == NULL || info->kind != 'r') {
            return misfit(misfit_out, "argument declared anyrange is not a range type but type",
                family->range, 0);
        }
    }
    if (family->needs_non_array && family->element != 0 && family->element != TYPE_ANYELEMENT
        && type_element(family->element) != 0 && type_category(family->element) == 'A') {
        return misfit(
            misfit_out, "type matched to anynonarray is an array type", family->element, 0);
    }
    if (family->needs_enum && family->element != 0) {
        const TypeInfo *info = type_find(family->element);
        if (info == NULL || info->kind != 'e') {
            return misfit(
                misfit_out, "type matched to anyenum is not an enum type", family->element, 0);
        }
    }
    if (family->compatible_needs_non_array && family->compatible != 0
        && type_category(family->compatible) == 'A') {
        return misfit(misfit_out, "type matched to anycompatiblenonarray is an array type",
            family->compatible, 0);
    }
    return true;
}

static bool family_make(
    const Oid *actual, const Oid *declared, uint32_t count, Family *family, Misfit *misfit_out) {
    *family = (Family){0};
    for (uint32_t i = 0; i < count; i++) {
        if (!family_add(family, actual[i], declared[i], misfit_out)) return false;
    }
    return family_settle(family, misfit_out);
}

bool polymorphic_is_consistent(const Oid *actual, const Oid *declared, uint32_t count) {
    Family family;
    Misfit ignored = {0};
    return family_make(actual, declared, count, &family, &ignored);
}

static Oid family_type(const Family *family, Oid declared) {
    switch (declared) {
    case TYPE_ANYELEMENT:
    case TYPE_ANYNONARRAY:
    case TYPE_ANYENUM:
        return family->element;
    case TYPE_ANYARRAY:
        if (family->array != 0) return family->array;
        return family->element == 0 ? 0 : type_array(family->element);
    case TYPE_ANYRANGE:
        return family->range;
    case TYPE_ANYCOMPATIBLE:
    case TYPE_ANYCOMPATIBLENONARRAY:
        return family->compatible;
    case TYPE_ANYCOMPATIBLEARRAY:
        if (family->compatible == 0) return 0;
        if (family->compatible_array != 0
            && type_element(family->compatible_array) == family->compatible) {
            return family->compatible_array;
        }
        return type_array(family->compatible);
    case TYPE_ANYCOMPATIBLERANGE:
        return family->compatible_range;
    default:
        return declared;
    }
}

Status resolve_polymorphic(Binder *binder, const Oid *actual, Oid *declared, uint32_t count,
    Oid result, int32_t location, Oid *result_out) {
    Family family;
    Misfit problem = {0};
    if (!family_make(actual, declared, count, &family, &problem)) {
        Status status = fail_at(binder, location, DATATYPE_MISMATCH, "%s%s%s",
            problem.message == NULL ? "argument types do not match" : problem.message,
            problem.b == 0 && problem.a != 0 ? " " : "",
            problem.b == 0 && problem.a != 0 ? type_name_text(binder, problem.a) : "");
        if (problem.b != 0) {
            error_add_detail("%s versus %s", type_name_text(binder, problem.a),
                type_name_text(binder, problem.b));
        }
        return status;
    }
    // With unknown arguments alone, the compatible family falls back to text.
    if (family.compatible_is_used && family.compatible == 0) family.compatible = TYPE_TEXT;
    if (family.is_used && family.element == 0 && family.array == 0 && family.range == 0) {
        return fail_at(binder, location, DATATYPE_MISMATCH,
            "could not determine polymorphic type because input has type unknown");
    }
    for (uint32_t i = 0; i < count; i++) {
        if (type_is_polymorphic(declared[i])) declared[i] = family_type(&family, declared[i]);
    }
    Oid type = family_type(&family, result);
    if (type == 0) {
        return fail_at(binder, location, UNDEFINED_OBJECT,
            "could not find array type for data type %s",
            type_name_text(binder, family.element != 0 ? family.element : family.compatible));
    }
    *result_out = type;
    return OK;
}
