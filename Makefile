.PHONY: demo build test servers lint deny openapi bench-read bench-search bench-request bench-credential fuzz

# Builds, then serves sample logs and an identity provider of its own on http://127.0.0.1:8080 (ARGS="--port 9090" for another port).
demo: build
	target=$${CARGO_TARGET_DIR:-target}; exec "$$target/release/logboom" demo $(ARGS)

build:
	cargo build --release --locked

# Installs the pinned test servers where they are missing, then runs every test.
test: servers
	cargo test --locked

servers:
	@tests/servers/install >/dev/null

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

# Licences, duplicates and forbidden crates of the dependency tree, by the rules in .cargo/deny.toml.
deny:
	@command -v cargo-deny >/dev/null || { echo "cargo-deny is missing; install it: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo deny --locked check licenses bans sources

# Writes the contract that the code makes into docs/, where changes to it are reviewed.
openapi:
	cargo run --locked --quiet -- openapi > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

# Reading beside nginx, in ratios: ARGS=--quick for a minute's worth, ARGS=--write to renew docs/performance.md.
bench-read: build
	python3 benches/read.py $(ARGS)

# Searching beside what a shell does, in ratios: ARGS=--quick for less, ARGS=--write to renew docs/performance-search.md.
bench-search: build
	python3 benches/search.py $(ARGS)

# What stands on every request, in microseconds.
bench-request:
	cargo bench --locked --bench request

# What a credential that is held adds to a request, in nanoseconds.
bench-credential:
	cargo bench --locked --bench credential

# Looks for input that breaks what reads it: TARGET=gzip for one target alone, SECONDS=600 for longer. Stable Rust is enough.
fuzz:
	fuzz/run $(or $(SECONDS),60) $(TARGET)
