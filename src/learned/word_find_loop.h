// The functions of a WordFinder: a template, included by word_find.c once for each way to compare.
// The includer defines FIND_NAME(name), FIND_TARGET (attributes), FIND_MASKS(block, word) and
// FIND_SEGMENT(body, word).
#ifdef FIND_NAME

FIND_TARGET static inline bool FIND_NAME(locate)(
    const LearnedIndex *index, LeafEntry *entry, uint64_t word, WordPlace *place) {
    (void)index;
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
    if (segment_count > 1) {
        uint32_t segment = FIND_SEGMENT(body, segment_count, word);
        const uint8_t *lines = (const uint8_t *)body + leaf_lines_offset(segment_count);
        const LeafLine *line = (const LeafLine *)(const void *)lines + segment;
        first = body->firsts[segment];
        slope = line->slope;
        start = line->start;
    }
    uint64_t distance = word > first ? word - first : 0;
    double block = start + (double)distance * slope;
    double last = (double)(leaf_form_blocks(form) - 1);
    block = block > 0 ? block : 0; // in this order, so that no number is none
    block = block < last ? block : last;
    place->frame = frame;
    place->block_count = leaf_form_blocks(form);
    place->at = (uint32_t)block;
    place->blocks = (const uint8_t *)body + leaf_form_offset(form);
    return true;
}

// The block that may hold the word, and the lanes there that equal it; 0 when it is absent.
FIND_TARGET static inline bool FIND_NAME(search)(
    uint64_t word, WordPlace *place, uint32_t *equal_out) {
    int direction = 0;
    for (uint32_t step = 0; step <= NEIGHBOUR_BLOCK_MAX; step++) {
        const uint64_t *block = place_block(place, place->at);
        __builtin_prefetch(block + 8);
        LaneMasks masks = FIND_MASKS(block, word);
        uint32_t lanes = (UINT32_C(1) << (leaf_word(block) & 7)) - 1;
        *equal_out = masks.equal & lanes;
        if (*equal_out != 0) return true;
        if (lanes == 0) return false;
        uint32_t less = masks.less & lanes;
        // It moves one way at most: a step back would only find the gap that the key is not in.
        if (less == 0) {
            if (direction > 0 || place->at == 0) return true;
            direction = -1;
            place->at--;
        } else if (less == lanes) {
            if (direction < 0 || place->at + 1 >= place->block_count) return true;
            direction = 1;
            place->at++;
        } else {
            return true;
        }
    }
    return false;
}

FIND_TARGET static inline bool FIND_NAME(settle)(const LearnedIndex *index, uint64_t word,
    WordPlace *place, RowId *rows_out, uint32_t row_max, uint32_t *count_out, bool *more_out) {
    uint32_t equal;
    if (!FIND_NAME(search)(word, place, &equal)) return false;
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
            if (!run_is_whole(place, word, lane, lanes)) return false;
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
    return entry != NULL && FIND_NAME(locate)(index, entry, word, &place)
           && FIND_NAME(settle)(index, word, &place, rows_out, row_max, count_out, more_out);
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
        if (entries[i] == NULL || !FIND_NAME(locate)(index, entries[i], words[i], &places[i])) {
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
        if (!FIND_NAME(settle)(
                index, words[i], &places[i], &rows_out[i], 1, &row_count, &more_out[i])) {
            undecided |= UINT32_C(1) << i;
        } else if (row_count == 0) {
            rows_out[i] = ROW_ID_NONE;
        }
    }
    return undecided;
}

static const WordFinder FIND_NAME(finder) = {
    .find = FIND_NAME(find), .find_batch = FIND_NAME(find_batch)};

#endif
