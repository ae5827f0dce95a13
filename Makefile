# Two commands do all: `make demo` and `make test`. Each installs what it needs on a fresh Debian 12 machine with Rust.

CARGO ?= cargo
DENY_VERSION = 0.20.2
PREVIEW = dashboards/preview
INSTALL = apt-get install --yes --no-install-recommends
# Debian's packages, where a command is missing.
needs = command -v $(1) >/dev/null || $(INSTALL) $(2) || { apt-get update && $(INSTALL) $(2); }

.PHONY: demo lab prove preview test check bench bless dashboards preview-page fetch deny python node chromium ip

## demo: a primary with load and backups, a standby, a pooler with a queue, an exporter for each, Prometheus; until Ctrl-C or for DEMO_SECONDS
demo: fetch
	$(CARGO) build --release --package pg-exporter --package pgbouncer-exporter --package pgbackrest-exporter
	./target/debug/lab demo --programs target/release

## lab: the whole architecture: Patroni, etcd, HAProxy, three servers with poolers and exporters, backups, alerts; until Ctrl-C or for LAB_SECONDS
lab: fetch
	$(CARGO) build --release --package pg-exporter --package pgbouncer-exporter --package pgbackrest-exporter
	./target/debug/lab architecture --programs target/release

## prove: causes real faults in the architecture, waits for the alerts at a webhook, and writes the times into docs/alerts.md; 20 minutes
prove: fetch
	$(CARGO) build --release --package pg-exporter --package pgbouncer-exporter --package pgbackrest-exporter
	./target/debug/lab prove --programs target/release --table docs/alerts.md
	./target/debug/lab failover --programs target/release --table docs/alerts.md

## preview: the dashboards in your browser, without a Grafana; PROMETHEUS_URL is what make demo or make lab printed
preview: preview-page
	PREVIEW_PORT=$${PREVIEW_PORT:-3000} node $(PREVIEW)/server/serve.js

## test: everything: check, then all tests on real servers
test: check chromium ip
	./target/debug/lab fetch
	$(CARGO) test --workspace

## check: what needs no server: format, lints, dependencies, the collector files
check: deny python
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- --deny warnings
	$(CARGO) deny --log-level error check bans licenses sources
# All at once, as for the tests: a part alone has other features of its dependencies, which would be built twice.
	$(CARGO) build --workspace --all-targets
	./target/debug/pg-exporter check collectors/pg
	./target/debug/pgbouncer-exporter check collectors/pgbouncer
	./target/debug/pgbouncer-exporter check collectors/pgbouncer_exporter
	./target/debug/pgbackrest-exporter check collectors/pgbackrest
	sh docs/reference/generate.sh target/debug target/reference
	for page in target/reference/*.md; do diff docs/reference/$${page##*/} $$page || { echo "docs/reference/$${page##*/} is old: make bless"; exit 1; }; done
	python3 -B dashboards/source/generate.py --check
	python3 -B tests/lint/words.py
	! $(CARGO) tree --package pgbackrest-exporter --edges normal,build --prefix none | grep --extended-regexp '^(tokio-postgres|postgres|pgclient|sqlx|rusqlite|mysql)'
	! $(CARGO) tree --package engine --edges normal,build --prefix none | grep --extended-regexp '^(tokio-postgres|postgres|sqlx|rusqlite|mysql)'

## bench: what a scrape costs, on a load it makes itself
bench: fetch
	$(CARGO) build --release --package pg-exporter
	./target/debug/lab bench --pg-exporter target/release/pg-exporter

## bless: writes anew what is generated and checked in; read the diff
bless: fetch dashboards
	$(CARGO) build --package pg-exporter --package pgbouncer-exporter --package pgbackrest-exporter
	sh docs/reference/generate.sh target/debug docs/reference
	UPDATE_EXPECT=1 $(CARGO) test --quiet --workspace --test unit --test servers collector_files

## dashboards: writes dashboards/*.json from dashboards/source; nothing but Python's own library is needed
dashboards: python
	python3 -B dashboards/source/generate.py

fetch: chromium ip
	$(CARGO) build --package lab
	./target/debug/lab fetch

deny:
	$(CARGO) deny --version 2>/dev/null | grep --quiet '$(DENY_VERSION)' || $(CARGO) install --debug --locked --version $(DENY_VERSION) cargo-deny

preview-page: $(PREVIEW)/dist/index.html chromium

$(PREVIEW)/dist/index.html: $(PREVIEW)/node_modules/.package-lock.json $(PREVIEW)/bundle.js $(PREVIEW)/index.html $(shell find $(PREVIEW)/src -type f)
	cd $(PREVIEW) && node bundle.js
	touch $@

# Takes 600 MB, and only when the lock changed.
$(PREVIEW)/node_modules/.package-lock.json: $(PREVIEW)/package-lock.json | node
	cd $(PREVIEW) && npm ci --no-progress
	touch $@

node:
	$(call needs,npm,nodejs npm)

ip:
	$(call needs,ip,iproute2)

chromium:
	$(call needs,chromium,chromium)

python:
	$(call needs,python3,python3)
