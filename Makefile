# Doors of the project; `make help` lists them. They need only Python >= 3.11 and make.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11 python; do $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
T ?= tests

.PHONY: help run demo test test-all lint bench docs lock clean

help: ## list the doors
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/run ## start the whole platform on one port, with sample venues and a client to try
	@exec $(BIN)/python -m services.trial

demo: .venv/dev ## play the whole chain against a fresh platform and check each step
	@exec $(BIN)/python -m deploy.demo

test: .venv/dev ## the tests of every day, under 5 minutes (T=path runs a part)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(T)

test-all: .venv/dev lint ## every test, the long ones too, and the demonstration: what CI runs
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "long or not long" tests
	$(BIN)/python -m deploy.demo

lint: .venv/dev ## format, rules, types, imports, generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy shared services deploy benchmarks tests/support tests/contract
	$(BIN)/lint-imports
	$(BIN)/python -m shared.events.documentation --check

bench: .venv/dev ## measure, print and write benchmarks/results.json
	$(BIN)/python -m benchmarks

docs: .venv/dev ## write the generated documents again
	$(BIN)/python -m shared.events.documentation

lock: .venv/dev ## resolve pyproject.toml into requirements/ again (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev pyproject.toml -o requirements/dev.txt

clean: ## remove the environment and what runs left behind
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/python:
	@test -n "$(PYTHON)" || { echo 'Relais needs Python 3.11 or newer, and none was found. Try: make PYTHON=/path/to/python3.12 ...' >&2; exit 2; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/run: .venv/python requirements/run.txt
	@echo "Installing locked dependencies…"
	@$(BIN)/python -m pip install --quiet --require-hashes --disable-pip-version-check -r requirements/run.txt
	@touch $@

.venv/dev: .venv/python requirements/dev.txt
	@echo "Installing locked dependencies…"
	@$(BIN)/python -m pip install --quiet --require-hashes --disable-pip-version-check -r requirements/dev.txt
	@touch .venv/run $@
