# Everything runs from one virtual environment that the locks describe exactly.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
COMPOSE ?= docker compose
LOCKS := requirements-backend.txt requirements-frontend.txt
export PYTHONPATH := $(CURDIR):$(CURDIR)/client
export PYTHONDONTWRITEBYTECODE ?=

.PHONY: help run backup restore up down test containers check audit sbom coverage bench screenshots lock clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.installed ## Set up and run the whole platform
	@exec $(RUN) -m backend up

backup: $(VENV)/.installed ## Write everything into one sealed archive while it runs: make backup TO=file-or-folder
	@test -n "$(TO)" || { echo "Say where to: make backup TO=/somewhere/else"; exit 2; }
	@exec $(RUN) -m backend backup "$(TO)"

restore: $(VENV)/.installed ## Make an empty SIGNET_HOME the platform of an archive: make restore FROM=file
	@test -n "$(FROM)" || { echo "Say where from: make restore FROM=/somewhere/else/signet-...backup"; exit 2; }
	@exec $(RUN) -m backend restore "$(FROM)"

up: ## Build and run the whole platform in containers
	@COMPOSE="$(COMPOSE)" compose/up.sh

down: ## Stop the containers; what they keep stays
	@cd compose && $(COMPOSE) down

test: $(VENV)/.installed-dev ## Set up and run every test that this machine can run
	@OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadgroup $(TESTS)

containers: $(VENV)/.installed-dev ## Test the platform in containers of its own; needs an engine and some minutes
	@COMPOSE="$(COMPOSE)" $(RUN) -m pytest -q -p no:xdist -m containers tests/containers

check: $(VENV)/.installed-dev ## Lint, types, import contracts and the tests of the house itself
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache
	$(RUN) -m pytest -q tests/architecture

audit: $(VENV)/.installed-dev ## Ask PyPI whether a hole is known in a package that the locks name
	@for lock in $(LOCKS) requirements-dev.txt; do \
		echo "== $$lock"; \
		$(VENV)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r $$lock || exit 1; \
	done

sbom: $(VENV)/.installed-dev ## Write what the locks name for each image as CycloneDX, to build/
	@mkdir -p build
	@for part in backend frontend; do \
		$(RUN) -W ignore::UserWarning -m cyclonedx_py requirements --output-reproducible --spec-version 1.6 --pyproject pyproject.toml \
			-o build/signet-$$part.cdx.json requirements-$$part.txt || exit 1; \
	done
	@ls -l build/*.cdx.json

coverage: $(VENV)/.installed-dev ## Measure the rooms that security hangs on by branch; below 100 % it fails
	@OMP_NUM_THREADS=1 $(RUN) -m coverage run -m pytest -q -p no:xdist tests/pki tests/identity tests/audit tests/api
	@$(RUN) -m coverage report

bench: $(VENV)/.installed-dev ## Run the benchmarks
	@for script in benchmarks/*/bench_*.py; do echo "== $$script"; $(RUN) $$script || exit 1; done

screenshots: $(VENV)/.installed-dev ## Draw the pictures in docs/screenshots anew
	@rm -f docs/screenshots/*.png
	@OMP_NUM_THREADS=1 SIGNET_TEST_SCREENSHOTS=docs/screenshots $(RUN) -m pytest -q -p no:xdist tests/e2e/test_web_gallery.py -k "pictures or sign_in"

lock: $(VENV)/.installed-dev ## Compile the locks anew from pyproject.toml
	$(VENV)/bin/uv pip compile pyproject.toml --extra backend $(LOCKED) -o requirements-backend.txt
	$(VENV)/bin/uv pip compile pyproject.toml --extra frontend $(LOCKED) -c requirements-backend.txt -o requirements-frontend.txt
	$(VENV)/bin/uv pip compile pyproject.toml --group dev $(LOCKED) -c requirements-backend.txt -c requirements-frontend.txt -o requirements-dev.txt
LOCKED := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

clean: ## Remove the virtual environment and caches, never data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
		|| { echo "Signet needs Python 3.11, 3.12 or 3.13; say which with make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# The locks are complete, so nothing is resolved; hashes are checked because the locks have them.
$(VENV)/.installed: $(LOCKS) | $(VENV)/bin/python
	@echo "Installing the platform's packages (about 350 MB, once) ..."
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes $(addprefix -r ,$(LOCKS))
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.txt
	@touch $@
