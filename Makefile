# `make` lists what there is to do. All set-up lives in .venv and is redone when pyproject.toml
# changes. Windows: the README shows the same as plain commands.

# The first Python here that is new enough, or the one named: make hello PYTHON=/path/to/python3.12
ifndef PYTHON
PYTHON := $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
  && echo $$python && break; done)
endif
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help hello test setup lint lessons bench clean

help: ## list the targets
	@echo "hello_dl: how does deep learning actually work?"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name what; \
	  do printf '  make %-8s  %s\n' "$$name" "$$what"; done

hello: $(VENV)/.installed ## set up, then watch a network learn handwritten digits
	$(BIN)/hello-dl digits

test: $(VENV)/.tools ## set up, then run all tests
	$(BIN)/python -m pytest

setup: $(VENV)/.tools ## set up only: the library, its tests and its checks in .venv

lint: $(VENV)/.tools ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lessons: $(VENV)/.installed ## run every lesson with --quick
	@set -e; for lesson in lessons/[0-9]*.py; do \
	  echo; $(BIN)/python "$$lesson" --quick; done

bench: $(VENV)/.tools ## our engines beside the peers that are installed
	$(BIN)/python benchmarks/run.py

clean: ## remove .venv, out/ and what the tools left
	rm -rf $(VENV) out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Enough to run everything. pygraphviz carries Graphviz inside, numba compiles loops; where one has
# no wheel, the rest works.
$(VENV)/.installed: pyproject.toml
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	  echo "hello_dl needs Python 3.11 or newer, and '$(or $(PYTHON),python3)' is not:" \
	    "install one, or name it with  make $(or $(firstword $(MAKECMDGOALS)),hello) PYTHON=..." >&2; \
	  exit 1; fi
	@echo "setting up $(VENV): a minute or two the first time"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || { \
	  echo "$(VENV) cannot be made: on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
	@$(PIP) -e .
	@$(PIP) --only-binary=pygraphviz -e ".[draw]" 2>$(VENV)/draw.log || echo \
	  "note: pygraphviz was not installed ($(VENV)/draw.log says why);" \
	  "graphs are drawn by dot if installed, else as text"
	@$(PIP) --only-binary=numba,llvmlite -e ".[fast]" 2>$(VENV)/fast.log || echo \
	  "note: numba was not installed ($(VENV)/fast.log says why); nets for pictures learn more slowly"
	@touch $@

# What the tests and the checks need on top.
$(VENV)/.tools: $(VENV)/.installed
	@$(PIP) -e ".[dev]"
	@touch $@
