// Sequences: values that survive rollback.
//
// Model    The state changes at once, for everybody. Each change is also logged with the
//          transaction that made it, as the whole state with a rising version, so that a committed
//          transaction's values are never given out again after a crash; recovery takes the state
//          with the highest version. What only unfinished transactions drew may come again.
#include "base/assert.h"
#include "base/error.h"
#include "table/table_internal.h"

#include <stdlib.h>

static Sequence **bucket(TableSet *set, Oid oid) {
    return &set->sequences[oid % SEQUENCE_BUCKET_COUNT];
}

Sequence *sequence_find(TableSet *set, Oid oid) {
    mutex_lock(&set->mutex);
    Sequence *sequence = *bucket(set, oid);
    while (sequence != NULL && sequence->oid != oid)
        sequence = sequence->next;
    mutex_unlock(&set->mutex);
    return sequence;
}

static Status sequence_require(TableSet *set, Oid oid, Sequence **sequence_out) {
    *sequence_out = sequence_find(set, oid);
    if (*sequence_out != NULL) return OK;
    return fail(UNDEFINED_TABLE, "sequence with OID %u does not exist", oid);
}

Status sequence_add(TableSet *set, Oid oid, const SequenceState *state, Sequence **sequence_out) {
    Sequence *sequence = calloc(1, sizeof *sequence);
    if (sequence == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    sequence->oid = oid;
    sequence->state = *state;
    mutex_init(&sequence->mutex, LATCH_RANK_TABLE_SET);
    mutex_lock(&set->mutex);
    sequence->next = *bucket(set, oid);
    *bucket(set, oid) = sequence;
    mutex_unlock(&set->mutex);
    *sequence_out = sequence;
    return OK;
}

void sequence_remove(TableSet *set, Sequence *sequence) {
    mutex_lock(&set->mutex);
    Sequence **link = bucket(set, sequence->oid);
    while (*link != sequence)
        link = &(*link)->next;
    *link = sequence->next;
    mutex_unlock(&set->mutex);
    mutex_deinit(&sequence->mutex);
    free(sequence);
}

// What an action is about: the set is needed to find the bucket.
typedef struct SequenceAction {
    TableSet *set;
    Oid oid;
} SequenceAction;

static Status action_add(TableSet *set, Txn *txn, Oid oid,
    void (*on_commit)(void *argument, Lsn commit), void (*on_rollback)(void *argument)) {
    SequenceAction *action = malloc(sizeof *action);
    if (action == NULL) return fail(OUT_OF_MEMORY, "out of memory");
    *action = (SequenceAction){.set = set, .oid = oid};
    txn_add_action(
        txn, (TxnAction){.on_commit = on_commit, .on_rollback = on_rollback, .argument = action});
    return OK;
}

static void create_committed(void *argument, Lsn commit) {
    SequenceAction *action = argument;
    Sequence *sequence = sequence_find(action->set, action->oid);
    if (sequence != NULL) birth_done(&sequence->birth, commit);
    free(action);
}

static void create_rolled_back(void *argument) {
    SequenceAction *action = argument;
    Sequence *sequence = sequence_find(action->set, action->oid);
    if (sequence != NULL) sequence_remove(action->set, sequence);
    free(action);
}

static void drop_committed(void *argument, [[maybe_unused]] Lsn commit) {
    create_rolled_back(argument);
}

static void drop_rolled_back(void *argument) {
    free(argument);
}

Status table_sequence_create(TableSet *set, Txn *txn, Oid oid, const SequenceState *state) {
    TRY(undo_reserve(txn, 0));
    Sequence *sequence;
    TRY(sequence_add(set, oid, state, &sequence));
    birth_begin(&sequence->birth, txn);
    sequence->version = 1;
    Status status = action_add(set, txn, oid, create_committed, create_rolled_back);
    if (status != OK) {
        sequence_remove(set, sequence);
        return status;
    }
    return redo_sequence(txn, oid, sequence->version, state);
}

Status table_sequence_drop(TableSet *set, Txn *txn, Oid oid) {
    Sequence *sequence;
    TRY(sequence_require(set, oid, &sequence));
    TRY(redo_number(txn, REDO_DROP_SEQUENCE, oid, 0));
    return action_add(set, txn, oid, drop_committed, drop_rolled_back);
}

// The value after `last_value`; under the sequence's mutex.
static Status advance(SequenceState *state) {
    if (!state->is_called) {
        state->is_called = true;
        return OK;
    }
    int64_t next;
    bool is_beyond = __builtin_add_overflow(state->last_value, state->increment, &next)
                     || next > state->maximum || next < state->minimum;
    if (!is_beyond) {
        state->last_value = next;
        return OK;
    }
    if (state->is_cycled) {
        state->last_value = state->increment > 0 ? state->minimum : state->maximum;
        return OK;
    }
    return fail(SEQUENCE_GENERATOR_LIMIT_EXCEEDED, "nextval: reached %s value of sequence (%lld)",
        state->increment > 0 ? "maximum" : "minimum",
        (long long)(state->increment > 0 ? state->maximum : state->minimum));
}

Status table_sequence_next(TableSet *set, Txn *txn, Oid oid, int64_t *value_out) {
    Sequence *sequence;
    TRY(sequence_require(set, oid, &sequence));
    mutex_lock(&sequence->mutex);
    Status status = advance(&sequence->state);
    if (status == OK) {
        status = redo_sequence(txn, oid, ++sequence->version, &sequence->state);
        *value_out = sequence->state.last_value;
    }
    mutex_unlock(&sequence->mutex);
    return status;
}

Status table_sequence_set(TableSet *set, Txn *txn, Oid oid, int64_t value, bool is_called) {
    Sequence *sequence;
    TRY(sequence_require(set, oid, &sequence));
    mutex_lock(&sequence->mutex);
    SequenceState *state = &sequence->state;
    Status status = OK;
    if (value < state->minimum || value > state->maximum) {
        status = fail(NUMERIC_VALUE_OUT_OF_RANGE,
            "setval: value %lld is out of bounds for sequence (%lld..%lld)", (long long)value,
            (long long)state->minimum, (long long)state->maximum);
    } else {
        state->last_value = value;
        state->is_called = is_called;
        status = redo_sequence(txn, oid, ++sequence->version, state);
    }
    mutex_unlock(&sequence->mutex);
    return status;
}

Status table_sequence_get(TableSet *set, Oid oid, SequenceState *state_out) {
    Sequence *sequence;
    TRY(sequence_require(set, oid, &sequence));
    mutex_lock(&sequence->mutex);
    *state_out = sequence->state;
    mutex_unlock(&sequence->mutex);
    return OK;
}
