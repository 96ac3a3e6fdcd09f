#include "execute/execute_internal.h"

bool plan_program_is_parallel(const PlanProgram *plan) {
    return plan == NULL || plan->is_parallel;
}

Status evaluator_make(Worker *worker, const PlanProgram *plan, Evaluator **evaluator_out) {
    *evaluator_out = NULL;
    if (plan == NULL) return OK;
    Execution *execution = worker->execution;
    ASSERT(worker->number == 0 || plan->is_parallel);

    Evaluator *evaluator = arena_new(worker->arena, Evaluator);
    void **closures = arena_new_array(worker->arena, void *, plan->subplan_count + 1);
    for (uint32_t i = 0; i < plan->subplan_count; i++) {
        SubplanClosure *closure;
        TRY(subplan_closure_make(execution, plan->subplans[i], &closure));
        closures[i] = closure;
    }
    *evaluator = (Evaluator){
        .execution = execution,
        .plan = plan,
        .frame_version = execution->frame_version,
        .result_count = program_result_count(plan->program),
    };
    evaluator->state = program_state_make(plan->program, worker->functions, execution->frame,
        execution->input.plan->slot_count, closures, worker->arena);
    *evaluator_out = evaluator;
    return OK;
}

static void evaluator_refresh(Evaluator *evaluator) {
    const Execution *execution = evaluator->execution;
    if (evaluator->frame_version == execution->frame_version) return;
    evaluator->frame_version = execution->frame_version;
    program_state_set_parameters(
        evaluator->state, execution->frame, execution->input.plan->slot_count);
}

Status evaluator_run(Evaluator *evaluator, const Batch *input, const Column **results_out) {
    evaluator_refresh(evaluator);
    return program_run(evaluator->state, input, results_out);
}

Status evaluator_select(
    Evaluator *evaluator, const Batch *input, uint16_t *rows_out, uint32_t *count_out) {
    evaluator_refresh(evaluator);
    return program_select(evaluator->state, input, rows_out, count_out);
}

Status evaluator_values(Evaluator *evaluator, Value *values_out) {
    evaluator_refresh(evaluator);
    return program_run_row(evaluator->state, NULL, 0, values_out);
}
