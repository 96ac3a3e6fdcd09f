// Optimizing: from a bound query to a plan. Predicate push-down, join order, access paths: for each
// table access the router picks index or scan.
#pragma once

#include "bind/bind.h"
#include "plan/plan.h"

typedef enum ForcedPath { FORCE_NONE, FORCE_INDEX, FORCE_SCAN } ForcedPath;

typedef struct OptimizeInput {
    CatalogView *catalog;
    const FunctionContext *functions;
    ForcedPath forced_path; // omen.force_path
    const ParameterTypes *parameters;
    Arena *arena; // the plan lives here
} OptimizeInput;

Status optimize_query(const OptimizeInput *input, Query *query, Plan **plan_out);
