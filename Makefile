# SPDX-License-Identifier: Apache-2.0
# One Makefile for everything; nothing is written outside $(BUILD).
#   make            build all programs            make check     run the tests
#   make demo       the whole line, on a veth     make install   DESTDIR= PREFIX=
#   VARIANT=release|debug|asan|fuzz               WERROR=1       warnings are errors

BUILD   ?= build
VARIANT ?= release
PREFIX  ?= /usr
DESTDIR ?=
OUT      = $(BUILD)/$(VARIANT)
BIN      = $(OUT)/bin

# Debian 12's packages, named here and nowhere else.
BUILD_PACKAGES = gcc libc6-dev clang libbpf-dev libelf-dev zlib1g-dev libssl-dev libsodium-dev libarchive-dev \
	libsqlite3-dev libmicrohttpd-dev libcurl4-openssl-dev libjansson-dev libseccomp-dev libcap-dev
DEMO_PACKAGES  = iproute2 util-linux passwd curl jq bpftool
TEST_PACKAGES  = libcmocka-dev clang-format procps strace openssl

CC     ?= cc
CLANG  ?= clang
# The installed headers of this machine's architecture, for the kernel side.
TRIPLET = $$(uname -m)-linux-gnu

# Asked when something is compiled, not when this file is read: by then the compiler is there.
ZERO_LOCALS = $(shell $(CC) -ftrivial-auto-var-init=zero -fsyntax-only -x c /dev/null 2>/dev/null && echo -ftrivial-auto-var-init=zero)

WARNINGS = -Wall -Wextra -Wconversion -Wshadow $(if $(WERROR),-Werror)
COMMON   = -std=gnu11 -D_GNU_SOURCE -iquote . -g $(WARNINGS) -MMD -MP
ifeq ($(VARIANT),release)
FLAGS    = -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 $(ZERO_LOCALS) -fstack-protector-strong -fstack-clash-protection -fPIE
LINK     = -pie -Wl,-z,relro,-z,now,-z,noexecstack
else ifeq ($(VARIANT),debug)
FLAGS    = -O0
else ifeq ($(VARIANT),asan)
FLAGS    = -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LINK     = -fsanitize=address,undefined
else ifeq ($(VARIANT),fuzz)
CC       = $(CLANG)
FLAGS    = -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined
LINK     = -fsanitize=address,undefined
else
$(error VARIANT is release, debug, asan or fuzz, not $(VARIANT))
endif
ALL_CFLAGS = $(COMMON) $(FLAGS) $(CFLAGS)
LINKER     = $(CC) $(FLAGS) $(LINK) $(LDFLAGS)

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all deps check check-unit demo install uninstall clean asan format format-check compile_commands.json
all: programs

# ---- packages ----
# A stamp: looked at again only when this file changes. As root, what is missing is installed.
define need_packages
	@mkdir -p $(BUILD)
	@if command -v dpkg-query >/dev/null; then \
		missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
		if [ -n "$$missing" ]; then \
			if [ "$$(id -u)" != 0 ]; then echo "error: these packages are missing:" $$missing >&2; \
				echo "  fix: run 'make deps' as root" >&2; exit 1; fi; \
			echo "installing:" $$missing; \
			(flock 9 && apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing) \
				9>$(BUILD)/.packages-lock >>$(BUILD)/packages.log 2>&1 || { tail -20 $(BUILD)/packages.log >&2; exit 1; }; \
		fi; \
	fi
	@touch $@
endef
$(BUILD)/.packages-build: Makefile
	$(call need_packages,$(BUILD_PACKAGES))
$(BUILD)/.packages-demo: Makefile
	$(call need_packages,$(DEMO_PACKAGES))
$(BUILD)/.packages-test: Makefile
	$(call need_packages,$(TEST_PACKAGES))
deps: $(BUILD)/.packages-build $(BUILD)/.packages-demo $(BUILD)/.packages-test

# ---- libraries: a folder each; tools never see one another ----
MAINS        = base/main.c keys/main.c bpf/main.c repod/main.c fetch/main.c fetch/tuf_client.c loader/main.c
folder_files = $(filter-out $(MAINS) %.bpf.c,$(wildcard $(1)/*.c))
objects      = $(patsubst %.c,$(OUT)/obj/%.o,$(1))

$(OUT)/libbase.a:   $(call objects,$(call folder_files,base))
$(OUT)/libkeys.a:   $(call objects,$(call folder_files,keys))
$(OUT)/libcargo.a:  $(call objects,$(call folder_files,bpf)) $(OUT)/obj/bpf/embedded.o
$(OUT)/librepod.a:  $(call objects,$(call folder_files,repod))
$(OUT)/libfetch.a:  $(call objects,$(call folder_files,fetch))
$(OUT)/libloader.a: $(call objects,$(call folder_files,loader)) $(OUT)/obj/loader/embedded.o
$(OUT)/lib%.a:
	@rm -f $@
	@ar rcs $@ $^

$(OUT)/obj/%.o: %.c | $(BUILD)/.packages-build
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(ALL_CFLAGS) -c $< -o $@
$(OUT)/obj/tests/%.o: ALL_CFLAGS += -DTEST_BPF_DIR='"$(abspath $(BUILD)/bpf)"' -DTEST_SOURCE_DIR='"$(CURDIR)"'

# ---- the kernel side, built once for all variants ----
BPF_SOURCES = $(wildcard bpf/*.bpf.c tests/unit/bpf/*.bpf.c tests/kernel/*.bpf.c tests/bench/*.bpf.c)
BPF_OBJECTS = $(patsubst %.bpf.c,$(BUILD)/bpf/%.bpf.o,$(notdir $(BPF_SOURCES)))
vpath %.bpf.c bpf tests/unit/bpf tests/kernel tests/bench
$(BUILD)/bpf/%.bpf.o: %.bpf.c $(wildcard bpf/*.h tests/kernel/flood*.h tests/kernel/kinds.h) | $(BUILD)/.packages-build
	@mkdir -p $(@D)
	@echo "  BPF   $<"
	@$(CLANG) -O2 -g -target bpf -mcpu=v3 -Wall -iquote . -I/usr/include/$(TRIPLET) \
		-ffile-prefix-map=$(CURDIR)=. -fdebug-compilation-dir=. -c $< -o $@
$(OUT)/obj/loader/embedded.o: loader/embedded.S $(BPF_OBJECTS)
	@mkdir -p $(@D)
	@$(CC) -DBPFDIR='"$(abspath $(BUILD)/bpf)"' -iquote . -c $< -o $@
# What `bundle new` writes.
$(OUT)/obj/bpf/embedded.o: bpf/embedded.S $(wildcard bpf/boilerplate/*) bpf/chain.h bpf/packet.h
	@mkdir -p $(@D)
	@$(CC) -c $< -o $@

# ---- programs ----
PROGRAMS  = bpfseal bpfseal-keys bpfseal-bundle bpfseal-repod bpfseal-fetch bpfseal-loader
KEYS_LIBS  = -ljansson -lcrypto -lsodium -lseccomp -lcap
CARGO_LIBS = -larchive -lbpf -lelf -lz
.PHONY: programs
programs: $(addprefix $(BIN)/,$(PROGRAMS) tuf-client) $(BPF_OBJECTS) $(if $(filter release,$(VARIANT)),$(BUILD)/bin)

$(BIN)/bpfseal:        $(OUT)/obj/base/main.o $(OUT)/libbase.a
$(BIN)/bpfseal-keys:   $(OUT)/obj/keys/main.o $(OUT)/libkeys.a $(OUT)/libbase.a
$(BIN)/bpfseal-bundle: $(OUT)/obj/bpf/main.o $(OUT)/libcargo.a $(OUT)/libkeys.a $(OUT)/libbase.a
$(BIN)/bpfseal-repod:  $(OUT)/obj/repod/main.o $(OUT)/librepod.a $(OUT)/libcargo.a $(OUT)/libkeys.a $(OUT)/libbase.a
$(BIN)/bpfseal-fetch:  $(OUT)/obj/fetch/main.o $(OUT)/libfetch.a $(OUT)/libcargo.a $(OUT)/libkeys.a $(OUT)/libbase.a
$(BIN)/tuf-client:     $(OUT)/obj/fetch/tuf_client.o $(OUT)/libfetch.a $(OUT)/libcargo.a $(OUT)/libkeys.a $(OUT)/libbase.a
$(BIN)/bpfseal-loader: $(OUT)/obj/loader/main.o $(OUT)/libloader.a $(OUT)/libcargo.a $(OUT)/libkeys.a $(OUT)/libbase.a

$(BIN)/bpfseal:        LIBS = $(KEYS_LIBS)
$(BIN)/bpfseal-keys:   LIBS = $(KEYS_LIBS)
$(BIN)/bpfseal-bundle: LIBS = $(KEYS_LIBS) $(CARGO_LIBS)
$(BIN)/bpfseal-repod:  LIBS = $(KEYS_LIBS) $(CARGO_LIBS) -lmicrohttpd -lsqlite3 -lpthread
$(BIN)/bpfseal-fetch:  LIBS = $(KEYS_LIBS) $(CARGO_LIBS) -lcurl
$(BIN)/tuf-client:     LIBS = $(KEYS_LIBS) $(CARGO_LIBS) -lcurl
# The loader gets no archive, network or TLS library: a reference to one would fail to link.
$(BIN)/bpfseal-loader: LIBS = $(KEYS_LIBS) -lbpf -lelf -lz
$(BIN)/%:
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(LINKER) $^ -Wl,--as-needed $(LIBS) -o $@

# build/bin is the build of the default variant, release.
$(BUILD)/bin: | $(BIN)/bpfseal
	@ln -sfn $(VARIANT)/bin $@

# ---- tests ----
UNIT    = $(patsubst %.c,$(OUT)/%,$(wildcard tests/unit/*/*_test.c))
ATTACK  = $(patsubst %.c,$(OUT)/%,$(wildcard tests/attack/*_test.c))
KERNEL  = $(patsubst %.c,$(OUT)/%,$(wildcard tests/kernel/*_test.c))
E2E     = $(wildcard tests/e2e/*_test.sh)
HOUSE   = $(wildcard tests/house/*.sh)
SIM     = $(call objects,$(wildcard tests/sim/*.c))
KERNEL_HELP = $(call objects,$(filter-out %_test.c %.bpf.c,$(wildcard tests/kernel/*.c)))
LOWER   = $(OUT)/libcargo.a $(OUT)/libkeys.a $(OUT)/libbase.a
.SECONDARY:

$(OUT)/tests/unit/repod/%_test:  $(OUT)/obj/tests/unit/repod/%_test.o  $(OUT)/librepod.a  $(LOWER)
	$(link_test)
$(OUT)/tests/unit/fetch/%_test:  $(OUT)/obj/tests/unit/fetch/%_test.o  $(OUT)/libfetch.a  $(LOWER)
	$(link_test)
$(OUT)/tests/unit/loader/%_test: $(OUT)/obj/tests/unit/loader/%_test.o $(OUT)/libloader.a $(LOWER)
	$(link_test)
$(OUT)/tests/kernel/%_test: $(OUT)/obj/tests/kernel/%_test.o $(KERNEL_HELP) $(OUT)/libloader.a $(LOWER)
	$(link_test)
$(OUT)/tests/attack/%_test: $(OUT)/obj/tests/attack/%_test.o $(SIM) $(LOWER)
	$(link_test)
$(OUT)/tests/unit/keys/%_test: $(OUT)/obj/tests/unit/keys/%_test.o $(SIM) $(LOWER)
	$(link_test)
$(OUT)/tests/unit/base/%_test: $(OUT)/obj/tests/unit/base/%_test.o $(OUT)/libbase.a
	$(link_test)
$(OUT)/tests/unit/bpf/%_test:  $(OUT)/obj/tests/unit/bpf/%_test.o $(LOWER)
	$(link_test)
define link_test
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(LINKER) $(filter %.o %.a,$^) -Wl,--as-needed -lcmocka $(KEYS_LIBS) $(CARGO_LIBS) -lmicrohttpd -lsqlite3 -lcurl -lpthread -o $@
endef
# What the end-to-end tests and the demo play the network, the mirror and the thief with.
PLAYERS = $(addprefix $(OUT)/tests/,packets mirror forge foe pulse)
$(OUT)/tests/foe: KEYS_LIBS += -lbpf
$(PLAYERS): $(OUT)/tests/%: $(OUT)/obj/tests/e2e/%.o $(OUT)/libkeys.a $(OUT)/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(LINKER) $^ -Wl,--as-needed $(KEYS_LIBS) -o $@

TEST_PROGRAMS = $(UNIT) $(ATTACK) $(KERNEL)
$(patsubst $(OUT)/%,$(OUT)/obj/%.o,$(TEST_PROGRAMS)) $(SIM) $(KERNEL_HELP): | $(BUILD)/.packages-test
$(TEST_PROGRAMS): | $(BPF_OBJECTS)

# Last line: N passed, N failed, N skipped. BPFSEAL_REQUIRE=bpf,root turns a skip for that reason into a failure.
check: programs $(TEST_PROGRAMS) $(PLAYERS) $(BUILD)/.packages-demo $(BUILD)/.packages-test
	@BPFSEAL_OUT=$(abspath $(OUT)) BPFSEAL_BPF=$(abspath $(BUILD)/bpf) tests/run.sh $(HOUSE) $(UNIT) $(ATTACK) $(REPLAY) $(KERNEL) $(E2E)
check-unit: programs $(UNIT) $(ATTACK)
	@BPFSEAL_OUT=$(abspath $(OUT)) BPFSEAL_BPF=$(abspath $(BUILD)/bpf) tests/run.sh $(UNIT) $(ATTACK)
asan:
	@$(MAKE) --no-print-directory check VARIANT=asan

demo: programs $(PLAYERS) $(BUILD)/.packages-demo
	@BPFSEAL_OUT=$(abspath $(OUT)) BPFSEAL_BPF=$(abspath $(BUILD)/bpf) KEEP=$(KEEP) tests/e2e/demo.sh

# ---- interop ----
# Ours against an independent client and canonical JSON writer, which the scripts install below $(BUILD)/interop.
INTEROP = $(OUT)/tests/interop/canon
E2E    += $(wildcard tests/interop/*_test.sh)
$(INTEROP): $(OUT)/tests/%: $(OUT)/obj/tests/%.o $(OUT)/libkeys.a $(OUT)/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(LINKER) $^ -Wl,--as-needed $(KEYS_LIBS) -o $@
check: $(INTEROP)

# ---- bench ----
# Prints ratios against a peer in the same run; decides nothing.
BENCH = $(addprefix $(OUT)/tests/bench/,measure serve repository fill)
$(BENCH): $(OUT)/tests/%: $(OUT)/obj/tests/%.o $(OUT)/libkeys.a $(OUT)/libbase.a
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(LINKER) $^ -Wl,--as-needed $(KEYS_LIBS) -o $@
# The loader's own code on a ground of the kernel tests, its writes of slots timed on their way to the library.
HOPS = $(OUT)/tests/bench/hops
$(HOPS): LDFLAGS += -Wl,--wrap=bpf_map_update_elem
$(HOPS): $(OUT)/obj/tests/bench/hops.o $(OUT)/obj/tests/bench/peers.o $(KERNEL_HELP) $(OUT)/libloader.a $(LOWER) | $(BPF_OBJECTS)
	$(link_test)
$(OUT)/tests/bench/plain: $(OUT)/obj/tests/bench/plain.o
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(LINKER) $^ -lbpf -o $@
# Preloaded: no sanitizer is in it.
$(OUT)/tests/bench/loads.so: tests/bench/loads.c | $(BUILD)/.packages-build
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(COMMON) -O1 -fPIC -shared $< -o $@ -ldl
.PHONY: bench bench-tuf bench-chain bench-interfaces
bench: bench-tuf bench-chain bench-interfaces
bench-tuf: programs $(BENCH) $(BUILD)/.packages-demo $(BUILD)/.packages-test
	@BPFSEAL_OUT=$(abspath $(OUT)) BPFSEAL_BPF=$(abspath $(BUILD)/bpf) tests/bench/tuf.sh
	@BPFSEAL_OUT=$(abspath $(OUT)) BPFSEAL_BPF=$(abspath $(BUILD)/bpf) tests/bench/publish.sh 4096 100 100000
bench-chain: programs $(BENCH) $(HOPS) $(OUT)/tests/bench/plain $(OUT)/tests/bench/loads.so
	@BPFSEAL_OUT=$(abspath $(OUT)) BPFSEAL_BPF=$(abspath $(BUILD)/bpf) tests/bench/chain.sh
bench-interfaces: programs $(PLAYERS) $(BUILD)/.packages-demo
	@BPFSEAL_OUT=$(abspath $(OUT)) BPFSEAL_BPF=$(abspath $(BUILD)/bpf) tests/bench/interfaces.sh
# The client's own test plays its servers with two of them.
check: $(BENCH)

# README.md shows what the demo printed.
readme: demo-output
	@tests/e2e/readme.sh write $(OUT)/demo.txt README.md
.PHONY: readme demo-output
demo-output: programs $(PLAYERS) $(BUILD)/.packages-demo
	@BPFSEAL_OUT=$(abspath $(OUT)) BPFSEAL_BPF=$(abspath $(BUILD)/bpf) tests/e2e/demo.sh >$(OUT)/demo.txt

# ---- fuzz ----
# make fuzz                     libFuzzer programs, one a parser (clang; VARIANT=fuzz by itself)
# make fuzz-run SECONDS=60      runs each that long; what it finds goes to $(BUILD)/found, what it learns to $(BUILD)/corpus
# make fuzz-merge               puts the fewest inputs that reach as much into tests/corpus; was-* are kept as they are
# make check-long               what takes too long for every `make check`
FUZZ_PACKAGES = clang libclang-rt-14-dev
$(BUILD)/.packages-fuzz: Makefile
	$(call need_packages,$(FUZZ_PACKAGES))

SECONDS ?= 60
FUZZ      = $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZ_HELP = $(call objects,$(filter-out %_fuzz.c %/replay.c,$(wildcard tests/fuzz/*.c)))
FUZZERS   = $(addprefix $(OUT)/fuzz/,$(FUZZ))
REPLAY    = $(addprefix $(OUT)/replay/,$(FUZZ))
$(filter-out %/route,$(REPLAY)): $(OUT)/replay/%: $(OUT)/obj/tests/fuzz/%_fuzz.o $(OUT)/obj/tests/fuzz/replay.o $(FUZZ_HELP) $(SIM) $(LOWER)
	$(link_test)
# Those that need a folder above the lower three: its archive goes before theirs.
$(OUT)/replay/route: $(OUT)/replay/%: $(OUT)/obj/tests/fuzz/%_fuzz.o $(OUT)/obj/tests/fuzz/replay.o $(OUT)/librepod.a $(LOWER)
	$(link_test)
$(OUT)/fuzz/route: $(OUT)/fuzz/%: $(OUT)/obj/tests/fuzz/%_fuzz.o $(OUT)/librepod.a $(LOWER)
	$(link_test)
$(FUZZERS): LDFLAGS += -fsanitize=fuzzer
$(filter-out %/route,$(FUZZERS)): $(OUT)/fuzz/%: $(OUT)/obj/tests/fuzz/%_fuzz.o $(FUZZ_HELP) $(SIM) $(LOWER)
	$(link_test)
$(patsubst %,$(OUT)/obj/tests/fuzz/%_fuzz.o,$(FUZZ)) $(FUZZ_HELP): | $(BUILD)/.packages-test
check: $(REPLAY)

.PHONY: fuzz fuzz-programs fuzz-run fuzz-merge check-long
fuzz: $(BUILD)/.packages-fuzz
	@$(MAKE) --no-print-directory VARIANT=fuzz fuzz-programs
fuzz-programs: $(FUZZERS)
fuzz-run: fuzz
	@mkdir -p $(BUILD)/found
	@status=0; for noun in $(FUZZ); do \
		mkdir -p $(BUILD)/corpus/$$noun; \
		case $$noun in update) more='-len_control=0 -max_len=96' ;; *) more=-dict=tests/fuzz/words.dict ;; esac; \
		$(BUILD)/fuzz/fuzz/$$noun $$more -max_total_time=$(SECONDS) -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/found/$$noun- $(BUILD)/corpus/$$noun \
			$$(ls -d tests/corpus/$$noun 2>/dev/null) >$(BUILD)/found/$$noun.log 2>&1 || \
			{ status=1; tail -40 $(BUILD)/found/$$noun.log >&2; }; \
		printf '%-12s %s\n' $$noun "$$(grep DONE $(BUILD)/found/$$noun.log)"; \
	done; exit $$status
fuzz-merge: fuzz
	@for noun in $(FUZZ); do \
		rm -rf $(BUILD)/merged; mkdir -p $(BUILD)/merged $(BUILD)/corpus/$$noun tests/corpus/$$noun; \
		$(BUILD)/fuzz/fuzz/$$noun -merge=1 -set_cover_merge=1 -use_counters=0 -max_len=8192 $(BUILD)/merged \
			$(BUILD)/corpus/$$noun tests/corpus/$$noun >$(BUILD)/merge.log 2>&1 || { tail $(BUILD)/merge.log >&2; exit 1; }; \
		[ -n "$$(ls $(BUILD)/merged)" ] || continue; \
		find tests/corpus/$$noun -type f ! -name 'was-*' -delete; \
		cp $(BUILD)/merged/* tests/corpus/$$noun/; \
	done
check-long: $(OUT)/tests/attack/mutation_test
	BPFSEAL_MUTATIONS=100000 $(OUT)/tests/attack/mutation_test
	$(MAKE) --no-print-directory fuzz-run SECONDS=30

# ---- floods ----
# A thousand changes of thirty programs on each hook under ten million frames at least (five minutes on two processors that are idle),
# and a loader that is killed in 400 updates (two).
check-long: check-flood
.PHONY: check-flood
check-flood: $(OUT)/tests/kernel/flood_test $(OUT)/tests/kernel/kill_test
	FLOOD_CHANGES=1000 FLOOD_PACKETS=10000000 FLOOD_CONTROL=200 $(OUT)/tests/kernel/flood_test
	KILL_UPDATES=400 $(OUT)/tests/kernel/kill_test

# ---- a chain on a card ----
# On the kernel's simulated one: where the module netdevsim is not loaded it says so, and fails.
.PHONY: check-offload
check-offload: programs $(PLAYERS) $(OUT)/tests/kernel/fuse_test $(BPF_OBJECTS)
	@BPFSEAL_OUT=$(abspath $(OUT)) BPFSEAL_BPF=$(abspath $(BUILD)/bpf) TEST_SECONDS=1800 \
		tests/run.sh $(OUT)/tests/kernel/fuse_test tests/offload/offload_test.sh

# ---- faults ----
# Kills, full disks and failing disks at each instant of a pull and of a publication: every so many in `make check`, all
# of them in `make check-long`. The library is preloaded into programs of every variant, so no sanitizer is in it.
FAULT = $(OUT)/tests/fault/nth.so
E2E  += $(wildcard tests/fault/*_test.sh)
$(FAULT): tests/fault/nth.c | $(BUILD)/.packages-build
	@mkdir -p $(@D)
	@echo "  LINK  $@"
	@$(CC) $(COMMON) -O1 -fPIC -shared $< -o $@
check: $(FAULT)
check-long: check-faults
.PHONY: check-faults
check-faults: programs $(PLAYERS) $(FAULT)
	BPFSEAL_OUT=$(abspath $(OUT)) BPFSEAL_BPF=$(abspath $(BUILD)/bpf) FAULT_STRIDE=1 TEST_SECONDS=3600 \
		tests/run.sh $(wildcard tests/fault/*_test.sh)

# ---- the rest ----
ALL_SOURCES = $(wildcard */*.c */*.h tests/*/*.c tests/*/*.h tests/unit/*/*.c)
format:
	@clang-format -i $(ALL_SOURCES)
format-check:
	@clang-format --dry-run -Werror $(ALL_SOURCES)

compile_commands.json: $(BUILD)/compile_commands.json
$(BUILD)/compile_commands.json: Makefile
	@mkdir -p $(BUILD)
	@{ sep='['; for f in $(filter-out %.bpf.c,$(wildcard */*.c tests/*/*.c tests/unit/*/*.c)); do \
		printf '%s\n{"directory":"%s","file":"%s","command":"%s"}' "$$sep" '$(CURDIR)' $$f \
			"cc -std=gnu11 -D_GNU_SOURCE -iquote . -Wall -Wextra -Wconversion -Wshadow -c $$f"; sep=','; \
	done; printf '\n]\n'; } > $@

install: programs
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/bpfseal $(DESTDIR)$(PREFIX)/include/bpfseal \
		$(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 0755 $(BIN)/bpfseal $(DESTDIR)$(PREFIX)/bin/
	install -m 0755 $(addprefix $(BIN)/,$(filter-out bpfseal,$(PROGRAMS))) packaging/setup.sh $(DESTDIR)$(PREFIX)/libexec/bpfseal/
	install -m 0644 bpf/chain.h bpf/packet.h $(DESTDIR)$(PREFIX)/include/bpfseal/
	for page in $(wildcard */*.1 */*.5 */*.8); do \
		install -m 0644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/; done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 0644 packaging/bpfseal.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/bpfseal
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	for unit in packaging/*.service packaging/*.socket packaging/*.timer; do \
		sed 's|/usr/bin/|$(PREFIX)/bin/|' $$unit >$(DESTDIR)$(PREFIX)/lib/systemd/system/$${unit##*/}; done
	if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then packaging/setup.sh; fi
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/bpfseal
	rm -rf $(DESTDIR)$(PREFIX)/libexec/bpfseal $(DESTDIR)$(PREFIX)/include/bpfseal
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/bpfseal
	rm -f $(foreach page,$(wildcard */*.1 */*.5 */*.8),$(DESTDIR)$(PREFIX)/share/man/man$(subst .,,$(suffix $(page)))/$(notdir $(page)))
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/lib/systemd/system/,$(notdir $(wildcard packaging/*.service packaging/*.socket packaging/*.timer)))
clean:
	rm -rf $(BUILD)

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)
