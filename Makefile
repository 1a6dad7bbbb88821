# Everything one types. `make` alone explains itself.
# The first interpreter that is new enough, unless one is named.
PYTHON ?= $(shell for one in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$one -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$one && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
UV := $(firstword $(wildcard $(BIN)/uv) uv)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-full check bench migration lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## everything into .venv (the other targets do it by themselves)

# Made again only when the locked versions or the project's own description change.
$(STAMP): requirements.lock pyproject.toml
	@test -x $(BIN)/python || { test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; } || { \
	  echo "O2C Hub needs Python 3.11 or newer and found none. Install it and run make again," >&2; \
	  echo "or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "Python cannot make a virtual environment. On Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -e .
	$(BIN)/python -m compileall -q hub connectors  # processes start in half the time, also where Python may not write
	@touch $@

demo: $(STAMP) ## the whole story from won deal to paid order, on this machine
	$(BIN)/hub demo

test: $(STAMP) ## all tests; counts and seconds by part at the end
	$(BIN)/python -m tests.run_parts

test-full: $(STAMP) ## the same with every crash point and the full sizes; takes a good while
	HUB_TEST_FULL=1 $(BIN)/python -m tests.run_parts

check: $(STAMP) ## the gate without tests: format, lint, types, floors, house rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.gate

bench: $(STAMP) ## the figures, with machine, versions and durability beside them
	$(BIN)/python -m tests.bench

migration: $(STAMP) ## make migration name="what changes": the next schema step, from hub/db/tables.py
	@test -n "$(name)" || { echo 'Say what changes: make migration name="add column x"' >&2; exit 1; }
	$(BIN)/python -m tests.support.revise "$(name)"

COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet
lock: ## resolve pyproject.toml anew into requirements.lock and the image's two (needs uv)
	$(COMPILE) pyproject.toml --extra dev --extra otel --upgrade --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra otel --constraint requirements.lock --output-file deploy/requirements.lock
	echo hatchling | $(COMPILE) - --constraint requirements.lock --output-file deploy/build.lock
	@! grep -nE '://|index-url|find-links|file:' requirements.lock deploy/*.lock

clean: ## remove what the tools made; never your data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
