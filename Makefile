# Everything sets itself up: Python 3.11+, venv and make are enough.

PYTHON ?= python3
BIN    := .venv/bin
CORPUS ?= ../shared/corpus
REPORT ?= build/conformance.json

.PHONY: run test check format bench clients conformance lock clean help

help:            ## Show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: .venv/run   ## Serve the gateway on 127.0.0.1:8400 (ARGS="--port 9000")
	@$(BIN)/portico up $(ARGS)

test: .venv/dev  ## Run every test (ARGS="-k name")
	$(BIN)/pytest $(ARGS)

check: .venv/dev ## Format, lint, types, import contracts, size budgets
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/test_architecture.py

format: .venv/dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

conformance: .venv/dev ## Compare with recorded exchanges (CORPUS=DIR REPORT=FILE)
	@mkdir -p $(dir $(REPORT))
	$(BIN)/python tests/conformance/run.py --corpus $(CORPUS) --report $(REPORT)

clients: .venv/dev ## Run real clients and agents against a gateway (ARGS="--only NAMES", --json, --upgrade)
	$(BIN)/python tests/clients/run.py $(ARGS)

bench: .venv/dev ## Measure beside nginx, LiteLLM and Portkey (ARGS="--quick")
	$(BIN)/python bench/run.py $(ARGS)

lock: .venv/dev  ## Pin the dependencies anew, with hashes
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate -q --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-header --no-annotate -q --upgrade -o requirements-dev.lock

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

.venv/run: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing (once) ..." >&2
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/dev: requirements-dev.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing what the tests need (once) ..." >&2
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@ .venv/run
