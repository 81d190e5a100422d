# Every target that needs the environment depends on `setup`, which takes no time when all is there.
.DEFAULT_GOAL := help
.PHONY: help setup run test lint flash deploy fleet repl logs mip emulate measure attack swarm fuzz flood powercut durability clean

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make or update .venv with everything that is needed (PYTHON=python3.12 to choose)
	@command -v $(PYTHON) >/dev/null || { \
	  echo "setup: $(PYTHON) not found; install Python 3.10 or newer, or name one: make setup PYTHON=..." >&2; \
	  exit 1; }
	@$(PYTHON) tools/setup_env.py

run: setup ## Run a real mesh of twelve nodes on this machine (ARGS="--nodes 30": lvs mesh --help)
	@$(BIN)/lvs mesh $(ARGS)

test: lint ## Run all checks and tests, on two cores (ARGS="-k wire": any arguments of pytest)
	@$(BIN)/pytest -n 2 --dist worksteal $(ARGS)

lint: setup ## Check style, types for both board families, and that MicroPython compiles it all
	@$(BIN)/python -m tools.lint

flash: setup ## Put MicroPython on a board: BOARD=ESP32_GENERIC PORT=/dev/ttyUSB0 [IMAGE=file]
	@$(BIN)/lvs flash --board "$(BOARD)" $(if $(PORT),--port "$(PORT)") $(if $(IMAGE),--image "$(IMAGE)") $(ARGS)

deploy: setup ## Put the node on a board, or bring it up to date: BOARD=... PORT=...
	@$(BIN)/lvs deploy $(if $(BOARD),--board "$(BOARD)") $(if $(PORT),--port "$(PORT)") $(ARGS)

fleet: setup ## Deploy to several boards side by side: PORTS=/dev/ttyACM0,/dev/ttyACM1
	@$(BIN)/lvs fleet $(if $(BOARD),--board "$(BOARD)") $(if $(PORTS),--ports "$(PORTS)") $(ARGS)

repl: setup ## Talk to a board: PORT=...
	@$(BIN)/lvs repl $(if $(PORT),--port "$(PORT)") $(ARGS)

logs: setup ## Follow what a board says: PORT=... (ARGS=--crash: show its crash log)
	@$(BIN)/lvs logs $(if $(PORT),--port "$(PORT)") $(ARGS)

mip: setup ## Build the packages for mpremote mip install, in build/
	@$(BIN)/lvs mip $(ARGS)

emulate: setup ## Boot real firmware in an RP2040 emulator: UF2=file
	@$(BIN)/lvs emulate $(if $(UF2),--uf2 "$(UF2)") $(ARGS)

measure: setup ## Measure a node's memory: BOARD=RPI_PICO_W [JSON=file]
	@$(BIN)/lvs measure $(if $(BOARD),--board "$(BOARD)") $(if $(JSON),--json "$(JSON)") $(ARGS)

attack: setup ## Let every liar attack a simulated mesh (ARGS="--docs --seeds 3": lvs attack --help)
	@$(BIN)/lvs attack $(ARGS)

swarm: setup ## Run random worlds for long: MINUTES=30 (ARGS="--seeds 1..500": lvs swarm --help)
	@$(BIN)/lvs swarm --seeds 1..100000 --minutes $(or $(MINUTES),30) $(ARGS)

fuzz: setup ## Fuzz the node: MINUTES=10 (guided where Atheris is installed)
	@$(BIN)/python -m lvs_tools.fuzz $(if $(MINUTES),--minutes "$(MINUTES)") $(ARGS)

flood: setup ## Run the tests under attack for minutes: 60 s of flood, 100,000 sessions
	@LVS_LONG=1 $(BIN)/pytest tests/security $(ARGS)

powercut: setup ## Cut the power at every flash operation, and at pairs of them (some minutes)
	@$(BIN)/python -m tests.durability.campaign $(ARGS)

durability: setup ## Blackouts, flipped bits, replaced nodes, one survivor: 50 seeds each (half an hour with PyPy)
	@$(BIN)/python -m tests.durability.seeds $(ARGS)

clean: ## Remove the environment and everything that was generated
	rm -rf .venv .setup.lock typings host_sim/lvs_tools/wasm/node_modules .pytest_cache .hypothesis build dist out
	find . \( -name __pycache__ -o -name .ruff_cache \) -type d -prune -exec rm -rf {} +
