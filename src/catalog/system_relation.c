#include "catalog/system_relation.h"

#include "generated/catalog_columns.h"

// Index numbers are positions in this table; the names and OIDs are PostgreSQL's own.
const SystemStore system_stores[] = {
    {OID_OF_PG_NAMESPACE, {1}, 2,
        {{"pg_namespace_oid_index", 2685, true, 1, {PG_NAMESPACE_OID}},
            {"pg_namespace_nspname_index", 2684, true, 1, {PG_NAMESPACE_NSPNAME}}}},
    {OID_OF_PG_CLASS, {2}, 2,
        {{"pg_class_oid_index", 2662, true, 1, {PG_CLASS_OID}},
            {"pg_class_relname_nsp_index", 2663, true, 2,
                {PG_CLASS_RELNAME, PG_CLASS_RELNAMESPACE}}}},
    {OID_OF_PG_ATTRIBUTE, {3}, 1,
        {{"pg_attribute_relid_attnum_index", 2659, true, 2,
            {PG_ATTRIBUTE_ATTRELID, PG_ATTRIBUTE_ATTNUM}}}},
    {OID_OF_PG_TYPE, {4}, 2,
        {{"pg_type_oid_index", 2703, true, 1, {PG_TYPE_OID}},
            {"pg_type_typname_nsp_index", 2704, true, 2, {PG_TYPE_TYPNAME, PG_TYPE_TYPNAMESPACE}}}},
    {OID_OF_PG_INDEX, {5}, 2,
        {{"pg_index_indexrelid_index", 2679, true, 1, {PG_INDEX_INDEXRELID}},
            {"pg_index_indrelid_index", 2678, false, 1, {PG_INDEX_INDRELID}}}},
    {OID_OF_PG_CONSTRAINT, {6}, 2,
        {{"pg_constraint_oid_index", 2667, true, 1, {PG_CONSTRAINT_OID}},
            {"pg_constraint_conrelid_contypid_conname_index", 2665, true, 3,
                {PG_CONSTRAINT_CONRELID, PG_CONSTRAINT_CONTYPID, PG_CONSTRAINT_CONNAME}}}},
    {OID_OF_PG_ATTRDEF, {7}, 2,
        {{"pg_attrdef_oid_index", 2657, true, 1, {PG_ATTRDEF_OID}},
            {"pg_attrdef_adrelid_adnum_index", 2656, true, 2,
                {PG_ATTRDEF_ADRELID, PG_ATTRDEF_ADNUM}}}},
    {OID_OF_PG_SEQUENCE, {8}, 1,
        {{"pg_sequence_seqrelid_index", 5002, true, 1, {PG_SEQUENCE_SEQRELID}}}},
    {OID_OF_PG_DEPEND, {9}, 2,
        {{"pg_depend_depender_index", 2673, false, 3,
             {PG_DEPEND_CLASSID, PG_DEPEND_OBJID, PG_DEPEND_OBJSUBID}},
            {"pg_depend_reference_index", 2674, false, 3,
                {PG_DEPEND_REFCLASSID, PG_DEPEND_REFOBJID, PG_DEPEND_REFOBJSUBID}}}},
    {OID_OF_PG_DESCRIPTION, {10}, 1,
        {{"pg_description_o_c_o_index", 2675, true, 3,
            {PG_DESCRIPTION_OBJOID, PG_DESCRIPTION_CLASSOID, PG_DESCRIPTION_OBJSUBID}}}},
    {OID_OF_PG_AUTHID, {11}, 2,
        {{"pg_authid_oid_index", 2677, true, 1, {PG_AUTHID_OID}},
            {"pg_authid_rolname_index", 2676, true, 1, {PG_AUTHID_ROLNAME}}}},
};
const size_t system_store_count = sizeof system_stores / sizeof *system_stores;

const SystemStore *system_store_find(Oid relation) {
    for (size_t i = 0; i < system_store_count; i++)
        if (system_stores[i].relation == relation) return &system_stores[i];
    return NULL;
}

const SystemRelation *system_relation_find(Oid oid) {
    size_t low = 0, high = system_relation_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (system_relations[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < system_relation_count && system_relations[low].oid == oid ? &system_relations[low]
                                                                           : NULL;
}

const FunctionRest *function_rest_find(Oid oid) {
    size_t low = 0, high = function_rest_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (function_rests[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < function_rest_count && function_rests[low].oid == oid ? &function_rests[low]
                                                                       : NULL;
}
