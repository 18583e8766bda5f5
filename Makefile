# The commands of AlphaNode. Plain `make` lists them.
PYTHON = python3
PORT = 8000
# A folder of texts that other people collected; tests/corpora describes its files.
CORPORA =
# Any folder of Markdown files.
FOLDER =
VENV_PYTHON = .venv/bin/python
# Each file of tests runs in one process, and each process has its own database. tests/conftest.py decides their order.
SPREAD = -n auto --dist loadfile --no-loadscope-reorder
# No two browser tests share anything but the browser, and some take as long as a file: each process takes single tests.
SPREAD_BROWSER = -n auto --dist worksteal
# Clear variables that could change the test database or the text encoding. Many container images also tell Python not
# to store compiled code: each of the hundreds of processes would compile it again.
CLEAN = env -u DATABASE_URL -u DJANGO_SETTINGS_MODULE -u PYTHONDONTWRITEBYTECODE PYTHONUTF8=1

.PHONY: help rehearsal run test test-sqlite test-postgres test-browser validate corpora mutations torture grow bench bench-synthesis bench-imports bench-pushes bench-front bench-pages bench-rendering bench-middleware bench-processes bench-admin bench-checks bench-costly bench-million bench-workers security check lint strings format lock editor venv venv-dev clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /	/' | expand -t 16

run: venv ## set everything up and serve the site with demo posts on 127.0.0.1:8000 (PORT=8001 for another port)
	@PYTHONUTF8=1 exec $(VENV_PYTHON) scripts/run.py "$(PORT)"

test: venv-dev ## run all tests on SQLite, and those that depend on the engine on PostgreSQL too
	@$(CLEAN) sh scripts/test.sh $(VENV_PYTHON) $(SPREAD) $(ARGS)

test-sqlite: venv-dev
	@$(CLEAN) $(VENV_PYTHON) -m pytest -q $(SPREAD) $(ARGS)

test-postgres: venv-dev ## run all tests on a temporary PostgreSQL server
	@$(CLEAN) sh scripts/with_postgres.sh $(VENV_PYTHON) -m pytest -q $(SPREAD) $(ARGS)

test-browser: venv-dev ## run the browser tests; they need Chromium
	@$(CLEAN) $(VENV_PYTHON) -m pytest -q -m browser $(SPREAD_BROWSER) $(ARGS)

validate: venv-dev ## check the HTML of every page type and of 200 imported posts; needs Java
	@$(CLEAN) sh scripts/validate.sh $(VENV_PYTHON) $(ARGS)

corpora: venv-dev ## try small cases and the texts of CORPORA=…; with FOLDER=… count what pages show of any Markdown
	@if [ -n "$(FOLDER)" ]; then $(CLEAN) $(VENV_PYTHON) -m tests.corpora.figures "$(FOLDER)" $(ARGS); exit; fi; \
	  $(CLEAN) sh scripts/corpora.sh $(VENV_PYTHON) "$(CORPORA)" $(ARGS)

mutations: venv-dev ## break one rule of the product at a time, and show that a test fails (ARGS=--short for a few)
	@$(CLEAN) $(VENV_PYTHON) -m tests.mutations $(ARGS)

torture: venv-dev ## run the heavy tests on both engines; with CORPORA=… also the hostile texts
	@$(CLEAN) MARKER=torture sh scripts/test.sh $(VENV_PYTHON) $(ARGS)
	@$(CLEAN) $(VENV_PYTHON) -m pytest -q $(SPREAD) --hypothesis-profile=thorough -m hypothesis $(ARGS)
	@if [ -n "$(CORPORA)" ]; then $(CLEAN) sh scripts/corpora.sh $(VENV_PYTHON) "$(CORPORA)"; fi

grow: venv-dev ## let a whole site of several servers, replicas and workers live through a day with failures (ARGS=--short)
	@$(CLEAN) $(VENV_PYTHON) -m tests.grow $(ARGS)

rehearsal: venv-dev ## upgrade a site that is in use from the last release (ARGS="--from 0.1.0" for an older one), and take the upgrade back
	@$(CLEAN) sh scripts/with_postgres.sh $(VENV_PYTHON) -m tests.rehearsal $(ARGS)

BENCH_FIGURES = $(CURDIR)/var/bench-figures.jsonl

bench: venv-dev ## measure generated articles, imports, pages, processes and the admin, beside the plain engine and server
	@mkdir -p var; rm -f "$(BENCH_FIGURES)"; status=0; \
	  for part in synthesis imports pushes pages rendering middleware processes admin; do \
	    BENCH_FIGURES="$(BENCH_FIGURES)" $(MAKE) --no-print-directory bench-$$part || status=1; done; \
	  BENCH_FIGURES="$(BENCH_FIGURES)" $(VENV_PYTHON) bench/goals.py; exit $$status

bench-synthesis: venv-dev
	@$(CLEAN) $(VENV_PYTHON) bench/synthesis.py $(ARGS)

bench-imports: venv-dev
	@$(CLEAN) $(VENV_PYTHON) bench/imports.py $(ARGS)
	@$(CLEAN) sh scripts/with_postgres.sh --durable $(VENV_PYTHON) bench/imports.py $(ARGS)

bench-pushes: venv-dev
	@$(CLEAN) sh scripts/with_postgres.sh --durable $(VENV_PYTHON) bench/pushes.py $(ARGS)

bench-front: venv-dev ## measure nginx with kept pages before the site: an article beside a static file, and a flag through it
	@$(CLEAN) $(VENV_PYTHON) bench/front.py $(ARGS)

bench-pages: venv-dev
	@$(CLEAN) sh scripts/with_postgres.sh --durable $(VENV_PYTHON) bench/pages.py $(ARGS)

bench-rendering: venv-dev
	@$(CLEAN) $(VENV_PYTHON) bench/rendering.py $(ARGS)

bench-middleware: venv-dev
	@$(CLEAN) $(VENV_PYTHON) bench/middleware.py $(ARGS) 2>/dev/null || \
	  { echo "It failed. To see why, run: python bench/middleware.py"; exit 1; }

bench-processes: venv-dev
	@$(CLEAN) sh scripts/with_postgres.sh $(VENV_PYTHON) bench/processes.py $(ARGS)

bench-admin: venv-dev
	@$(CLEAN) $(VENV_PYTHON) bench/admin_pages.py $(ARGS)

bench-checks: venv-dev ## plant defects in the code of a FOLDER=… of Markdown files and count what is found, and alarms
	@$(CLEAN) $(VENV_PYTHON) bench/checks.py "$(FOLDER)" $(ARGS)

bench-costly: venv-dev ## measure each public address with its worst parameters on 20,000 posts
	@$(CLEAN) sh scripts/with_postgres.sh $(VENV_PYTHON) bench/costly.py $(ARGS)

bench-workers: venv-dev ## measure text scan, related posts and ranking with one worker and with two
	@$(CLEAN) sh scripts/with_postgres.sh --durable $(VENV_PYTHON) bench/workers.py $(ARGS)

bench-million: venv-dev ## measure pages, imports and audits of a million posts beside 25,000 (twenty minutes, 70 GB of disk)
	@$(CLEAN) $(VENV_PYTHON) bench/million.py $(ARGS)

security: venv ## look for holes in the code, advisories about its packages, and secrets
	@$(CLEAN) sh scripts/security.sh $(VENV_PYTHON)

check: lint test-sqlite ## run everything that must pass before a commit
	@echo "make check: format, lint, migrations and the tests on SQLite passed."

lint: venv-dev ## check format, code, templates, scripts, style sheets and migrations; change nothing
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m ruff check .
	@said=$$($(VENV_PYTHON) -m radon cc --no-assert -n D posts alphanode tests bench scripts); \
	  test -z "$$said" || { echo "Too many branches; split these functions:"; echo "$$said"; exit 1; }
	@.venv/bin/djlint --lint --quiet --profile django templates/admin
	@.venv/bin/djlint --lint --quiet --profile jinja templates/public templates/forms
	@said=$$(.venv/bin/biome lint --error-on-warnings 2>&1) || { echo "$$said"; exit 1; }
	@.venv/bin/hadolint deploy/Containerfile
	@said=$$(.venv/bin/lint-imports 2>&1) || { echo "$$said"; exit 1; }
	@said=$$($(CLEAN) ENV_FILE= DEBUG=on $(VENV_PYTHON) -m mypy 2>&1) || { echo "$$said"; exit 1; }
	@$(VENV_PYTHON) -m tests.mutations --check
	@$(CLEAN) ENV_FILE= DEBUG=on $(VENV_PYTHON) manage.py makemigrations --check --dry-run
	@$(CLEAN) ENV_FILE= DEBUG=on $(VENV_PYTHON) -m tests.migration_rules

strings: ## print every string that a person can see, as file:line: text (ARGS=posts/admin for a part)
	@$(PYTHON) scripts/list_strings.py $(ARGS)

format: venv-dev ## format all code
	@$(VENV_PYTHON) -m ruff format .
	@$(VENV_PYTHON) -m ruff check --fix .

lock: venv-dev ## update the lock files
	@set -e; for name in requirements requirements-checks requirements-redis requirements-sentry requirements-otel requirements-dev scripts/postgres scripts/validator scripts/security; do \
	  deps=; case $$name in scripts/postgres|scripts/validator) deps=--no-deps;; esac; \
	  $(VENV_PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header $$deps $$name.in -o $$name.txt; done

editor: ## build the text editor of the admin from editor/ into static/editor/; needs npm
	@cd editor && npm ci --ignore-scripts --no-audit --no-fund --silent && npm run --silent build

venv:
	@sh scripts/venv.sh "$(PYTHON)" requirements.txt

venv-dev: venv
	@sh scripts/venv.sh "$(PYTHON)" requirements-dev.txt

clean: ## remove generated files (.venv, caches, collected files); keep the database in var/
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis var/static var/migrated
	find . -name __pycache__ -prune -exec rm -rf {} +
