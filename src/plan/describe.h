// The text of a plan's expressions, for EXPLAIN: near PostgreSQL's, without promising it.
#pragma once

#include "base/text.h"
#include "plan/plan_node.h"

void plan_describe_conditions(
    const Query *query, Expression *const *conditions, uint32_t count, Text *out);
void plan_describe_column(const Query *query, const LayoutColumn *column, Text *out);
