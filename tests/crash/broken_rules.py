#!/usr/bin/env python3
"""Builds that break one storage rule each must be caught by a test.
Usage: tests/crash/broken_rules.py BUILD_FOLDER [NAME...]

A name starts with the finding's number in the design's storage rules (docs/testing.md has the list).
Each entry changes one place of one source; that file alone is compiled, and linked before the
module's library, so that it takes the place of the right one. Exits 1 when a test passes."""
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

# name, source, what stands there, what it becomes, test
RULES = [
    ("13: new log files are not named durably", "src/wal/folder.c",
     "TRY(folder_sync(files, folder->path));", "", "wal_crash"),
    ("13: a torn tail is written over", "src/wal/wal.c",
     "    if (end_is_torn) {\n        uint64_t probed",
     "    start = wal_round_up(start, WAL_SECTOR_BYTES);\n    if (false) {\n        uint64_t probed", "wal_crash"),
    ("13: the log is not synced before it is read", "src/wal/reader.c",
     "if (status == OK) status = file_sync(reader->file);", "", "wal_crash"),
    ("13: a record's position is not checked", "src/wal/reader.c",
     "if (header.lsn != position) return OK;", "", "wal_crash"),
    ("15: a commit is acknowledged before its flush", "src/wal/wal.c",
     "TRY(wal_folder_write(wal->folder, from, wal->ring + offset, (size_t)count));", "(void)offset;", "wal_crash"),
    ("13: a flush does not close its sector", "src/wal/wal.c",
     "        has_pad = reserve_pad(wal, &pad);\n        wal->flushing_to = pad.end.value;",
     "        wal->flushing_to = wal_round_up(filled_position(wal), WAL_SECTOR_BYTES);\n"
     "        atomic_store(&wal->tail, wal->flushing_to);", "wal_crash"),
    ("12: the data is not synced before the root", "src/store/store.c",
     "    TRY(sync_or_fail(store));\n    Status status = write_superblocks", "    Status status = write_superblocks", "store_crash"),
    ("12: the root is not synced", "src/store/store.c",
     "        return status;\n    }\n    return sync_or_fail(store);", "        return status;\n    }\n    return OK;", "store_crash"),
    ("12: both generations share their slots", "src/store/store.c",
     "uint64_t offset = superblock_offset(root->generation);", "uint64_t offset = superblock_offset(0);", "store_crash"),
    ("12: what a durable root names is given out again", "src/store/store.c",
     "    list_add(store->is_making_root ? &store->freed_late : &store->freed, ref);",
     "    block_map_give(&store->map, extent_first_block(ref), extent_block_count(ref));", "store_crash"),
    ("12: what is freed while a root is made is released with it", "src/store/store.c",
     "store->is_making_root ? &store->freed_late : &store->freed, ref", "&store->freed, ref", "store_crash"),
    ("13: a file is served before it is synced", "src/store/store.c",
     "    TRY(file_sync(store->file));\n    uint64_t file_bytes;", "    uint64_t file_bytes;", "store_crash"),
    ("01: redo forgets transactions that are streamed and open", "src/engine/checkpoint.c",
     "root.redo = txn_system_redo_lsn(database->txns, snapshot.lsn);", "root.redo = snapshot.lsn;",
     "database_crash"),
    ("13: a root is published before its CHECKPOINT_BEGIN is durable", "src/engine/checkpoint.c",
     "Status status = wal_wait_durable(database->wal, begin_end);", "Status status = OK;\n    (void)begin_end;",
     "database_crash"),
    ("13: a clean root is not marked as in use", "src/engine/database.c",
     "    TRY(store_publish(database->store, root));\n", "", "database_crash"),
    ("12: a page counts as clean that has changes newer than its image", "src/rows/image.c",
     "if (is_unchanged && !image->is_newer) {", "if (is_unchanged) {", "database_crash"),
    ("12: a page that stays dirty counts as looked at", "src/rows/image.c",
     "                page_changed(place, page_of(frame));", "                (void)place;", "database_crash"),
    ("02: what was rolled back to a savepoint is replayed", "src/engine/replay.c",
     "if (from < previous || to < from", "from = previous;\n        if (from < previous || to < from", "database_crash"),
    ("12: pages of a moved snapshot are taken for exact", "src/engine/replay.c",
     "record->end.value <= replay->root->image.value;", "false;", "database_crash"),
    ("13: an older root is opened than the log knows of", "src/engine/replay.c",
     "if (generation <= root->generation) return OK;", "return OK;", "crash_points"),
    ("13: CHECKPOINT_END is not logged again when a crash has come before it", "src/engine/database.c",
     "if (!scan.has_end) TRY(checkpoint_log_end(database, root->generation));", "", "crash_points"),
    ("13: a root closed in order is opened beside the log of a newer one", "src/engine/database.c",
     "TRY(replay_check_clean(database, root));", "", "crash_points"),
    ("13: a sequence is not replayed", "src/table/replay.c",
     "if (version > sequence->version) {", "if (false) {", "crash_points"),
    ("03: what was read of a leaf is not validated", "src/learned/learned_index.c",
     "} else if (!latch_read_is_valid(&read->frame->latch, read->version)) {", "} else if (false) {", "learned_threads"),
    ("04: a leaf is changed before its image is captured", "src/learned/checkpoint.c",
     "    if (epoch == 0 || atomic_load_explicit(&entry->captured", "    if (true || atomic_load_explicit(&entry->captured",
     "learned_checkpoint"),
    ("06: an index holds one row of a key", "src/learned/leaf_change.c",
     "            LeafOutcome outcome = list_add(&view, body, found, pair->row);", "            LeafOutcome outcome = LEAF_PRESENT;",
     "table"),
    ("07: a rival that is not decided counts as one that is", "src/rows/read.c",
     "return is_pending ? ROW_KEY_PENDING : ROW_KEY_LIVE;", "return ROW_KEY_LIVE;", "table_threads"),
    ("08: an entry's removal is decided without the leaf's latch", "src/learned/learned_index.c",
     "        KeyState state = probe->is_needed(probe->argument, key, row);",
     "        unlatch_leaf(index, frame);\n        KeyState state = probe->is_needed(probe->argument, key, row);\n"
     "        if (latch_leaf(index, &pair, &entry, &frame) != OK) return;", "storage_rules"),
    ("09: the keys of records that are cut with one stay", "src/table/index.c",
     "at != NULL; at = row_store_purge_next(at)) {", "at != NULL; at = NULL) {", "storage_rules"),
    ("09: a clean close leaves what was to be collected", "src/engine/database.c",
     "while (txn_system_collect(database->txns, CLOSING_COLLECT_RECORDS)) {", "while (false) {", "storage_rules"),
    ("10: an index leaf that cannot be loaded ends the program", "src/learned/learned_index.c",
     "        forget_exact(index, &pair);\n        return;", "        abort();", "storage_rules"),
    ("11: the collector passes a snapshot that is being taken", "src/txn/system.c",
     "        if (slot == SLOT_PENDING) return (Lsn){atomic_load(&system->oldest)};\n", "", "txn"),
    ("14: a waiter waits for the end of the other's session", "src/txn/wait.c",
     "while (!is_over(history, id) && atomic_load(&history->wake) == seen) {",
     "while (atomic_load(&history->id) == id.value && !atomic_load(&history->is_ended)) {", "storage_rules"),
    ("14: a history that is used again is taken for the one before", "src/txn/wait.c",
     "return atomic_load(&history->id) != id.value || atomic_load(&history->commit) != 0",
     "(void)id;\n    return atomic_load(&history->commit) != 0", "txn"),
    ("15: an asynchronous commit is not visible before its flush", "src/txn/system.c",
     "        wal_wait_filled(system->wal, commit);\n    }\n    system_raise_visible(system, commit);",
     "        wal_wait_filled(system->wal, commit);\n        return OK;\n    }\n    system_raise_visible(system, commit);",
     "storage_rules"),
    ("16: a batch does not keep the page that it borrows from", "src/rows/read.c",
     "    if (!latch_read_is_valid(&frame->latch, version) || (has_long && !cache_pin(frame))) {",
     "    has_long = false;\n    if (!latch_read_is_valid(&frame->latch, version)) {", "storage_rules"),
    ("16: a frame that was replaced can be latched", "src/store/cache.c",
     "latch_unlock_obsolete(&frame->latch, frame->kind->rank);", "latch_unlock(&frame->latch, frame->kind->rank);",
     "storage_rules"),
    ("17: a page that is large takes new rows", "src/rows/write.c",
     "page_header(page)->bytes >= ROW_PAGE_INSERT_BYTES_MAX", "false", "storage_rules"),
    ("18: an index is used by snapshots older than it", "src/table/read.c",
     "    if (birth_commit(&index->birth) <= snapshot.lsn.value) return true;", "    return true;", "storage_rules"),
    ("18: a dropped table is freed under a checkpoint", "src/table/table_set.c",
     "set->checkpoint == NULL && *link != NULL;", "*link != NULL;", "storage_rules"),
    ("18: a weak locker does not look for strong ones", "src/txn/object_lock.c",
     "    if (atomic_load_explicit(strong, memory_order_relaxed) != 0) return false;\n"
     "    _Atomic uint64_t *slot = fast_find(txn, object);",
     "    _Atomic uint32_t none = 0;\n    strong = &none;\n    _Atomic uint64_t *slot = fast_find(txn, object);", "txn"),
    ("19: a limit does not bound what is read for it", "src/execute/limit.c",
     "    return !self->is_unlimited && self->left < row_max ? (uint32_t)self->left : row_max;", "    return row_max;",
     "session"),
    ("21: lock waiters do not hear of the log's failure", "src/txn/wait.c",
     "        if (wal_is_failed(txn->system->wal)) {", "        if (false) {", "storage_rules"),
    ("21: a commit reserves without credit", "src/txn/redo.c",
     "    TRY(wal_credit_acquire(wal, body_bytes));\n", "", "storage_rules"),
]


def build_and_run(build, commands, rule, folder):
    name, source, old, new, test = rule
    text = pathlib.Path(source).read_text(encoding="utf-8")
    if text.count(old) != 1:
        return f"its line is there {text.count(old)} times"
    broken = folder / pathlib.Path(source).name
    broken.write_text(text.replace(old, new), encoding="utf-8")
    entry = next(c for c in commands if c["file"].endswith(source))
    compile_line = [part for part in shlex.split(entry["command"]) if part != "-Werror"]
    at = compile_line.index("-o")
    compile_line[at + 1] = str(folder / "broken.o")
    compile_line[compile_line.index("-c") + 1] = str(broken)
    for flag in ("-MD", "-MQ", "-MF"):
        if flag in compile_line:
            at = compile_line.index(flag)
            del compile_line[at:at + (1 if flag == "-MD" else 2)]
    made = subprocess.run(compile_line + ["-w"], cwd=build, capture_output=True, text=True, check=False)
    if made.returncode:
        return "it does not compile:\n" + made.stderr
    program = test if test == "crash_points" else test + "_test"
    objects = [str(path) for path in build.glob(f"**/{program}.p/*.o")]
    libraries = [str(path) for path in build.glob("src/*/lib*.a")]
    link_line = ["cc", *objects, str(folder / "broken.o"), "-Wl,--start-group", *libraries, "-Wl,--end-group",
                 "-lcmocka", "-lxxhash", "-lzstd", "-lm", "-lpg_query", "-pthread", "-o", str(folder / "broken_test")]
    made = subprocess.run(link_line, cwd=build, capture_output=True, text=True, check=False)
    if made.returncode:
        return "it does not link:\n" + made.stderr
    try:
        few = {"database_crash": ["1"], "crash_points": ["--rounds", "3"]}.get(test, [])
        # What is freed does not stay what it was.
        run = subprocess.run([str(folder / "broken_test"), *few], capture_output=True, timeout=300, check=False,
                             env={**os.environ, "MALLOC_PERTURB_": "75"})
    except subprocess.TimeoutExpired:
        return "the test did not end in 300 s, so nothing is known"
    return None if run.returncode else "the test passes"


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    os.chdir(pathlib.Path(__file__).resolve().parents[2])  # the sources above are named from there
    commands = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    wanted = sys.argv[2:]
    failures = 0
    for rule in RULES:
        if wanted and not any(word in rule[0] for word in wanted):
            continue
        with tempfile.TemporaryDirectory() as folder:
            problem = build_and_run(build, commands, rule, pathlib.Path(folder))
        print(f"{'caught' if problem is None else 'MISSED'}  {rule[0]}" + (f": {problem}" if problem else ""))
        failures += problem is not None
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
