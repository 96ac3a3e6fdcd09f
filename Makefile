# The front door; Meson does the work. `make help` lists the targets.
BUILD ?= build
FUZZ_SECONDS ?= 60
.DEFAULT_GOAL := all
.PHONY: all run test hostile asan tsan lint install oracle crash torture stress fuzz broken-rules bench deps deps-test deps-lint deps-fuzz deps-bench help test-clients

help:
	@sed -n 's/^## //p' Makefile

## make            build the release into build/release
all: deps
	@tools/build release

## make run        build, load the demo database, take the tour, and leave you in the shell
run: all
	@tools/tour

## make test       install what is missing, build, run every test
test: deps-test
	@tools/test

## make asan       the tests under AddressSanitizer (leaks too) and UndefinedBehaviorSanitizer
asan: deps-test
	@tools/test asan

## make tsan       tests with threads, isolation, a minute of stress, under ThreadSanitizer
tsan: deps-test
	@tools/test tsan

## make lint       format, layers, symbols, headers, tidy-ups, clang-tidy and cppcheck
lint: deps-lint
	@mkdir -p $(BUILD) && tools/build test >$(BUILD)/lint.log || { cat $(BUILD)/lint.log; exit 1; }
	@tools/check
	@tools/analyze $(BUILD)/test

## make install    install library, header, pkg-config file and binary (PREFIX, DESTDIR)
install: all
	@meson install -C $(BUILD)/release

## make oracle     the corpus on PostgreSQL 15 and on OmenDB, live
oracle: deps-test all
	@tools/build test tools/oracle/oracle && build/test/tools/oracle/oracle live

## make crash      the power fails in every call of a workload of SQL, under every policy
crash: deps-test
	@tools/build test tests/crash/crash_points && $(BUILD)/test/tests/crash/crash_points --full

## make torture    kill a server 200 times under writers, and compare
torture: deps-test all
	@tools/build test tests/torture/torture && build/test/tests/torture/torture

## make fuzz       each fuzz target for a minute, with clang's libFuzzer (FUZZ_SECONDS=N)
fuzz: deps-fuzz
	@tools/fuzz $(FUZZ_SECONDS)

## make broken-rules  builds that break one storage rule each; the crash tests must notice
broken-rules: deps-test
	@tools/build test && python3 tests/crash/broken_rules.py $(BUILD)/test

## make hostile    bad input by name, each with its SQLSTATE and peak memory
hostile: deps-test all
	@/usr/bin/python3 tests/hostile/hostile.py build/release/omendb

## make test-clients   five drivers (psycopg 2, asyncpg, node-postgres, JDBC, pgx) against a server
test-clients: all
	@tools/test_clients $(BUILD)/release/omendb

## make stress     sessions that write and read the same tables for a minute; what they did adds up
stress: deps-test all
	@tools/build test tests/stress/stress && build/test/tests/stress/stress

## make bench      the benchmarks: kv against SQLite, wire against PostgreSQL (minutes each)
bench: deps-bench all
	@tools/build release bench/bench_kv bench/bench_wire
	@build/release/bench/bench_kv --rows 10000000; build/release/bench/bench_wire

deps:
	@tools/install_packages build

deps-test:
	@tools/install_packages test

deps-lint:
	@tools/install_packages lint

deps-fuzz:
	@tools/install_packages fuzz

deps-bench:
	@tools/install_packages bench
