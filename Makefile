.PHONY: test lint servers

# Installs the pinned test servers where they are missing, then runs every test.
test: servers
	cargo test --locked

servers:
	@tests/servers/install >/dev/null

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
