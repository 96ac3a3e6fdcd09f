// The functions of a WordFinder: a template, included by word_find.c once for each way to compare.
// The includer defines FIND_NAME(name), FIND_TARGET (attributes), FIND_MASKS(block, word),
// FIND_SEGMENT(body, count, word), FIND_PIVOTS(window, pivot, less_out, equal_out) and
// FIND_INSERT(block, count, lane, word, payload) and FIND_EMIT(block, lanes, rows_out, words_out).
#ifdef FIND_NAME

FIND_TARGET static inline bool FIND_NAME(locate)(
    LeafEntry *entry, uint64_t word, WordPlace *place) {
    const CacheFrame *frame = cache_find(&entry->cache);
    uint64_t form = atomic_load_explicit(&entry->hint.form, HINT_ORDER);
    if (__builtin_expect(frame == NULL || form == 0, 0)) return false;
    if (__builtin_expect(!latch_try_read(&frame->latch, &place->version), 0)) return false;
    uint64_t first = atomic_load_explicit(&entry->hint.first, HINT_ORDER);
    double slope = atomic_load_explicit(&entry->hint.slope, HINT_ORDER);
    double start = atomic_load_explicit(&entry->hint.start, HINT_ORDER);
    form = atomic_load_explicit(&entry->hint.form, HINT_ORDER);
    // The hint is this frame's: only who has it latched writes there. Nothing is followed before.
    if (__builtin_expect(!latch_read_is_valid(&frame->latch, place->version), 0)) return false;
    const LeafBody *body = leaf_body(frame);
    uint32_t segment_count = leaf_form_segments(form);
    uint32_t pivot = leaf_pivot_of(first, leaf_form_pivot_shift(form), word);
    uint64_t distance = word > first ? word - first : 0;
    if (segment_count > 1) {
        uint32_t segment = FIND_SEGMENT(body, segment_count, word);
        const uint8_t *lines = (const uint8_t *)body + leaf_lines_offset(segment_count);
        const LeafLine *line = (const LeafLine *)(const void *)lines + segment;
        first = body->firsts[segment];
        distance = word > first ? word - first : 0;
        slope = line->slope;
        start = line->start;
    }
    double guess = start + (double)distance * slope;
    double last = (double)(leaf_form_blocks(form) - 1);
    guess = guess > 0 ? guess : 0; // in this order, so that no number is none
    guess = guess < last ? guess : last;
    uint32_t likely = (uint32_t)(int)guess;
    uint32_t window = likely > LEAF_PIVOT_BEFORE ? likely - LEAF_PIVOT_BEFORE : 0;
    const uint8_t *pivots = (const uint8_t *)body + leaf_form_pivots_offset(form);
    place->blocks = (const uint8_t *)body + leaf_blocks_offset(segment_count);
    // Often the block is the likely one, which then need not wait for the pivots.
    __builtin_prefetch(place_block(place, likely));
    __builtin_prefetch(place_block(place, likely) + 8);
    uint32_t less, equal;
    FIND_PIVOTS((const uint32_t *)(const void *)pivots + window, pivot, &less, &equal);
    place->frame = frame;
    place->word = word;
    place->block_count = leaf_form_blocks(form);
    // Blocks that begin in the same pivot are walked to the left.
    uint32_t begun = less + equal;
    place->at = window + (begun > 0 ? begun - 1 : 0);
    place->tie_count = equal;
    // A window that does not reach both sides of the word says nothing.
    return (begun > 0 || window == 0)
           && (begun < LEAF_PIVOT_WINDOW || window + LEAF_PIVOT_WINDOW >= place->block_count);
}

// The block that may hold the word, and the lanes there that equal it; 0 when it is absent.
FIND_TARGET static inline bool FIND_NAME(search)(WordPlace *place, uint32_t *equal_out) {
    for (uint32_t step = 0;; step++) {
        const uint64_t *block = place_block(place, place->at);
        LaneMasks masks = FIND_MASKS(block, place->word);
        uint32_t lanes = (UINT32_C(1) << (leaf_word(block) & 7)) - 1;
        *equal_out = masks.equal & lanes;
        if (__builtin_expect(*equal_out != 0, 1)) return true;
        if (lanes == 0) return false;
        // The pivots are only so exact: the word may be before the block.
        if ((masks.less & lanes) != 0 || place->at == 0 || place->tie_count == 0) return true;
        if (step == TIE_BLOCK_MAX) return false;
        place->at--;
    }
}

FIND_TARGET static inline bool FIND_NAME(settle)(const LearnedIndex *index, WordPlace *place,
    RowId *rows_out, uint32_t row_max, uint32_t *count_out, bool *more_out) {
    uint32_t equal;
    if (!FIND_NAME(search)(place, &equal)) return false;
    uint32_t count = 0;
    bool has_more = false;
    if (equal != 0) {
        const uint64_t *payloads = place_block(place, place->at) + 8;
        uint32_t lane = (uint32_t)__builtin_ctz(equal);
        uint64_t payload = leaf_word(payloads + lane);
        if (index->options.is_unique) {
            if ((payload & 0xFFFF) != 0) return false; // a list
            rows_out[0] = (RowId){payload >> 16};
            count = 1;
        } else {
            uint32_t lanes = (uint32_t)__builtin_popcount(equal);
            if (!run_is_whole(place, lane, lanes)) return false;
            count = lanes < row_max ? lanes : row_max;
            has_more = lanes > row_max;
            for (uint32_t i = 0; i < count; i++)
                rows_out[i] = (RowId){leaf_word(payloads + lane + i) >> 16};
        }
    }
    if (!latch_read_is_valid(&place->frame->latch, place->version)) return false;
    cache_touch((CacheFrame *)(uintptr_t)place->frame);
    *count_out = count;
    *more_out = has_more;
    return true;
}

FIND_TARGET static bool FIND_NAME(find)(const LearnedIndex *index, uint64_t word, RowId *rows_out,
    uint32_t row_max, uint32_t *count_out, bool *more_out) {
    WordPlace place;
    LeafEntry *entry = route_word(index, word);
    return entry != NULL && FIND_NAME(locate)(entry, word, &place)
           && FIND_NAME(settle)(index, &place, rows_out, row_max, count_out, more_out);
}

FIND_TARGET static uint32_t FIND_NAME(find_batch)(const LearnedIndex *index, const uint64_t *words,
    uint32_t count, RowId *rows_out, bool *more_out) {
    LeafEntry *entries[WORD_BATCH_COUNT];
    WordPlace places[WORD_BATCH_COUNT];
    uint32_t undecided = 0;
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = route_word(index, words[i]);
        __builtin_prefetch(entries[i]); // of NULL it does nothing
    }
    for (uint32_t i = 0; i < count; i++) {
        if (entries[i] == NULL || !FIND_NAME(locate)(entries[i], words[i], &places[i])) {
            undecided |= UINT32_C(1) << i;
            continue;
        }
        const uint64_t *block = place_block(&places[i], places[i].at);
        __builtin_prefetch(block);
        __builtin_prefetch(block + 8);
    }
    for (uint32_t i = 0; i < count; i++) {
        if ((undecided >> i & 1) != 0) continue;
        uint32_t row_count;
        if (!FIND_NAME(settle)(index, &places[i], &rows_out[i], 1, &row_count, &more_out[i])) {
            undecided |= UINT32_C(1) << i;
        } else if (row_count == 0) {
            rows_out[i] = ROW_ID_NONE;
        }
    }
    return undecided;
}

FIND_TARGET static bool FIND_NAME(add)(CacheFrame *frame, uint64_t word, uint64_t row) {
    LeafBody *body = leaf_body(frame);
    uint32_t block_count = atomic_load_explicit(&body->block_count, memory_order_relaxed);
    uint32_t segment = 0, less, equal;
    if (body->segment_count > 1) segment = FIND_SEGMENT(body, body->segment_count, word);
    uint32_t guess = leaf_line_predict(body, segment, word, block_count);
    uint32_t window = guess > LEAF_PIVOT_BEFORE ? guess - LEAF_PIVOT_BEFORE : 0;
    uint32_t pivot = leaf_pivot_of(body->pivot_base, body->pivot_shift, word);
    uint32_t *pivots = leaf_pivots(body);
    FIND_PIVOTS(pivots + window, pivot, &less, &equal);
    uint32_t begun = less + equal, at = window + (begun > 0 ? begun - 1 : 0);
    if (begun == 0 && window > 0) return false;
    if (begun == LEAF_PIVOT_WINDOW && window + LEAF_PIVOT_WINDOW < block_count) return false;
    uint8_t *blocks = (uint8_t *)body + leaf_blocks_offset(body->segment_count);
    uint64_t *block = (uint64_t *)(void *)(blocks + (size_t)at * 128);
    LaneMasks masks = FIND_MASKS(block, word);
    uint32_t count = (uint32_t)(leaf_word(block) & 7), lanes = (UINT32_C(1) << count) - 1;
    if (count == 0 || count == LEAF_LANE_COUNT || (masks.equal & lanes) != 0) return false;
    uint32_t lane = (uint32_t)__builtin_popcount(masks.less & lanes);
    if (lane == 0) {
        if (at > 0) return false; // it may belong to the block before
        __atomic_store_n(pivots, pivot, __ATOMIC_RELAXED);
    }
    FIND_INSERT(block, count, lane, word, row << 16);
    body->pair_count++;
    return true;
}

FIND_TARGET static uint32_t FIND_NAME(emit)(const uint8_t *blocks, uint32_t *block, uint32_t end,
    uint32_t room, RowId *rows_out, uint64_t *words_out) {
    uint32_t count = 0, at = *block;
    for (; at < end && count + LEAF_LANE_COUNT <= room; at++) {
        const uint64_t *words = (const uint64_t *)(const void *)(blocks + (size_t)at * 128);
        __builtin_prefetch(words + AHEAD_BLOCKS * 16);
        __builtin_prefetch(words + AHEAD_BLOCKS * 16 + 8);
        uint32_t lanes = (uint32_t)(leaf_word(words) & 7);
        if (!FIND_EMIT(
                words, lanes, rows_out + count, words_out == NULL ? NULL : words_out + count)) {
            break;
        }
        count += lanes;
    }
    *block = at;
    return count;
}

static const WordFinder FIND_NAME(finder) = {
    .find = FIND_NAME(find),
    .find_batch = FIND_NAME(find_batch),
    .add = FIND_NAME(add),
    .emit = FIND_NAME(emit),
};

#endif
