// The table that tools/make_types.py makes of pg_type.tsv. For type.c alone.
#pragma once

#include "types/type.h"

extern const size_t type_fact_count;
extern const TypeInfo type_facts[];         // by OID
extern const char *const type_sql_names[];  // format_type without a modifier, beside type_facts
extern const uint16_t type_facts_by_name[]; // indexes into type_facts
