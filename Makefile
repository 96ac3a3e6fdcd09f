# The front door; Meson does the work. `make help` lists the targets.
BUILD ?= build
.DEFAULT_GOAL := all
.PHONY: all run test asan tsan lint install deps help

help:
	@sed -n 's/^## //p' Makefile

## make            build the release into build/release
all: deps
	@tools/build release

## make run        build, load the demo database, take the tour, and leave you in the shell
run: all
	@tools/tour

## make test       install what is missing, build, run every test
test: deps
	@tools/test

## make asan       the tests under AddressSanitizer and UndefinedBehaviorSanitizer
asan: deps
	@tools/test asan

## make tsan       the concurrency tests under ThreadSanitizer
tsan: deps
	@tools/test tsan

## make lint       format, layers, symbols, headers, tidy-ups
lint: deps
	@tools/check

## make install    install library, header, pkg-config file and binary (PREFIX, DESTDIR)
install: all
	@meson install -C $(BUILD)/release

deps:
	@tools/install_packages
