.PHONY: test lint servers bench-read

# Installs the pinned test servers where they are missing, then runs every test.
test: servers
	cargo test --locked

servers:
	@tests/servers/install >/dev/null

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

# Reading beside nginx, in ratios: ARGS=--quick for a minute's worth, ARGS=--write to renew docs/performance.md.
bench-read:
	cargo build --release --locked
	python3 benches/read.py $(ARGS)
