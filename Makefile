# The commands of AlphaNode. Plain `make` lists them.
PYTHON = python3
PORT = 8000
VENV_PYTHON = .venv/bin/python
# An ambient database or .env must not decide what the tests run on.
CLEAN = env -u DATABASE_URL -u SECRET_KEY -u ALLOWED_HOSTS -u SITE_URL -u CACHE_URL DEBUG=on PYTHONUTF8=1

.PHONY: help run test test-sqlite test-postgres test-browser check lint format lock venv venv-dev clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /	/' | expand -t 16

run: venv ## set everything up and serve the site with demo posts on http://127.0.0.1:8000
	@PYTHONUTF8=1 sh scripts/run.sh "$(PORT)"

test: venv-dev ## run all tests on SQLite, then on a PostgreSQL that is started for them
	@$(MAKE) --no-print-directory test-sqlite
	@$(MAKE) --no-print-directory test-postgres
	@echo "All tests passed on SQLite (a file) and on PostgreSQL. Browser tests: make test-browser"

test-sqlite: venv-dev
	@echo "Tests on SQLite"
	@$(CLEAN) $(VENV_PYTHON) -m pytest -q $(ARGS)

test-postgres: venv-dev
	@echo "Tests on PostgreSQL"
	@$(CLEAN) sh scripts/with_postgres.sh $(VENV_PYTHON) -m pytest -q $(ARGS)

test-browser: venv-dev ## run the tests that need Chromium; fails if there is none
	@$(CLEAN) $(VENV_PYTHON) -m pytest -q -m browser $(ARGS)

check: lint test-sqlite ## all that must pass before a commit
	@$(CLEAN) $(VENV_PYTHON) manage.py makemigrations --check --dry-run

lint: venv-dev ## format and lint, without changing anything
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m ruff check .

format: venv-dev ## put all code into its format
	@$(VENV_PYTHON) -m ruff format .
	@$(VENV_PYTHON) -m ruff check --fix .

lock: venv-dev ## write the lock files anew
	@for name in requirements requirements-dev; do $(VENV_PYTHON) -m uv pip compile --quiet --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  $$name.in -o $$name.txt; done

venv:
	@sh scripts/venv.sh "$(PYTHON)" requirements.txt

venv-dev: venv
	@sh scripts/venv.sh "$(PYTHON)" requirements-dev.txt

clean: ## remove the virtual environment and everything that was made here
	rm -rf .venv var
