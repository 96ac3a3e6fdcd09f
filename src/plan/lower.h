// Lowering: from a bound expression to a program over a layout.
//
// Model    An expression that the layout already has is its column. A column that the layout lacks
//          comes from outside and is read from a slot of the frame, which the planner gives. A
//          subquery becomes a callback that runs its subplan.
#pragma once

#include "plan/plan_node.h"

typedef struct Lowering Lowering;

struct Lowering {
    Arena *arena;
    const FunctionRegistry *registry;
    const Layout *layout; // NULL for none
    // Filled by the planner.
    void *planner;
    Status (*find_slot)(void *planner, const Expression *column, uint32_t *slot_out);
    Status (*plan_subquery)(void *planner, const Expression *subquery, Subplan **subplan_out);
};

// A program with one result an expression.
Status lower_expressions(const Lowering *lowering, Expression *const *expressions, uint32_t count,
    PlanProgram **program_out);

// A program with one boolean result: all of the conditions, in their order.
Status lower_conditions(const Lowering *lowering, Expression *const *conditions, uint32_t count,
    PlanProgram **program_out);
