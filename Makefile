# Everything a contributor or CI does. Built files stay outside the tree, so that a fresh clone finds them warm.
REEVE_CACHE  ?= $(HOME)/.cache/reeve
REEVE_TARGET ?= $(REEVE_CACHE)/target
export REEVE_CACHE
export CARGO_TARGET_DIR := $(REEVE_TARGET)
export REEVE_BIN        := $(REEVE_TARGET)/debug
export REEVE_ROOT_BIN   := $(REEVE_TARGET)/root/debug

CARGO     := cargo
# What runs as root is built by its own call: in one with the rest, features unify and everything links into it.
ROOT      := --locked --no-default-features
ROOT_DIR  := --target-dir $(REEVE_TARGET)/root

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-real test-azure test-wasm bench build release deb check lint unit e2e live-systemd scripts install-deps clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the whole thing once, narrated, on this machine
	demo/run.sh

test: install-deps lint unit scripts e2e live-systemd ## everything that needs no virtual machine (root; installs what is missing)

test-real: ## on real components: signal-cli, and the end-to-end suite on OpenZFS in a virtual machine
	tests/install-packages.sh real
	tests/real/signal-cli.sh
	$(MAKE) build
	tests/real/signal-unit.sh
	tests/real.sh

test-azure: build ## secrets from Key Vault, on a fake that Microsoft's own SDKs find right (root)
	tests/install-packages.sh real
	tests/azure.sh
	tests/azure/unit.sh

# Without what is optional otherwise, so that a host agent without it is tried as well.
WASM := --locked --no-default-features --features full,wasm
test-wasm: ## tier W, which is not built unless it is asked for, and no other optional feature (root)
	$(CARGO) clippy $(WASM) --lib --bins --test e2e -- -D warnings
	$(CARGO) test $(WASM) --lib -- wasm:: sandbox:: adapter::tool cli::reference secret:: vault::
	$(CARGO) build $(WASM)
	$(CARGO) build $(ROOT) $(ROOT_DIR) --bins
	REEVE_FEATURES='--no-default-features --features full,wasm' tests/e2e.sh --zfs fake tools::wasm:: main_line::

bench: ## measure against baselines; writes target/figures.json
	benches/run.sh

build: ## debug build: all programs, and root's side on its own
	$(CARGO) build --locked
	$(CARGO) build $(ROOT) $(ROOT_DIR) --bins

# FEATURES='--features wasm' for tier W, too
FEATURES ?=
release: ## release build, as install.sh expects it in target/
	CARGO_TARGET_DIR=target $(CARGO) build --locked --release $(FEATURES) --bin reeve --bin reeved --bin reeve-gate --bin reeve-builtin $(if $(findstring wasm,$(FEATURES)),--bin reeve-wasm)
	$(if $(findstring wasm,$(FEATURES)),,rm -f target/release/reeve-wasm)
	CARGO_TARGET_DIR=target $(CARGO) build $(ROOT) --bins --release --target-dir target/root

deb: release ## the Debian package, in target/
	.ci/deb.sh target

check: ## quick: does it compile
	$(CARGO) check --locked --all-targets

lint: ## formatting, clippy, shellcheck
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --test e2e --test systemd -- -D warnings
	$(CARGO) clippy $(ROOT) $(ROOT_DIR) --lib --bins -- -D warnings
	shellcheck .ci/run $$(find . -name target -prune -o -name '*.sh' -print)

unit: ## unit and integration tests
	$(CARGO) test --locked

scripts: build ## the test host itself, the installer, sudo's rule and the units, with real calls
	tests/alerts.sh
	tests/dashboard.sh
	tests/isolation.sh
	tests/install.sh
	tests/first.sh
	tests/role.sh
	tests/doctor.sh
	tests/lifecycle.sh
	tests/deb.sh
	tests/sudoers.sh
	tests/units.sh
	tests/demo.sh
	tests/rootless.sh

e2e: build ## the end-to-end suite with real users and sudo, on the ZFS fake
	tests/e2e.sh --zfs fake
	REEVE_START=direct tests/e2e.sh --zfs fake main_line:: users::

live-systemd: build ## systemd's operations, and the whole chain, on a running systemd of their own (systemd-nspawn)
	tests/systemd.sh
	tests/services.sh
	NSPAWN_SUITE=bookworm tests/services.sh
	tests/life.sh
	tests/sudo-rs.sh

install-deps: ## the Debian packages that the tests call
	tests/install-packages.sh test

clean: ## remove what was built (the virtual machine's image stays)
	rm -rf $(REEVE_TARGET) target
