# Every target that needs the environment depends on `setup`, which takes no time when all is there.
.DEFAULT_GOAL := help
.PHONY: help setup run test lint clean

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make or update .venv with everything that is needed (PYTHON=python3.12 to choose)
	@command -v $(PYTHON) >/dev/null || { \
	  echo "setup: $(PYTHON) not found; install Python 3.10 or newer, or name one: make setup PYTHON=..." >&2; \
	  exit 1; }
	@$(PYTHON) host_sim/setup_env.py

run: setup ## Run a real mesh of twelve nodes on this machine (ARGS="--nodes 30": lvs mesh --help)
	@$(BIN)/lvs mesh $(ARGS)

test: lint ## Run all checks and tests, on two cores (ARGS="-k wire": any arguments of pytest)
	@$(BIN)/pytest -n 2 $(ARGS)

lint: setup ## Check style, types for both board families, and that MicroPython compiles it all
	@$(BIN)/python -m host_sim.lint

clean: ## Remove the environment and everything that was generated
	rm -rf .venv .setup.lock typings host_sim/wasm/node_modules .pytest_cache .hypothesis build dist out
	find . \( -name __pycache__ -o -name .ruff_cache \) -type d -prune -exec rm -rf {} +
