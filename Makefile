# gmmsweep. `make help` lists the targets; V=1 shows the commands.
# Yours to set: CC CFLAGS CPPFLAGS LDFLAGS PREFIX DESTDIR BUILD PYTHON CLANG_FORMAT HDF5_DIR
# OPENBLAS_DIR FAULTS; CXX BENCH MNIST BENCH_SCALE of `make bench`.

VERSION = 0.1.0
BUILD = build
PREFIX ?= /usr/local
CFLAGS ?= -O3 -g
CLANG_FORMAT ?= clang-format-14

# What the results rest on stands after CFLAGS, so that it holds. Nothing here or there may change
# what floating point computes: no -ffast-math, no contraction to fma unless the source says so.
rules = -std=c11 -D_GNU_SOURCE -fopenmp -fno-math-errno -ffp-contract=off
warnings = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes

# Libraries. $(call find,PACKAGES,LIBS,DIR) gives the flags of the first of PACKAGES that pkg-config
# knows, else LIBS: in DIR, if set, or wherever CPATH and LIBRARY_PATH lead. A library is a word in
# `libraries`, a line here and a line in src/deps.sh.
comma = ,
find = $(or $(shell for p in $1; do pkg-config --cflags --libs $$p 2>/dev/null && break; done),\
  $(if $3,-I$3/include -L$3/lib -Wl$(comma)-rpath$(comma)$3/lib) $2)
libraries = hdf5 openblas lapacke yaml zlib zip png jpeg crypto
hdf5 := -lhdf5_hl $(call find,hdf5-serial hdf5,-lhdf5,$(HDF5_DIR))
openblas := $(call find,openblas,-lopenblas,$(OPENBLAS_DIR))
lapacke := $(call find,lapacke,-llapacke,$(OPENBLAS_DIR))
yaml := $(call find,yaml-0.1,-lyaml)
zlib := $(call find,zlib,-lz)
zip := $(call find,libzip,-lzip)
png := $(call find,libpng,-lpng)
jpeg := $(call find,libjpeg,-ljpeg)
crypto := $(call find,libcrypto,-lcrypto)
check := $(call find,check,-lcheck -lsubunit -lrt -lm -pthread)
cflags_of = $(patsubst -I%,-isystem %,$(filter -I% -D%,$1))
libs_of = $(filter-out -I% -D%,$1)
flags = $(foreach library,$(libraries),$($(library)))

# -iquote: a header of ours never stands in for a system header of the same name.
compile = $(CC) $(warnings) -iquote include -iquote $(BUILD) $(call cflags_of,$(flags) $(check)) \
  $(CPPFLAGS) $(CFLAGS) $(rules)
link = $(CC) $(CFLAGS) $(rules) $(LDFLAGS)

sources := $(wildcard src/*.c src/*/*.c)
tests := $(wildcard tests/check_*.c)
twins := $(filter-out $(tests),$(wildcard tests/*.c))
scripts := $(wildcard tests/cli/*.py tests/cli/*.sh)
objects := $(patsubst %.c,$(BUILD)/%.o,$(filter-out src/main.c,$(sources)))
programs := $(tests:%.c=$(BUILD)/%)
formatted := $(wildcard src/*.[ch] src/*/*.[ch] include/*.h include/*/*.h tests/*.[ch] \
  tests/*/*.[ch] tests/*/*.cc)

MAKEFLAGS += --no-print-directory
say = $(if $(V),,@printf '  %-3s %s\n' $1 $2;)
judged = GMMSWEEP=$(abspath $(BUILD)/gmmsweep) PYTHON=$$(sh src/deps.sh python) \
  PYTHONDONTWRITEBYTECODE=1
deps = +@MAKE='$(MAKE)' sh src/deps.sh

.PHONY: all deps demo check check-slurm check-browser check-faults bench units tests asan ubsan tsan \
  coverage format format-check install clean help FORCE
.SECONDARY:
.DELETE_ON_ERROR:

all: $(BUILD)/gmmsweep $(BUILD)/gmmsweep.1 ## build program, library and manual page (the default)

$(BUILD)/gmmsweep: $(BUILD)/src/main.o $(BUILD)/libgmmsweep.a
	$(call say,LD,$@)$(link) -o $@ $^ $(call libs_of,$(flags)) -lm

$(BUILD)/gmmsweep.1: $(BUILD)/gmmsweep
	$(call say,MAN,$@)$< help --man >$@

$(BUILD)/libgmmsweep.a: $(objects)
	$(call say,AR,$@)rm -f $@; $(AR) rcs $@ $^

$(BUILD)/tests/check_%: $(BUILD)/tests/check_%.o $(twins:%.c=$(BUILD)/%.o) $(BUILD)/libgmmsweep.a
	$(call say,LD,$@)$(link) -o $@ $^ $(call libs_of,$(check) $(flags)) -lm

# Kernels are compiled for several instruction sets, of which the machine that runs them chooses.
ifneq ($(filter x86_64%,$(shell $(CC) -dumpmachine)),)
$(BUILD)/src/fit/kernels_avx2.o: set = -mavx2 -mfma
$(BUILD)/src/fit/kernels_avx512.o: set = -mavx2 -mfma -mavx512f -mprefer-vector-width=512
endif

$(BUILD)/%.o: %.c $(BUILD)/flags | $(BUILD)/version.h
	@mkdir -p $(@D)
	$(call say,CC,$<)$(compile) $(set) -MMD -MP -c -o $@ $<

# The style sheet and the script of the report, as C texts, one a line.
$(BUILD)/%.h: src/report/%
	@mkdir -p $(@D)
	@sed 's/[\\"]/\\&/g; s/.*/"&\\n",/' $< >$@

$(BUILD)/src/report/page.o: $(BUILD)/page.css.h $(BUILD)/page.js.h

# These two are looked at in every build and rewritten only when they say something new: `flags` has
# everything compiled again, version.h only what shows it.
update = cmp -s $@.new $@ && rm $@.new || mv $@.new $@
quoted = $(subst ",\",$(subst \,\\,$1))

$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(compile) $(LDFLAGS)' >$@.new; $(update)

$(BUILD)/version.h: FORCE
	@mkdir -p $(@D)
	@revision=; dirty=; date=; if [ -e .git ]; then \
	  revision=$$(git rev-parse --verify HEAD 2>/dev/null); \
	  date=$$(git show -s --format=%cs HEAD 2>/dev/null); \
	  [ -z "$$(git --no-optional-locks status --porcelain 2>/dev/null)" ] || dirty=-dirty; fi; \
	printf '#define GMMSWEEP_%s "%s"\n' VERSION '$(VERSION)' \
	  REVISION "$${revision:-unknown}$${revision:+$$dirty}" DATE "$$date" \
	  COMPILER "$$($(CC) --version | head -n 1)" \
	  CFLAGS '$(call quoted,$(strip $(CFLAGS) $(rules)))' >$@.new; $(update)

deps: ## install on Debian what building needs and the machine lacks (root or sudo)
	$(deps)

demo: ## install, build, run configs/demo.yaml and show the ranked fits
	$(deps)
	@$(MAKE) all
	$(BUILD)/gmmsweep run configs/demo.yaml
	$(BUILD)/gmmsweep show results/demo

check: ## install (judges too), build and run all tests; PYTHON= names the interpreter
	$(deps) check
	@$(MAKE) all
	@if MAKE='$(MAKE)' sh src/deps.sh has check; then $(MAKE) tests; fi
	@$(judged) sh tests/run.sh $(programs) $(scripts)

check-slurm: all ## a night under a private Slurm (needs slurm-wlm and munge; three minutes)
	@$(judged) sh -c '"$$PYTHON" tests/slurm/night.py'

check-browser: all ## open reports in headless Chromium (needs chromium; a minute)
	@$(judged) sh tests/run.sh tests/browser/report.py

# A library for LD_PRELOAD, of all files in its folder.
$(BUILD)/tests/faults/shim.so: $(wildcard tests/faults/*.c) $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD,$@)$(compile) -fPIC -shared -o $@ $(filter %.c,$^) -ldl

check-faults: all $(BUILD)/tests/faults/shim.so ## kill and fail runs everywhere; FAULTS= which
	@$(judged) FAULT_SHIM=$(abspath $(BUILD)/tests/faults/shim.so) \
	  sh -c '"$$PYTHON" tests/faults/check.py $(FAULTS)'

# A peer, as fast as its headers and this machine allow. Without them the table names it as missing.
$(BUILD)/tests/bench/armadillo: tests/bench/armadillo.cc
	@mkdir -p $(@D)
	$(call say,CXX,$@)$(CXX) -O3 -march=native -fopenmp $(CPPFLAGS) -DARMA_DONT_USE_WRAPPER \
	  -o $@ $< $(call libs_of,$(openblas))

bench: all ## our times beside scikit-learn's and Armadillo's; BENCH= which, MNIST= folder
	@if echo '#include <armadillo>' | $(CXX) $(CPPFLAGS) -E -x c++ - >/dev/null 2>&1; then \
	  $(MAKE) $(BUILD)/tests/bench/armadillo; fi
	@$(judged) BUILD=$(abspath $(BUILD)) MNIST='$(MNIST)' \
	  sh -c '"$$PYTHON" tests/bench/bench.py $(BENCH)'

tests: $(programs)

units: tests ## build and run the unit tests only
	@sh tests/run.sh $(programs)

# A test that takes 10 s takes minutes under a sanitizer.
instrumented = CK_DEFAULT_TIMEOUT=600 $(MAKE) BUILD=$(BUILD)/$@ \
  CFLAGS='-O1 -g -fno-omit-frame-pointer $1' units

asan: ## unit tests under AddressSanitizer, in build/asan
	+@$(call instrumented,-fsanitize=address)

ubsan: ## unit tests under UndefinedBehaviorSanitizer, in build/ubsan
	+@$(call instrumented,-fsanitize=undefined -fno-sanitize-recover=all)

# clang, since only LLVM's OpenMP tells ThreadSanitizer of its barriers (by its tool Archer).
tsan: ## unit tests under ThreadSanitizer, in build/tsan (clang, libomp-dev)
	+@TSAN_OPTIONS=ignore_noninstrumented_modules=1 \
	  $(call instrumented,-fsanitize=thread) CC=clang

coverage: ## share of lines that the unit tests run, file by file
	+@$(call instrumented,--coverage)
	@gcov -n $(BUILD)/coverage/src/*.gcno $(BUILD)/coverage/src/*/*.gcno | awk -F"'" \
	  '/^File/ { file = $$2 } /^Lines/ && file ~ /^src/ { print $$0, file; file = "" }'

format: ## clang-format all sources
	$(CLANG_FORMAT) -i $(formatted)

format-check: ## fail if `make format` would change anything
	$(CLANG_FORMAT) --dry-run --Werror $(formatted)

share = $(DESTDIR)$(PREFIX)/share
install: all ## copy program, manual page, README, completion under DESTDIR PREFIX (/usr/local)
	install -D $(BUILD)/gmmsweep $(DESTDIR)$(PREFIX)/bin/gmmsweep
	install -D -m 644 $(BUILD)/gmmsweep.1 $(share)/man/man1/gmmsweep.1
	install -D -m 644 src/completion.bash $(share)/bash-completion/completions/gmmsweep
	install -D -m 644 README.md $(share)/doc/gmmsweep/README.md

clean: ## remove build/
	rm -rf $(BUILD)

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

# src/deps.sh asks, with a program on standard input, whether it builds with a library as here.
probe-%:
	@$(link) $(call cflags_of,$($*)) $(CPPFLAGS) -x c - -x none $(call libs_of,$($*)) -o /dev/null

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d)
