# The single entry point, for people and for CI. Needs git, make and Python 3.11 or newer; everything else goes into
# .venv, which is filled once per lock file. After that nothing here needs the network, `make lock` apart.

PYTHON ?= python3
JOBS ?= 2
ARGS ?=
SEEDS ?= 500
SEED_START ?= 0
YEARS ?= 50
RUNS ?= 200

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PIP_INSTALL := $(PIP) install --quiet --require-hashes
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--system-certs --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

RUNTIME := $(VENV)/.runtime.stamp
DEV := $(VENV)/.dev.stamp
WITNESS := $(VENV)/.witness-27.stamp
NODE := tests/witnesses/node
LOCKS := requirements/runtime.txt requirements/build.txt

# Settings of the caller's shell that would install elsewhere, or import code from elsewhere.
unexport PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET PIP_USER

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo demo-rotation tutorial test lint types layers docs pages unit test-live chaos years two-runs format bench \
	lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(RUNTIME) ## Put the `reconciler` command into .venv/bin, with what it needs to run

demo: $(RUNTIME) ## Run the main job on examples/keys.yaml against the embedded emulator
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

demo-rotation: $(RUNTIME) ## Half a year of a rotating key on a server whose clock is moved, in a minute
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo-rotation.sh

tutorial: $(DEV) ## Do what docs/tutorial.md says, in a fresh clone with an install of its own
	$(BIN)/python -m tests.docs.walk docs/tutorial.md

test: lint types layers docs unit ## Everything that must hold before a merge: all of the next five

lint: $(DEV) ## Style and likely bugs, formatting, and that each schema is a schema
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/check-jsonschema --check-metaschema schemas/*.json

types: $(DEV) ## Strict types
	$(BIN)/python -m mypy

layers: $(DEV) ## Who may import whom
	$(BIN)/lint-imports --no-logo

docs: $(DEV) ## Links, changelog, decision records; that every page does and shows what it says
	$(BIN)/python -m pytest --quiet --numprocesses $(JOBS) --dist worksteal tests/docs

unit: $(DEV) $(WITNESS) $(NODE)/node_modules/.package-lock.json ## All other tests; ARGS= goes to pytest, JOBS= is the number of processes
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal --ignore tests/docs --ignore tests/live $(ARGS)

test-live: $(DEV) ## The main job on your own server: APPWRITE_ENDPOINT, APPWRITE_PROJECT_ID and a credential
	@$(BIN)/python -c 'import os, sys; sys.exit(not (os.environ.get("APPWRITE_ENDPOINT") and \
	os.environ.get("APPWRITE_PROJECT_ID")))' || { echo >&2 "APPWRITE_ENDPOINT and APPWRITE_PROJECT_ID must name a \
	project of yours, and APPWRITE_API_KEY or APPWRITE_ORGANIZATION_API_KEY what may manage its keys. See CONTRIBUTING.md."; exit 1; }
	exec $(BIN)/python -m pytest tests/live $(ARGS)

chaos: $(DEV) ## Kill applies amid faults, and look whether the next one mends all: SEEDS= of them, from SEED_START= on
	exec $(BIN)/python -W ignore -m tests.chaos --seeds $(SEEDS) --start $(SEED_START) --jobs $(JOBS) $(ARGS)

years: $(DEV) ## Live through YEARS= years of rotations on each server, other ones each time
	YEARS=$(YEARS) exec $(BIN)/python -m pytest -o faulthandler_timeout=0 tests/property/test_rotation_year.py -m slow $(ARGS)

two-runs: $(DEV) ## Two applies at once over a due rotation, RUNS= times on each profile: one winner, and both end well
	exec $(BIN)/python -W ignore -m tests.race --runs $(RUNS)

pages: $(DEV) ## Write the pages of docs/reference that are generated anew
	$(BIN)/python -m docs.generate

format: $(DEV) ## Format, and mend what the linter can mend
	$(BIN)/python -m ruff format
	$(BIN)/python -m ruff check --fix

bench: $(DEV) ## A line per figure: measured, target, ok or short
	$(BIN)/python -m benchmarks $(ARGS)

lock: $(DEV) ## Write requirements/*.txt anew (needs network); ARGS=--upgrade takes the newest releases
	$(UV_COMPILE) $(ARGS) pyproject.toml --output-file requirements/runtime.txt
	$(UV_COMPILE) $(ARGS) --group build --output-file requirements/build.txt
	$(UV_COMPILE) $(ARGS) pyproject.toml --group dev --constraint requirements/runtime.txt \
		--constraint requirements/build.txt --output-file requirements/dev.txt
	$(UV_COMPILE) $(ARGS) --group witness-27 --no-deps --output-file requirements/witness-27.txt

clean: ## Remove .venv, caches and builds
	rm -rf $(VENV) $(NODE)/node_modules build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Pinned packages that are already there are not fetched again, so both of these also work offline over an environment
# that was filled some other way. --no-deps: the lock is complete, and says so by failing if it is not.
$(RUNTIME): $(LOCKS) pyproject.toml | $(BIN)/python
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(BIN)/python -m ensurepip
	$(PIP_INSTALL) $(addprefix --requirement ,$(LOCKS))
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(RUNTIME)
	$(PIP_INSTALL) --no-compile --requirement requirements/dev.txt
	@touch $@

# The newest `appwrite` beside the one of the environment, which has what it depends on.
$(WITNESS): requirements/witness-27.txt $(DEV)
	rm -rf $(VENV)/witness-27
	$(PIP_INSTALL) --no-compile --no-deps --target $(VENV)/witness-27 --requirement requirements/witness-27.txt
	@touch $@

# npm's client, if there is an npm that gets it; without it one test is skipped, and says so.
$(NODE)/node_modules/.package-lock.json: $(NODE)/package-lock.json
	@if ! command -v npm >/dev/null; then echo "npm is not there: node-appwrite will be no witness"; \
	elif ! npm ci --prefix $(NODE) --ignore-scripts --no-audit --no-fund --loglevel error; then \
	echo "npm ci failed: node-appwrite will be no witness"; fi

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo >&2 "$(PYTHON) is not there. Install Python 3.11 or \
	newer, or name one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo >&2 "Python 3.11 or newer is \
	needed, and $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo >&2 "$(PYTHON) comes without its venv module. \
	On Debian and Ubuntu it is a package of its own: apt install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
