# Everything a contributor runs. `make up` and `make test` are all that a fresh machine needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help up test test-fast test-system lint format bench requirements clean

help:  ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Postroom needs Python 3.11 or later; $$($(PYTHON) --version) is what '$(PYTHON)' starts. Set PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is incomplete here: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

up: $(STAMP)  ## Run the whole platform on this machine: database, mail, web, lab.
	@exec $(BIN)/python manage.py up

test: $(STAMP)  ## The whole suite that needs only the Python packages.
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not system"

test-fast: $(STAMP)  ## The part of the suite that answers within two minutes.
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not system and not slow"

test-system: $(STAMP)  ## The tests against Debian's programs: chromium, foreign mail servers and clients.
	@tests/system/install-programs
	$(BIN)/python -m pytest -m system

lint: $(STAMP)  ## Style, types, import contracts, migrations in step with the models.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

format: $(STAMP)  ## Put the code into the house style.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## Print our figures beside a peer's, measured in the same run.
	$(BIN)/python -m bench

requirements: $(STAMP)  ## Compile the pinned requirements anew (needs uv).
	uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements.txt
	uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements-dev.txt

clean:  ## Remove what was installed and built; keeps var/ (your data).
	rm -rf $(VENV) .programs build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
