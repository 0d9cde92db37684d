# make build    dist/mailferry, one file that needs nothing else
# make demo     the built-in demonstration
# make test     all tests, those against real servers included
# make check    format, lint, types, folder boundaries, generated pages
# make bench    mailferry beside HAProxy and nginx
# make install  PREFIX=/usr/local and DESTDIR= as usual
# make clean    removes dist and .tools; downloads stay in the cache folder of the user

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
DESTDIR ?=

# Lets Deno trust the host's certificate store, where a package index sits behind a private authority.
export DENO_TLS_CA_STORE = system
export DENO_NO_UPDATE_CHECK = 1

DENO := .tools/deno
# Expanded only by `build`: the stub is fetched for nothing else. DENORT_BIN names one of your own.
STUB = $(if $(DENORT_BIN),$(DENORT_BIN),.tools/denort)
WORKERS := $(wildcard src/worker/main.ts src/store/sql/sqlite_worker.ts src/control/bulk/import_worker.ts)
SOURCES := $(shell find main.ts src -name '*.ts' ! -name '*_test.ts' 2>/dev/null)

.PHONY: all build demo test bench check install clean
all: build

build: dist/mailferry

# A small young generation: sessions that end leave garbage, and by default V8 would let it grow to
# some 60 MB in each worker before it looks, and keep them. So little is looked through in a millisecond
# by one thread; to share it out costs more, and on a busy machine waits 10 to 20 ms for the others.
V8_FLAGS := --max-semi-space-size=2,--no-parallel-scavenge

# No code cache: the runtime would look for it in a folder where everybody may write, and run what it says.
dist/mailferry: $(SOURCES) deno.json deno.lock tools/versions.sh tools/left_out.ts Makefile | $(DENO) $(STUB)
	@mkdir -p dist
	$(DENO) cache --quiet --frozen main.ts
	left_out=$$($(DENO) run -A tools/left_out.ts) && \
	DENORT_BIN=$(abspath $(STUB)) $(DENO) compile --quiet --frozen --no-check -A --no-code-cache \
	  --v8-flags=$(V8_FLAGS) \
	  $(addprefix --include ,$(WORKERS)) $$left_out --output $@ main.ts

.tools/deno: tools/versions.sh tools/bootstrap.sh tools/wheel.py
	tools/bootstrap.sh deno

.tools/denort: tools/versions.sh tools/bootstrap.sh tools/wheel.py
	tools/bootstrap.sh denort

demo: build
	dist/mailferry demo

check: $(DENO)
	$(DENO) task check

# Both suites run even when the first fails, so that one run shows everything that is wrong.
test: build
	tools/install_test_deps.sh
	tools/install_schemathesis.sh
	status=0; \
	$(DENO) task test || status=1; \
	$(DENO) task test:scenarios || status=1; \
	exit $$status

bench: build
	$(DENO) run -A bench/run.ts

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSCONFDIR)/mailferry
	install -m 755 dist/mailferry $(DESTDIR)$(PREFIX)/bin/mailferry
	sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' packaging/mailferry.service \
	  >$(DESTDIR)$(UNITDIR)/mailferry.service
	chmod 644 $(DESTDIR)$(UNITDIR)/mailferry.service
	install -m 644 config.example.toml $(DESTDIR)$(SYSCONFDIR)/mailferry/config.example.toml

clean:
	rm -rf dist .tools
