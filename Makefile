# `make run` starts the app, `make test` runs the tests; both set up .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHROMIUM ?= $(shell command -v chromium 2>/dev/null || command -v chromium-browser 2>/dev/null || command -v google-chrome 2>/dev/null)
export CHROMIUM
# Set in images of containers, to keep them small. Every process would compile the whole program anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-quick test-browser hostile soak matrix references screenshots lint lint-style lint-format lint-types lint-layers docs wheel bench train evaluate clean
.DEFAULT_GOAL := run

run: $(VENV)/.installed
	$(BIN)/sightline

# The tests that need no browser come first: they are quick, and fail nearer to the fault. `make -k test` runs both anyway.
test: test-quick test-browser

test-quick: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m "not browser"

test-browser: $(VENV)/.installed-dev
ifeq ($(and $(CHROMIUM),yes)$(SIGHTLINE_REQUIRE_BROWSER),)
	@echo "No Chromium found, so the browser tests were not run. Install it (Debian: apt install chromium), or set CHROMIUM to its path."
else
	$(BIN)/python -m pytest -m browser -n 0 tests/browser
endif

# The long part of tests/hostile: many more examples, and every page driven in a browser with what they make. HOSTILE_SEED
# chooses others, HOSTILE_ROUNDS how many, HOSTILE_TRIALS how often many tabs are opened at once on a fresh server.
hostile: $(VENV)/.installed-dev
	HYPOTHESIS_EXAMPLES=$${HYPOTHESIS_EXAMPLES:-2000} $(BIN)/python -m pytest tests/hostile
	SIGHTLINE_REQUIRE_BROWSER=1 $(BIN)/python -m pytest -n 0 tests/browser/hostile_tour.py

# Eight sessions at once on one server; MINUTES says for how long.
soak: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.soak --minutes $${MINUTES:-30}

# Tries the tiny model of every type that loads here, and writes what holds into the support matrix.
matrix: $(VENV)/.installed-dev
	$(BIN)/python -m core families --check --matrix docs/support-matrix.md

# Its parts are the hooks of .pre-commit-config.yaml too.
# After a change of CITATION.cff: what reports cite. (tests/reports/test_citations.py holds the two to be the same.)
references: $(VENV)/.installed-dev
	$(BIN)/python -m tests.reports.references

screenshots: $(VENV)/.installed-dev
	$(BIN)/python -m tests.screenshots

lint: lint-style lint-format lint-types lint-layers

lint-style: $(VENV)/.installed-dev
	$(BIN)/ruff check .

lint-format: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .

lint-types: $(VENV)/.installed-dev
	$(BIN)/mypy

lint-layers: $(VENV)/.installed-dev
	$(BIN)/lint-imports

# A site in build/docs from docs/ and the docstrings, with no network; any warning is an error.
docs: $(VENV)/.installed-dev
	rm -rf docs/_api
	$(BIN)/python -m sphinx -W --keep-going -q -j auto docs build/docs

# The wheel as others get it: built with a build environment of its own, installed into an empty environment that only
# borrows the packages of this one, and used from another folder.
wheel: $(VENV)/.installed-dev
	rm -rf dist
	$(BIN)/python -m pip wheel --no-deps --wheel-dir dist .
	@set -e; place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; wheel=$$(ls "$$PWD"/dist/*.whl); \
	packages=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])'); \
	$(PYTHON) -m venv "$$place/venv"; "$$place/venv/bin/python" -m pip install --no-deps "$$wheel"; \
	echo "$$packages" > "$$("$$place/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/beside.pth"; \
	cd "$$place"; venv/bin/sightline --version; venv/bin/sightline doctor

bench: $(VENV)/.installed
	@set -e; for benchmark in benchmarks/[a-z]*.py; do echo "== $$benchmark"; PYTHONPATH=. $(BIN)/python "$$benchmark"; done

train: $(VENV)/.installed
	$(BIN)/python -m core.street train

evaluate: $(VENV)/.installed
	$(BIN)/python -m core.street evaluate

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Sightline needs Python 3.11 or newer, and this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 run")'
	$(PYTHON) -m venv $(VENV)

# The pinned packages first, then the project itself as it lies here: `.venv/bin/sightline`, and `import sightline`.
$(VENV)/.installed: requirements.txt pyproject.toml setup.py | $(BIN)/python
	$(BIN)/python -m pip install -r requirements.txt
	$(BIN)/python -m pip install --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements-models.txt $(VENV)/.installed
	$(BIN)/python -m pip install -r requirements-dev.txt
	@touch $@
