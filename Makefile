# SPDX-License-Identifier: Apache-2.0
# Bilby's build: one Makefile for the whole tree, objects in $(BUILD). `make help` lists the targets.
#
# A room is a folder of sources; it becomes the archive $(BUILD)/lib<room>.a. Sources are found by
# wildcard, so a new file needs no line here. Variants (sanitizers, coverage, fuzzing) are the same
# build with another BUILD and other flags.

ROOMS := base proto routing storage broker session management server
BUILD ?= build

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
export LC_ALL := C

# ---- configuration -------------------------------------------------------------------------------

# Goals that need neither compiler nor libraries must not start configure.
UNCONFIGURED := help clean distclean format check-format check-arrows sanitize tsan coverage
ifneq ($(filter-out $(UNCONFIGURED),$(or $(MAKECMDGOALS),all)),)
include config.mk
endif

configure: configure.ac
	autoconf
	@touch $@

config.mk: configure build-aux/config.mk.in build-aux/config.h.in
	@if [ -x config.status ] && [ config.status -nt configure ]; then ./config.status; \
	else ./configure $(CONFIGURE_FLAGS); fi
	@touch $@ config.h

config.h: config.mk ;

# ---- flags ---------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
            -Wswitch-enum $(if $(filter 1,$(WERROR)),-Werror)

empty :=
comma := ,
instrument := $(if $(SANITIZERS),-fsanitize=$(SANITIZERS) -fno-omit-frame-pointer \
                  -fno-sanitize-recover=all) \
              $(if $(COVERAGE),--coverage -fprofile-update=atomic)

ALL_CPPFLAGS = -I. -I$(BUILD)/generated -D_GNU_SOURCE \
    $(EVENT_CFLAGS) $(OPENSSL_CFLAGS) $(JANSSON_CFLAGS) $(SQLITE_CFLAGS) $(PCRE2_CFLAGS) \
    $(CURL_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS = -std=gnu17 $(WARNINGS) -fstack-protector-strong -pthread $(CFLAGS) $(instrument)
ALL_LDFLAGS = -Wl,--as-needed -Wl,-z,relro -Wl,-z,now -pthread $(CFLAGS) $(LDFLAGS) $(instrument)
ALL_LIBS = $(EVENT_LIBS) $(OPENSSL_LIBS) $(JANSSON_LIBS) $(SQLITE_LIBS) $(PCRE2_LIBS) -lm

# Whatever is compiled or linked depends on the flags it was made with (-Werror changes no code).
FLAGS_FILE := $(BUILD)/flags
FLAGS = $(CC) $(ALL_CPPFLAGS) $(filter-out -Werror,$(ALL_CFLAGS)) $(ALL_LDFLAGS)
$(FLAGS_FILE): FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@

# ---- sources -------------------------------------------------------------------------------------

sources = $(sort $(wildcard $(1)/*.c))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

MAINS := server/main.c $(wildcard tools/bilbyctl*.c tools/perf*.c)
WWW := $(sort $(shell find management/www -type f ! -name README.md 2>/dev/null))

# Archives in link order: every room before those that it stands on.
reverse = $(if $(1),$(call reverse,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
archives = $(foreach room,$(call reverse,$(1)),$(BUILD)/lib$(room).a)
ARCHIVES := $(call archives,$(ROOMS))
SIM_ARCHIVES := $(call archives,base proto routing storage broker session)

room_objects = $(call objects,$(filter-out $(MAINS),$(call sources,$(1)))) \
    $(if $(filter management,$(1)),$(if $(WWW),$(BUILD)/obj/generated/management/www_files.o))

BINARIES := $(strip $(if $(wildcard server/main.c),$(BUILD)/bilbyd) \
                   $(if $(wildcard tools/bilbyctl*.c),$(BUILD)/bilbyctl) \
                   $(if $(wildcard tools/perf*.c),$(BUILD)/bilby-perf))

UNIT_NAMES := $(patsubst tests/unit/%.c,%,$(sort $(wildcard tests/unit/*_test.c)))
UNIT_BINARIES := $(UNIT_NAMES:%=$(BUILD)/tests/unit/%)
# Helpers of the tests: everything beside them that is no test.
UNIT_SUPPORT := $(filter-out %_test.c,$(call sources,tests/unit)) $(call sources,tests/support)
SUPPORT_ARCHIVE := $(if $(UNIT_SUPPORT),$(BUILD)/libsupport.a)
# The tools' parts, and what they stand on, for tests of tools/.
TOOLS_ARCHIVES := $(BUILD)/libtools.a $(call archives,base proto)

# A test links its room and the rooms below only. UNIT_USES holds "name:room" for each room that
# tests/*/name.[ch] includes a header of, and "name:@helper" for each helper.
UNIT_USES := $(shell grep -so '^.include "[a-z0-9_/]*' \
    tests/unit/*.[ch] tests/support/*.[ch] tests/fuzz/*.[ch] | \
    sed -n -e 's|^tests/[a-z]*/\([^.]*\)[.][ch]:.include "tests/[a-z]*/|\1:@|p;t' \
        -e 's|^tests/[a-z]*/\([^.]*\)[.][ch]:.include "\([a-z]*\)/.*|\1:\2|p;t' \
        -e 's|^tests/[a-z]*/\([^.]*\)[.][ch]:.include "|\1:@|p' | sort -u)
used_by = $(patsubst $(1):%,%,$(filter $(1):%,$(UNIT_USES)))
helpers_of = $(patsubst @%,%,$(filter @%,$(call used_by,$(1))))
unit_uses = $(foreach file,$(1) $(call helpers_of,$(1)) \
    $(foreach helper,$(call helpers_of,$(1)),$(call helpers_of,$(helper))),$(call used_by,$(file)))
unit_top = $(lastword base $(foreach room,$(ROOMS),$(filter $(room),$(call unit_uses,$(1)))))
rooms_to = $(if $(filter $(1),$(firstword $(2))),$(1),\
    $(firstword $(2)) $(call rooms_to,$(1),$(wordlist 2,$(words $(2)),$(2))))
room_archives = $(call archives,$(call rooms_to,$(call unit_top,$(1)),$(ROOMS)))
unit_archives = $(if $(filter tools,$(call unit_uses,$(1))),$(TOOLS_ARCHIVES)) \
    $(if $(filter @%,$(call used_by,$(1))),$(SUPPORT_ARCHIVE)) $(call room_archives,$(1))
fuzz_archives = $(if $(filter @%,$(call used_by,$(1))),$(FUZZ_ARCHIVE) $(SUPPORT_ARCHIVE)) \
    $(if $(filter tools,$(call unit_uses,$(1))),$(TOOLS_ARCHIVES)) $(call room_archives,$(1))

FUZZ_NAMES := $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*_fuzz.c)))
FUZZ_SUPPORT := $(filter-out %_fuzz.c tests/fuzz/replay_main.c,$(call sources,tests/fuzz))
FUZZ_ARCHIVE := $(if $(FUZZ_SUPPORT),$(BUILD)/libfuzz.a)
REPLAY_BINARIES := $(FUZZ_NAMES:%=$(BUILD)/tests/replay/%)
SIM := $(if $(wildcard tests/sim/*.c),$(BUILD)/tests/sim/sim)
MICRO_BINARIES := $(patsubst bench/micro/%.c,$(BUILD)/bench/micro/%,$(wildcard bench/micro/*.c))

# ---- building ------------------------------------------------------------------------------------

.PHONY: all
all: $(ARCHIVES) $(BINARIES)

$(BUILD)/obj/%.o: %.c $(FLAGS_FILE) | config.h
	@mkdir -p $(@D)
	@echo '  CC    $@'
	@$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/generated/%.o: $(BUILD)/generated/%.c $(FLAGS_FILE)
	@mkdir -p $(@D)
	@echo '  CC    $@'
	@$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The list of members is a file of its own: a source that goes away must leave the archive too.
define ARCHIVE_RULES
$$(BUILD)/lib$(1).members: FORCE
	@mkdir -p $$(@D)
	@echo '$(2)' | cmp -s - $$@ || echo '$(2)' >$$@

$$(BUILD)/lib$(1).a: $(2) $$(BUILD)/lib$(1).members
	@echo '  AR    $$@'
	@rm -f $$@
	@$$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(foreach room,$(ROOMS),$(eval $(call ARCHIVE_RULES,$(room),$(call room_objects,$(room)))))
$(eval $(call ARCHIVE_RULES,support,$(call objects,$(UNIT_SUPPORT))))
$(eval $(call ARCHIVE_RULES,fuzz,$(call objects,$(FUZZ_SUPPORT))))
$(eval $(call ARCHIVE_RULES,tools,$(call objects,$(filter-out %_main.c,$(call sources,tools)))))

link = @mkdir -p $(@D); echo '  LINK  $@'; \
    $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(1)

$(BUILD)/bilbyd: $(call objects,server/main.c) $(ARCHIVES)
	$(call link,$(ALL_LIBS))

$(BUILD)/bilbyctl: $(call objects,$(wildcard tools/bilbyctl*.c)) $(call archives,base proto)
	$(call link,$(JANSSON_LIBS) $(CURL_LIBS) $(OPENSSL_LIBS))

$(BUILD)/bilby-perf: $(call objects,$(wildcard tools/perf*.c)) $(call archives,base proto)
	$(call link,$(EVENT_LIBS) $(OPENSSL_LIBS) -lm)

# The web page's files become part of the daemon: a table of path, bytes and length.
$(BUILD)/generated/management/www_files.c: build-aux/embed-www $(WWW)
	@echo '  EMBED $@'
	@mkdir -p $(@D)
	@build-aux/embed-www $(@:.c=.h) $@ management/www $(WWW)

ifneq ($(WWW),)
$(call objects,$(call sources,management)): | $(BUILD)/generated/management/www_files.c
endif

define UNIT_RULE
$$(BUILD)/tests/unit/$(1): $$(BUILD)/obj/tests/unit/$(1).o $$(call unit_archives,$(1))
	$$(call link,$$(CHECK_LIBS) $$(ALL_LIBS) $$(CURL_LIBS))
endef
$(foreach name,$(UNIT_NAMES),$(eval $(call UNIT_RULE,$(name))))

$(BUILD)/tests/sim/sim: $(call objects,$(call sources,tests/sim)) $(SUPPORT_ARCHIVE) $(SIM_ARCHIVES)
	$(call link,$(ALL_LIBS))

# A fuzz target is built twice: for libFuzzer, and (any compiler) to run once over its corpus.
define FUZZ_RULES
$$(BUILD)/tests/replay/$(1): $$(BUILD)/obj/tests/fuzz/$(1).o \
        $$(BUILD)/obj/tests/fuzz/replay_main.o $$(call fuzz_archives,$(1)) $$(BUILD)/libbase.a
	$$(call link,$$(ALL_LIBS))
$$(BUILD)/tests/fuzz/$(1): $$(BUILD)/obj/tests/fuzz/$(1).o $$(call fuzz_archives,$(1))
	$$(call link,-fsanitize=fuzzer $$(ALL_LIBS))
endef
$(foreach name,$(FUZZ_NAMES),$(eval $(call FUZZ_RULES,$(name))))

$(MICRO_BINARIES): $(BUILD)/bench/micro/%: $(BUILD)/obj/bench/micro/%.o $(ARCHIVES)
	$(call link,$(ALL_LIBS))

.PHONY: micro
micro: $(MICRO_BINARIES)

# ---- checking ------------------------------------------------------------------------------------

# `make check T=queue_ttl` (or T=queue_ttl_test) runs one unit test and nothing else; T='a b' two.
CHOSEN := $(if $(T),$(patsubst %,$(BUILD)/tests/unit/%_test,$(T:%_test=%)),$(UNIT_BINARIES))
BUILD_TESTS := $(sort $(wildcard tests/build/*_test.sh))
# Suites that drive the daemon from outside: tests/<name>/run, with --quick for its short form.
# SUITES='clients crash' names those that check-quick and tsan run.
# tests/differential wants a RabbitMQ: it is started by hand.
RUNNERS := $(filter-out tests/differential/run,$(wildcard tests/*/run))
SUITES ?= $(RUNNERS:tests/%/run=%)

export CC
export BUILD_DIR := $(abspath $(BUILD))
export BILBYD := $(abspath $(BUILD)/bilbyd)
export BILBYCTL := $(abspath $(BUILD)/bilbyctl)
export BILBY_PERF := $(abspath $(BUILD)/bilby-perf)

HEADER_FLAGS = $(CC) $(ALL_CPPFLAGS) -std=gnu17 $(WARNINGS) -Werror
SIM_FLAGS = $(if $(CROWD),--crowd) $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),$(1))) $(if $(TRACE),--trace)

.PHONY: check check-unit check-build check-arrows check-pure check-headers check-corpus check-quick
ifdef T
check: check-unit
else
check: all $(UNIT_BINARIES) $(REPLAY_BINARIES) $(SIM)
	@{ echo 'unit tests: build-aux/run-tests $(UNIT_BINARIES)'; \
	echo 'tests of the build: build-aux/run-tests $(BUILD_TESTS)'; \
	echo 'arrows: build-aux/check-arrows'; \
	echo 'purity: build-aux/check-pure $(BUILD)'; \
	echo 'headers compile alone: build-aux/check-headers $(HEADER_FLAGS)'; \
	$(if $(REPLAY_BINARIES),echo 'fuzz corpora: build-aux/replay tests/fuzz/corpus \
	    $(REPLAY_BINARIES)';) \
	$(if $(SIM),echo 'simulator: $(SIM) --twice $(call SIM_FLAGS,200)'; \
	    echo 'crowds: $(SIM) --crowd --seeds 3'; \
	    echo 'power cuts: $(SIM) --power --seeds 12 --every 30'; \
	    echo 'disk failures: $(SIM) --fault --seeds 12 --every 30'; \
	    echo 'failed reads: $(SIM) --read --seeds 12 --every 120';) \
	$(foreach runner,$(RUNNERS),echo '$(runner:tests/%/run=%): $(runner) --quick';) \
	} | build-aux/check-all
endif

check-unit: $(CHOSEN)
	@build-aux/run-tests $(CHOSEN)

check-build:
	@build-aux/run-tests $(BUILD_TESTS)

check-arrows:
	@build-aux/check-arrows

check-pure: $(ARCHIVES)
	@build-aux/check-pure $(BUILD)

check-headers: | config.h
	@build-aux/check-headers $(HEADER_FLAGS)

check-corpus: $(REPLAY_BINARIES)
	@build-aux/replay tests/fuzz/corpus $(REPLAY_BINARIES)

# The suites that start the daemon, in their short form (the sanitizer builds use it).
check-quick: all
	@{ $(foreach suite,$(SUITES),echo '$(suite): tests/$(suite)/run --quick';) :; \
	} | build-aux/check-all

# check-clients, check-crash, …: the whole suite.
RUNNER_GOALS := $(RUNNERS:tests/%/run=check-%)
.PHONY: $(RUNNER_GOALS)
$(RUNNER_GOALS): check-%: all
	@tests/$*/run

.PHONY: sim
sim: $(SIM)
	$(if $(SIM),$(SIM) $(call SIM_FLAGS,1000))

# Every operation of the disk in so many worlds; EVERY=10 takes each tenth.
.PHONY: sim-power sim-fault sim-read
sim-power sim-fault sim-read: sim-%: $(SIM)
	$(if $(SIM),$(SIM) --$* --seeds $(or $(WORLDS),10) --every $(or $(EVERY),1))

# ---- variants ------------------------------------------------------------------------------------

SECONDS ?= 60
variant = +@$(MAKE) --no-print-directory BUILD=$(1) COVERAGE= SANITIZERS=

.PHONY: sanitize tsan valgrind fuzz coverage
# Check stops a test after four seconds; these builds are slower (build-aux/run-tests has less).
sanitize tsan valgrind coverage: export CK_TIMEOUT_MULTIPLIER ?= 120
sanitize: export ASAN_OPTIONS ?= detect_leaks=1:detect_stack_use_after_return=1
sanitize: export UBSAN_OPTIONS ?= print_stacktrace=1
sanitize:
	$(call variant,build/sanitize)address,undefined CFLAGS='-O1 -g' check

# What has threads: storage and server; the suites drive both.
tsan: export TSAN_OPTIONS ?= halt_on_error=1:second_deadlock_stack=1
tsan:
	$(call variant,build/tsan)thread CFLAGS='-O1 -g' check-unit check-quick

# Leaks and uninitialised reads in every unit test (T= names some) and in one life of the daemon, under
# the suites of tests/clients in CLIENT_SUITES. A process for each case would take minutes; only tests
# that end by a signal need it.
FORKING := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,\
               $(shell grep -sl raise_signal tests/unit/*_test.c))
valgrind: all $(CHOSEN)
	@{ echo "unit tests: RUN_WITH=build-aux/memcheck CK_FORK=no build-aux/run-tests \
	    $(filter-out $(FORKING),$(CHOSEN))"; \
	$(if $(filter $(FORKING),$(CHOSEN)),echo "unit tests that fork: RUN_WITH=build-aux/memcheck \
	    build-aux/run-tests $(filter $(FORKING),$(CHOSEN))";) \
	$(if $(wildcard server/main.c),echo 'daemon: build-aux/memcheck-daemon $(BUILD) \
	    $(CLIENT_SUITES)';) \
	} | build-aux/check-all

FUZZ_BUILD := build/fuzz
FUZZ_FLAGS = SANITIZERS=fuzzer-no-link,address,undefined COVERAGE= CFLAGS='-O1 -g'
fuzz:
ifndef F
	+@for name in $(FUZZ_NAMES:%_fuzz=%); do $(MAKE) --no-print-directory fuzz F=$$name || exit; done
else ifneq ($(BUILD),$(FUZZ_BUILD))
	+@$(MAKE) --no-print-directory BUILD=$(FUZZ_BUILD) CC=clang $(FUZZ_FLAGS) fuzz
else
fuzz: $(BUILD)/tests/fuzz/$(F:%_fuzz=%)_fuzz
	@mkdir -p $(BUILD)/corpus/$(F:%_fuzz=%) tests/fuzz/corpus/$(F:%_fuzz=%)
	$< -max_total_time=$(SECONDS) -print_final_stats=1 -timeout=10 \
	    -artifact_prefix=$(BUILD)/$(F:%_fuzz=%)- \
	    $(if $(wildcard tests/fuzz/dict/$(F:%_fuzz=%).dict),\
	        -dict=tests/fuzz/dict/$(F:%_fuzz=%).dict) \
	    $(BUILD)/corpus/$(F:%_fuzz=%) tests/fuzz/corpus/$(F:%_fuzz=%)
endif

coverage:
	-$(call variant,build/coverage) COVERAGE=yes CFLAGS='-O0 -g' check
	@build-aux/coverage build/coverage

.PHONY: bench
bench: all
	bench/run

# ---- style ---------------------------------------------------------------------------------------

C_FILES = $(sort $(foreach folder,$(ROOMS) tools bench examples tests,\
              $(shell find $(folder) -name '*.[ch]' 2>/dev/null)))
LINT_SOURCES = $(sort $(foreach room,$(ROOMS) tools,$(call sources,$(room))))

.PHONY: format check-format lint
format:
	clang-format -i $(C_FILES)

check-format:
	clang-format --dry-run --Werror $(C_FILES)

# What has been found clean stays so until it, or a header of it, changes.
TIDY := $(LINT_SOURCES:%.c=$(BUILD)/lint/%.tidy)
$(TIDY): $(BUILD)/lint/%.tidy: %.c $(BUILD)/obj/%.o .clang-tidy
	@mkdir -p $(@D)
	@echo '  TIDY  $<'
	@clang-tidy --quiet --warnings-as-errors='*' $< -- -std=gnu17 $(ALL_CPPFLAGS) 2>/dev/null
	@touch $@

.PHONY: lint-tidy lint-cppcheck
lint-tidy: $(TIDY)

lint-cppcheck: | config.h
	@mkdir -p $(BUILD)/lint/cppcheck
	@echo '  CPPCHECK'
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	    --suppress=missingInclude --suppress=missingIncludeSystem --error-exitcode=1 \
	    --cppcheck-build-dir=$(BUILD)/lint/cppcheck --include=build-aux/cppcheck.h \
	    -I. -D_GNU_SOURCE $(LINT_SOURCES)

lint:
	+@$(MAKE) --no-print-directory --keep-going lint-tidy lint-cppcheck
	@echo 'lint: clean'

# ---- running and installing ----------------------------------------------------------------------

PORT ?= 5672
.PHONY: run
run: all
	@echo 'AMQP on port $(PORT): connect with amqp://guest:guest@localhost:$(PORT)/ (Ctrl-C stops it)'
	@exec env -u BILBY_PERF $(BUILD)/bilbyd --data-dir ./data $(if $(filter-out 5672,$(PORT)),\
	    --set listeners.tcp.1=127.0.0.1:$(PORT))

INSTALL ?= install
MAN_PAGES := $(wildcard man/*.[1-8])
UNITS := $(wildcard examples/*.service server/*.service)
COMPLETIONS := $(wildcard tools/*.bash)
completionsdir ?= $(datadir)/bash-completion/completions
EXAMPLE_CONFIG := $(wildcard examples/bilby.conf)
unitdir ?= $(prefix)/lib/systemd/system

.PHONY: install uninstall
install: all
	$(INSTALL) -d $(DESTDIR)$(bindir)
	$(if $(BINARIES),$(INSTALL) -m 755 $(BINARIES) $(DESTDIR)$(bindir))
	$(foreach page,$(MAN_PAGES),$(INSTALL) -D -m 644 $(page) \
	    $(DESTDIR)$(mandir)/man$(patsubst .%,%,$(suffix $(page)))/$(notdir $(page)) &&) :
	$(foreach file,$(COMPLETIONS),$(INSTALL) -D -m 644 $(file) \
	    $(DESTDIR)$(completionsdir)/$(basename $(notdir $(file))) &&) :
	$(foreach file,$(EXAMPLE_CONFIG),$(INSTALL) -D -m 644 $(file) \
	    $(DESTDIR)$(docdir)/examples/$(notdir $(file)) &&) :
	$(foreach file,$(UNITS),$(INSTALL) -D -m 644 $(file) \
	    $(DESTDIR)$(unitdir)/$(notdir $(file)) && \
	    sed -i 's|^ExecStart=|ExecStart=$(bindir)/|' $(DESTDIR)$(unitdir)/$(notdir $(file)) &&) :

uninstall:
	rm -f $(foreach file,$(BINARIES),$(DESTDIR)$(bindir)/$(notdir $(file))) \
	    $(foreach page,$(MAN_PAGES),\
	        $(DESTDIR)$(mandir)/man$(patsubst .%,%,$(suffix $(page)))/$(notdir $(page))) \
	    $(foreach file,$(COMPLETIONS),\
	        $(DESTDIR)$(completionsdir)/$(basename $(notdir $(file)))) \
	    $(foreach file,$(EXAMPLE_CONFIG),$(DESTDIR)$(docdir)/examples/$(notdir $(file))) \
	    $(foreach file,$(UNITS),$(DESTDIR)$(unitdir)/$(notdir $(file)))

.PHONY: clean distclean dist help
clean:
	rm -rf build

distclean: clean
	rm -rf autom4te.cache config.h config.mk config.log config.status configure configure~

dist:
	git archive --prefix=bilby-$(VERSION)/ -o bilby-$(VERSION).tar.gz HEAD

help:
	@sed -n 's/^#: //p' Makefile

#: make                      build/bilbyd and the other programs
#: make run                  build, then start the daemon in the foreground on ./data
#: make check                everything that must hold; ends with "N passed, N failed"
#: make check T=queue_ttl    one unit test
#: make check-unit           the unit tests alone
#: make check-clients        the whole suite with real client libraries (check-crash, … likewise)
#: make sim SEED=7           replay one seed of the simulator (TRACE=1: print it; SEEDS=200: so many;
#:                            CROWD=1: with a thousand clients and more)
#: make sim-power            the power cut at every operation of the disk (WORLDS=10; EVERY=30: each 30th)
#: make sim-fault            likewise, and the disk fails there
#: make sim-read             likewise, with every operation that reads
#: make sanitize             check in a build with AddressSanitizer and UBSan
#: make tsan                 unit tests and suites in a build with ThreadSanitizer (T=, SUITES=: some)
#: make valgrind             unit tests and one life of the daemon under memcheck
#: make fuzz F=frame         libFuzzer on one target, without F on all in turn (SECONDS=60 for each)
#: make bench                the benchmarks;  make micro  builds the small ones in build/bench/micro
#: make coverage             check with coverage measured
#: make lint                 clang-tidy and cppcheck;  make format, check-format: clang-format
#: make install              honours DESTDIR and prefix;  make uninstall
#: make clean, distclean, dist
#: WERROR=1 makes warnings errors; BUILD=DIR builds somewhere else

.SECONDARY:
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

.PHONY: FORCE
FORCE:
