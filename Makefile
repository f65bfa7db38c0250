# RaftMetrics. `make help` lists the targets.

MODE    ?= release
BUILD   := build/$(MODE)
BIN     := $(if $(filter release,$(MODE)),build/raftmetrics,$(BUILD)/raftmetrics)
CC      ?= cc
CFLAGS  ?= -O2 -g
V       ?= 0
Q       := $(if $(filter 0,$(V)),@,)
PYTHON  := /usr/bin/python3

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes $(if $(CI),-Werror)
# Older ones commit entries of earlier terms by counting replicas.
RAFT_MIN := 0.22
PACKAGES := libmicrohttpd jansson libcurl libcrypto libxxhash libuv raft libprotobuf-c zlib
FLAGS_release := -fno-omit-frame-pointer
FLAGS_debug   := -O0
FLAGS_asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_tsan    := -O1 -fsanitize=thread -fno-omit-frame-pointer
FLAGS_fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

# The install of what is missing comes first, so these are asked only when a compile needs them.
PKG_CFLAGS = $(shell pkg-config --cflags $(PACKAGES))
PKG_LIBS   = $(shell pkg-config --libs $(PACKAGES)) -lm -lpthread

ALL_CPPFLAGS = -Iinclude -I$(BUILD)/gen -D_GNU_SOURCE $(CPPFLAGS)
ALL_CFLAGS   = -std=c17 $(CFLAGS) $(FLAGS_$(MODE)) $(WARNINGS) -fno-common -MMD -MP $(PKG_CFLAGS)
ALL_LDFLAGS  = $(CFLAGS) $(FLAGS_$(MODE)) $(LDFLAGS)

LAYERS  := base partitioning metrics proto raft net api cmd
SOURCES := $(sort $(foreach layer,$(LAYERS),$(wildcard src/$(layer)/*.c src/$(layer)/*/*.c)))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
MAIN    := $(BUILD)/obj/cmd/main.o
PROTO_C := $(BUILD)/gen/raftmetrics.pb-c.c
PROTO_O := $(BUILD)/gen/raftmetrics.pb-c.o
LIBRARY := $(BUILD)/libraftmetrics.a

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZERS    := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCHES    := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))
HEADERS    := $(sort $(wildcard include/raftmetrics/*/*.h src/*/*.h src/*/*/*.h))
C_FILES    := $(SOURCES) $(HEADERS) $(wildcard tests/unit/*.[ch] tests/fuzz/*.[ch] tests/bench/*.[ch])

.DEFAULT_GOAL := all
.PHONY: all debug run test unit system faults test-long test-planted check asan tsan valgrind fuzz bench cov format \
        check-format tidy check-headers check-layers check-planted install clean help setup setup-test

all: setup $(BIN) ## build build/raftmetrics, the one binary

debug: ## build without optimisation into build/debug
	$(Q)$(MAKE) --no-print-directory MODE=debug all

run: all ## run a cluster on 127.0.0.1: control on 8080, workers on 8081-8083, data in ./data
	$(Q)exec $(BIN) dev --workers 3 --port 8080 --data-dir data --token local-dev-token-123

setup: build/.setup-build
setup-test: build/.setup-test

build/.setup-%: .ci/setup
	$(Q)mkdir -p build && .ci/setup $* && touch $@

$(BIN): $(MAIN) $(LIBRARY)
	@echo "link   $@"
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(LIBRARY): $(filter-out $(MAIN),$(OBJECTS)) $(PROTO_O)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

.PHONY: check-raft
check-raft: | build/.setup-build
	$(Q)pkg-config --atleast-version=$(RAFT_MIN) raft || { \
	    echo "libraft >= $(RAFT_MIN) is needed, found: $$(pkg-config --modversion raft 2>&1 | tail -1)." \
	    "Before $(RAFT_MIN) it commits entries of earlier terms by counting replicas and so" \
	    "loses acknowledged writes. .ci/setup build installs a newer one." >&2; exit 1; }

$(BUILD)/obj/%.o: src/%.c $(PROTO_C) | check-raft
	@echo "cc     $<"
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

# protobuf-c's output is not ours to warn about.
$(PROTO_O): $(PROTO_C)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -w -c -o $@ $<

$(PROTO_C): src/proto/raftmetrics.proto | build/.setup-build
	$(Q)mkdir -p $(@D) && protoc-c --proto_path=src/proto --c_out=$(@D) $<

test: setup-test all check-layers check-headers check-format check-planted unit system ## every quick test

unit: $(UNIT_TESTS) ## unit tests
	$(Q)tests/style/run-unit $^

$(BUILD)/unit/%: tests/unit/%.c $(LIBRARY) | build/.setup-test
	@echo "test   $<"
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(LIBRARY) \
	    -lcmocka $(PKG_LIBS)

system: setup-test $(BIN) ## tests of real daemons, hostile input among them
	$(Q)RAFTMETRICS_BIN=$(CURDIR)/$(BIN) $(PYTHON) -m pytest -q -p no:cacheprovider tests/system tests/hostile

faults: setup-test $(BIN) ## real daemons under faults: killed, paused, cut off, emptied, corrupted
	$(Q)RAFTMETRICS_BIN=$(CURDIR)/$(BIN) $(PYTHON) -m pytest -q -p no:cacheprovider -m "not long" tests/faults

test-long: setup-test $(BIN) ## faults for an hour, and each kind by itself (FAULT_SECONDS=3600)
	$(Q)RAFTMETRICS_BIN=$(CURDIR)/$(BIN) RAFTMETRICS_FAULT_SECONDS=$(or $(FAULT_SECONDS),3600) \
	    $(PYTHON) -m pytest -q -p no:cacheprovider tests/faults

test-planted: setup-test all ## plant known bugs, one at a time, and see tests fail
	$(Q)$(PYTHON) tests/planted/run

check: check-layers check-headers check-format check-planted tidy ## style, layers, headers, lint

asan: ## unit and system tests under the address and undefined-behaviour sanitizers
	$(Q)$(MAKE) --no-print-directory MODE=asan setup-test all unit system

tsan: ## unit and system tests under the thread sanitizer
	$(Q)$(MAKE) --no-print-directory MODE=tsan setup-test all unit system

valgrind: setup-test $(UNIT_TESTS) ## unit tests under valgrind
	$(Q)tests/style/run-unit --wrap "valgrind -q --leak-check=full --error-exitcode=99 --soname-synonyms=somalloc=nouserintercepts" $(UNIT_TESTS)

fuzz: ## every parser against libFuzzer, 20 seconds each (FUZZ_SECONDS=20)
	$(Q)$(MAKE) --no-print-directory MODE=fuzz CC=clang setup-test run-fuzzers

.PHONY: run-fuzzers
run-fuzzers: $(FUZZERS)
	$(Q)tests/fuzz/run $(FUZZERS)

$(BUILD)/fuzz/%: tests/fuzz/%.c $(LIBRARY)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -fsanitize=fuzzer,address,undefined \
	    -o $@ $< $(LIBRARY) $(PKG_LIBS)

$(BUILD)/bench/%: tests/bench/%.c $(LIBRARY)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(LIBRARY) $(PKG_LIBS)

bench: setup-test all $(BENCHES) ## measure beside nginx; table and build/bench.json; BENCH="--only latency" for a part
	$(Q)$(PYTHON) tests/bench/bench.py --binary $(BIN) --output build/bench.json $(BENCH)

cov: ## line coverage of the unit tests, as build/cov/*.gcov
	$(Q)$(MAKE) --no-print-directory MODE=cov CFLAGS="-O0 -g --coverage" setup-test unit
	$(Q)mkdir -p build/cov && cd build/cov && gcov -r -s ../.. $$(find ../cov/obj -name '*.gcda') | tail -1

format: setup-test ## format every C file
	$(Q)clang-format -i $(C_FILES)

check-format: setup-test ## fail where a C file is not formatted
	$(Q)tests/style/check-format $(C_FILES)

tidy: setup-test $(PROTO_C) ## clang-tidy
	$(Q)clang-tidy --quiet $(SOURCES) -- $(ALL_CPPFLAGS) -std=c17 $(PKG_CFLAGS)

check-headers: $(PROTO_C) ## every header compiles alone, with gcc and clang
	$(Q)tests/style/check-headers "$(ALL_CPPFLAGS) -std=c17 $(WARNINGS) $(PKG_CFLAGS)" $(HEADERS)

check-layers: ## the layers include only what they may
	$(Q)$(PYTHON) tests/style/check_layers.py

check-planted: setup-test ## the planted bugs of test-planted can still be planted
	$(Q)for each in tests/planted/*.patch; do patch -p1 --dry-run -s -i $$each >/dev/null || \
	    { echo "$$each does not apply to the code as it is" >&2; exit 1; }; done

install: all ## install into $(DESTDIR)$(PREFIX)/bin
	install -D -m 755 $(BIN) $(DESTDIR)$(or $(PREFIX),/usr/local)/bin/raftmetrics

clean: ## remove what was built
	rm -rf build

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sort | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

-include $(OBJECTS:.o=.d)
