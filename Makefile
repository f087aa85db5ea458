# `make` alone prints the help screen. Python >= 3.11 is all that `make demo` needs.
PYTHON ?= python3
BIN := .venv/bin
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

PYTEST := $(BIN)/python -m pytest -n 5 --dist loadscope --no-loadscope-reorder --max-worker-restart 0

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-alone test-extra check format lock clean

help: ## show this help
	@echo "SpanLedger: an exact ledger of LLM spend and outcome"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  ARGS="--for 90 --headless --report demo.json" make demo     ends by itself and compares with the truth'

setup: .venv/.run-ready ## make .venv with the command `spanledger` in it

demo: setup ## run everything: broker, gateway, worker, pages, 30 simulated days and one incident
	@$(BIN)/spanledger demo $(ARGS)

test: .venv/.dev-ready ## run the tests (needs Chromium and Alertmanager; installs them where it may)
	@sh tests/components.sh chromium prometheus-alertmanager
	@$(PYTEST) $(ARGS)

test-long: .venv/.dev-ready ## the tests that take longest: Spark (needs a Java), FOCUS validator, laws, torture
	@sh tests/components.sh openjdk-17-jre-headless
	@sh tests/focus-validator.sh
	@$(PYTEST) -m long $(ARGS)

test-alone: .venv/.dev-ready ## the tests of promised times, one after the other
	@$(BIN)/python -m pytest -m alone $(ARGS)

test-extra: .venv/.dev-ready ## tests with what cannot be installed here: a real OpenTelemetry Collector (needs Go)
	@sh deploy/collector/build.sh
	@$(BIN)/python -m pytest -m extra $(ARGS)

check: .venv/.dev-ready ## lint, types, import walls
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/.dev-ready ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

lock: .venv/.dev-ready ## resolve the dependencies again into the two lock files
	@$(UV_COMPILE) --extra build pyproject.toml -o requirements.lock
	@$(UV_COMPILE) --all-extras -c requirements.lock pyproject.toml -o requirements-dev.lock

clean: ## remove what make made (not your data)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "SpanLedger needs Python 3.11 to 3.13; $$($(PYTHON) --version) was found. Say PYTHON=python3.13 make …"; exit 2; }
	@echo "[1/4] virtual environment .venv ($$($(PYTHON) --version))"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.run-ready: .venv/.made requirements.lock pyproject.toml
	@echo "[2/4] locked wheels: $$(grep -c '^[a-z0-9].*==' requirements.lock) packages, about 1.3 GB unpacked"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo "[3/4] the command spanledger"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo "[4/4] the engine, compiled for this machine"
	@$(BIN)/python -m processors.prepare
	@touch $@

.venv/.dev-ready: .venv/.run-ready requirements-dev.lock
	@echo "[+] locked wheels of the tests and checks"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
