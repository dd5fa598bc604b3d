# SPDX-License-Identifier: Apache-2.0
# Everything a developer runs. Tools come into .venv from lock files; nothing here uses sudo.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
UV := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv
export PATH := $(BIN):$(PATH)
# Compiled once when installed: a start that compiles everything takes twice as long.
export UV_COMPILE_BYTECODE := 1
ARGS ?=

STATIC := customer/sealroom_customer/page/static
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.PHONY: help env web demo test test-rust test-python test-web test-browser test-services test-breaking check check-rust check-python check-web generate bench clean

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/uv: tools/bootstrap.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: install it, or call make with PYTHON=python3.12" >&2; exit 1; }
	command -v cargo >/dev/null || { echo "Rust (stable) is needed: install it with rustup, or your system's cargo package (1.89 or newer)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/bootstrap.txt
	touch $@

env: $(BIN)/uv ## Bring tools and both sides' native modules up to date
	@$(UV) sync --frozen --inexact $(if $(CI),,--quiet)
	$(BIN)/python -m tools.trtc_sdks

web/node_modules/.package-lock.json: web/package-lock.json | env
	@# Not `npm ci`: it wants packages of every platform in the lock file, also those a registry mirror does not carry.
	(cd web && npm install --no-save --no-audit --no-fund --silent && touch node_modules/.package-lock.json)

$(STATIC)/index.html: $(WEB_SOURCES) web/node_modules/.package-lock.json
	(cd web && npm run --silent build)
	touch $@

web: env $(STATIC)/index.html ## Build the SDK and the call page

demo: env web ## Start the operator's side and a demo customer's side; prints one URL
	@exec $(BIN)/python -m tools.demo $(ARGS)

test: env web ## Run every test
	@exec $(BIN)/python -m tools.run_tests $(ARGS)

test-rust: env ## Rust crates
	@(cd engine && cargo test --locked --quiet --workspace --exclude python-server --exclude python-customer --exclude python-sim $(ARGS))

test-python: env web ## Python tests without a browser
	@$(BIN)/pytest -m "not browser and not wheels and not services" $(ARGS)

test-browser: env web ## Calls in real browsers
	@$(BIN)/pytest -m browser $(ARGS)

test-services: env ## Tests against real PostgreSQL, OpenSearch, NATS and S3, which are installed below .services/
	@exec $(BIN)/python -m tools.run_tests --services $(ARGS)

test-web: env web/node_modules/.package-lock.json ## SDK and page
	@(cd web && npm test --silent)

test-breaking: env web ## Break the code on purpose, in a copy, and see each hostile test fail
	@$(BIN)/python -m tests.breaking.run $(ARGS)

check: check-python check-rust check-web ## Format, lint, types, contracts, licences

check-python: env
	@ruff format --check . && ruff check .
	mypy -p sealroom_wire -p sealroom -p sealroom_customer
	mypy conftest.py tools protocol bench tests wire/tests server/tests customer/tests
	lint-imports --no-cache
	$(BIN)/python -m tools.protocol_types --check
	$(BIN)/python -m tools.house_rules

check-rust: env
	@(cd engine && cargo fmt --check && cargo clippy --locked --quiet --workspace --all-targets -- -D warnings)
	(cd engine && cargo deny --log-level error check licenses bans sources)

check-web: env web/node_modules/.package-lock.json
	@(cd web && npm run --silent check)

generate: env ## Write everything that is derived from the sources
	@$(BIN)/python -m tools.protocol_types
	$(BIN)/python -m tools.trtc_table
	$(BIN)/python -m tools.api_document
	$(BIN)/python -m protocol.model.vectors
	$(BIN)/python -m protocol.model.words
	$(BIN)/sealroom catalogue export > docs/data-catalogue.md

bench: env ## Measure the media path (see bench/media/method.md)
	@$(BIN)/python bench/media/run.py $(ARGS)

clean: ## Remove what was built; leaves the tools' own caches alone
	@rm -rf $(VENV) engine/target web/node_modules $(STATIC) .demo .services
