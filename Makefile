# Commands of the project; `make` alone lists them. CI and pre-commit call these targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
SERVE ?= 1
LINES ?= 1e5
SAMPLE ?= 40
# Workers of pytest: one more than the two cores, so that waiting for a browser or a process costs nothing.
WORKERS ?= 3
PORT ?= 8501
COMPILE_LOCK = $(BIN)/uv pip compile --quiet --generate-hashes --extra dev --python-version 3.11 --no-emit-index-url --no-annotate --no-header pyproject.toml
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# It says of a marked statement of several lines that other lines of it needed no mark.
BANDIT = $(BIN)/bandit -q -r data_contracts pipelines dashboards 2> >(grep -v 'nosec encountered' >&2)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DO_NOT_TRACK := 1

.PHONY: help install demo test test-quick sweep mutation lint format dev dashboards bench bench-dashboards bench-intake docs screenshots lock check-lock clean system-packages sbom audit

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(VENV)/installed: requirements.lock pyproject.toml deploy/install.sh
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed ($(PYTHON) was not found; set PYTHON=...)"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) 2>/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3.11-venv && $(PYTHON) -m venv $(VENV); }
	@echo "Installing Python packages (hashes checked)"
	@deploy/install.sh $(BIN)/python
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

install: $(VENV)/installed ## Make .venv from requirements.lock

system-packages: ## Install what tests need from the distribution (Chromium, PostgreSQL)
	@scripts="chromium postgresql $(MORE_PACKAGES)"; missing=""; \
	for package in $$scripts; do dpkg -s $$package >/dev/null 2>&1 || missing="$$missing $$package"; done; \
	if [ -n "$$missing" ]; then echo "Installing$$missing"; $(SUDO) apt-get update -qq && $(SUDO) DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi

demo: install ## Demonstration records -> refresh -> dashboards on 127.0.0.1:8501 (SERVE=0: stop before)
	@$(BIN)/collecto demo
	@$(BIN)/collecto refresh
	@if [ "$(SERVE)" != 0 ]; then $(BIN)/collecto serve --port $(PORT); fi

test: install system-packages check-lock lint ## Lint, types and every test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-quick: install ## Tests without a browser and without the whole demonstration
	@$(BIN)/python -m pytest -m "not browser and not slow and not sweep"

sweep: MORE_PACKAGES := libreoffice-calc-nogui nginx-light
sweep: install system-packages ## The long tests: more histories, more kills, more random worlds
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m sweep

mutation: install ## Change one thing at a time in contracts, rules, disclosure, publication (SAMPLE=40)
	@$(BIN)/python -m tests.mutation --sample $(SAMPLE)

lint: install ## ruff, mypy, bandit, sqlfmt, import-linter, contracts, lock
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BANDIT)
	@$(BIN)/sqlfmt --check --quiet --reset-cache --line-length 100 dbt_project
	@$(BIN)/collecto contracts check >/dev/null || $(BIN)/collecto contracts check

format: install ## Format Python and SQL
	@$(BIN)/ruff check --fix --quiet --exit-zero .
	@$(BIN)/ruff format .
	@$(BIN)/sqlfmt --quiet --reset-cache --line-length 100 dbt_project

dev: install ## Dagster's pages and daemon on 127.0.0.1:3000
	@$(BIN)/collecto orchestrate

dashboards: install ## Dashboards on 127.0.0.1:8501
	@$(BIN)/collecto serve --port $(PORT)

bench: install ## Speed beside the hand-written limit (LINES="1e5 1e6 1e7": sizes)
	@$(BIN)/python benchmarks/run.py $(LINES)

bench-dashboards: install ## Budgets of the dashboards as ratios, over the published demonstration
	@$(BIN)/python benchmarks/pages.py $(if $(LARGER),--larger $(LARGER))

bench-intake: install ## The intake: judging beside a hand-written scan, 1 GB, a thousand files
	@$(BIN)/python benchmarks/intake.py

docs: install ## Pages of indicators from the register; dbt's docs and Data Docs into the data folder
	@$(BIN)/python -m pipelines.documents

screenshots: install system-packages ## Screenshots of every page at 1366, 768 and 375 px into docs/screenshots/
	@$(BIN)/python -m tests.browser.screenshots

lock: install ## Compile requirements.lock again
	@$(COMPILE_LOCK) -o requirements.lock

check-lock: install ## Check that requirements.lock fits pyproject.toml
	@copy=$$(mktemp) && cp requirements.lock $$copy && $(COMPILE_LOCK) -o $$copy && { cmp -s $$copy requirements.lock || { echo "requirements.lock does not fit pyproject.toml: make lock"; exit 1; }; }

sbom: install ## CycloneDX list of every locked package into dist/sbom.json (the same bytes for the same lock)
	@mkdir -p dist && $(BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml --of JSON -o dist/sbom.json requirements.lock

audit: install ## Known advisories of locked packages (asks PyPI; fails where it cannot), then bandit
	@$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements.lock
	@$(BANDIT)

clean: ## Remove .venv, data and caches
	@rm -rf $(VENV) data .mypy_cache .ruff_cache dbt_project/target dbt_project/logs screenshots
