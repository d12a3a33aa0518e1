# Everything starts here: `make` alone tells what there is.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
SOURCES := config accounts tracker votes patches notifications send_problem tests manage.py

# The machine's index and proxies stay in force; options that would install elsewhere do not.
PIP := env -u PIP_USER -u PIP_TARGET -u PIP_PREFIX -u PIP_ROOT -u PIP_CONSTRAINT -u PYTHONPATH \
	$(BIN)/python -m pip --disable-pip-version-check

.PHONY: help run dev demo test check lock venv venv-dev clean

help: ## Tell what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: venv ## Start everything on http://127.0.0.1:8000
	@$(BIN)/python -m config.supervisor

dev: venv-dev ## The same with reload and debug pages
	@GROUNDSWELL_DEBUG=1 $(BIN)/python -m config.supervisor --reload

demo: venv ## Add demonstration data, and print who may sign in
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py demo $(ARGS)

test: venv-dev ## Run all tests, on SQLite and on PostgreSQL; ARGS="-k word" for some
	@$(BIN)/python -m tests.run $(ARGS)

check: venv-dev ## Look for mistakes without running: style, types, imports, settings, migrations
	@failed=; DATA_DIR=$$(mktemp -d); export DATA_DIR; trap 'rm -rf "$$DATA_DIR"' EXIT; \
	try() { echo "== $$*"; "$$@" || failed="$$failed '$$*'"; }; \
	try $(BIN)/ruff check --quiet .; \
	try $(BIN)/ruff format --check --quiet .; \
	try $(BIN)/mypy $(wildcard $(SOURCES)); \
	try $(BIN)/lint-imports; \
	try $(BIN)/python manage.py makemigrations --check --dry-run; \
	export BASE_URL=https://problems.example.org; \
	try $(BIN)/python manage.py check --deploy --fail-level ERROR; \
	[ -z "$$failed" ] || { echo "Not clean:$$failed"; exit 1; }

lock: ## Write the lock files anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { \
		echo "make lock needs uv: run 'pip install uv' in an environment of your choice."; exit 1; }
	uv pip compile --quiet --universal --generate-hashes --no-header \
		--python-version 3.11 --output-file requirements.lock pyproject.toml
	uv pip compile --quiet --universal --generate-hashes --no-header \
		--python-version 3.11 --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml

venv: ## Make the virtual environment in .venv, or bring it up to the lock
	@$(call install,requirements.lock)

venv-dev:
	@$(call install,requirements-dev.lock)

clean: ## Remove the virtual environment and the caches; the data stays
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installs a lock file where it has changed since it was installed last. The one of the tests
# contains the other one, so that `make run` after `make test` has nothing to do.
define install
	set -e; lock=$(1); wanted=$$(cat requirements.lock $$lock | cksum); \
	if [ ! -x $(BIN)/python ]; then $(make_venv); fi; \
	if [ "$$(cat .venv/installed-$$lock 2>/dev/null)" = "$$wanted" ]; then exit 0; fi; \
	if [ $$lock = requirements.lock ] && \
		[ "$$(cat .venv/installed-requirements-dev.lock 2>/dev/null)" = \
			"$$(cat requirements.lock requirements-dev.lock | cksum)" ]; then exit 0; fi; \
	echo "Installing what $$lock names into .venv"; \
	rm -f .venv/installed-*; \
	$(PIP) install --quiet --require-hashes --no-deps -r $$lock; \
	$(write_client); \
	echo "$$wanted" > .venv/installed-$$lock
endef

define make_venv
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Groundswell needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1)." \
			"Name another: make PYTHON=/path/to/python3.11"; exit 1; }; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python's venv module is absent: run 'apt install python3-venv' as root, then again."; \
		exit 1; }; \
	$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
endef

# The client as a command, without a build: it runs from this checkout. A shell starts it, because
# the path of an interpreter behind #! may hold no blank and few characters.
define write_client
	printf '%s\n' '#!/bin/sh' \
		'PYTHONPATH= exec "$(CURDIR)/$(BIN)/python" -c "import sys; sys.path[0] = sys.argv.pop(1); from send_problem.cli import main; sys.exit(main())" "$(CURDIR)" "$$@"' \
		> $(BIN)/send-problem; \
	chmod 755 $(BIN)/send-problem
endef
