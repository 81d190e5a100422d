# Every target that needs the environment depends on a step of it (tools/setup_env.py), which takes
# no time when all is there: setup-run, setup-board, setup-sim, or setup for everything.
.DEFAULT_GOAL := help
.PHONY: help setup run test lint lock firmware flash deploy fleet repl logs mip emulate measure bench attack bridge watch frames swarm fuzz flood powercut durability air peace nights operator street docs clean

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# A Python that somebody names is taken; else .venv is kept as it is, whatever made it.
CHOSEN := $(if $(filter command environment,$(origin PYTHON)),--chosen)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: setup-all ## Make or update .venv with everything that is needed (PYTHON=python3.12 to choose)

STEPS := setup-run setup-board setup-sim setup-docs setup-all
.PHONY: $(STEPS)
$(STEPS): setup-%:
	@python=$$(command -v $(PYTHON) $(if $(CHOSEN),,|| command -v $(BIN)/python)) || { \
	  echo "setup: $(PYTHON) not found; install Python 3.10 or newer, or name one: make setup PYTHON=..." >&2; \
	  exit 1; }; \
	$$python tools/setup_env.py $(CHOSEN) $*

run: setup-run ## Run a real mesh of twelve nodes on this machine (ARGS="--nodes 30": lvs mesh --help)
	@$(BIN)/lvs mesh $(ARGS)

# Four at a time: many of them wait; tests/support/order.py says which begin. Compiled files are kept
# whatever the shell says: hundreds of interpreters start here, and each would compile them again.
test: lint ## Run all checks and tests (ARGS="-k wire": any arguments of pytest)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 4 --dist worksteal $(ARGS)

lint: setup ## Check style, types for both board families, and that MicroPython compiles it all
	@$(BIN)/python -m tools.lint

lock: setup-run ## Renew requirements.lock from pyproject.toml (ARGS=--upgrade: newest releases)
	@$(BIN)/python -m venv build/lock && build/lock/bin/pip install --quiet uv==0.13.9
	@build/lock/bin/uv --quiet pip compile --universal --python-version 3.10 --all-extras \
	  --no-annotate --custom-compile-command "make lock" --output-file requirements.lock $(ARGS) pyproject.toml

firmware: setup-board ## Build MicroPython with the node frozen into it: BOARD=... MICROPYTHON_DIR=folder
	@$(BIN)/lvs firmware --board "$(BOARD)" $(if $(MICROPYTHON_DIR),--micropython "$(MICROPYTHON_DIR)") $(ARGS)

flash: setup-board ## Put MicroPython on a board: BOARD=ESP32_GENERIC PORT=/dev/ttyUSB0 [IMAGE=file]
	@$(BIN)/lvs flash --board "$(BOARD)" $(if $(PORT),--port "$(PORT)") $(if $(IMAGE),--image "$(IMAGE)") $(ARGS)

deploy: setup-board ## Put the node on a board, or bring it up to date: BOARD=... PORT=...
	@$(BIN)/lvs deploy $(if $(BOARD),--board "$(BOARD)") $(if $(PORT),--port "$(PORT)") $(ARGS)

fleet: setup-board ## Deploy at the cable to several boards side by side: PORTS=/dev/ttyACM0,/dev/ttyACM1
	@$(BIN)/lvs fleet deploy $(if $(BOARD),--board "$(BOARD)") $(if $(PORTS),--ports "$(PORTS)") $(ARGS)

repl: setup-board ## Talk to a board: PORT=...
	@$(BIN)/lvs repl $(if $(PORT),--port "$(PORT)") $(ARGS)

logs: setup-board ## Follow what a board says: PORT=... (ARGS=--crash: show its crash log)
	@$(BIN)/lvs logs $(if $(PORT),--port "$(PORT)") $(ARGS)

mip: setup-board ## Build the packages for mpremote mip install, in build/
	@$(BIN)/lvs mip $(ARGS)

emulate: setup-board ## Boot real firmware in an RP2040 emulator: UF2=file
	@$(BIN)/lvs emulate $(if $(UF2),--uf2 "$(UF2)") $(ARGS)

measure: setup ## Measure a node's memory: BOARD=RPI_PICO_W [JSON=file] [FROZEN=1 MICROPYTHON_DIR=folder]
	@$(BIN)/lvs measure $(if $(BOARD),--board "$(BOARD)") $(if $(JSON),--json "$(JSON)") \
	  $(if $(FROZEN),--frozen) $(if $(MICROPYTHON_DIR),--micropython "$(MICROPYTHON_DIR)") $(ARGS)

bench: setup ## Measure what a node costs (ARGS="--only radio", ARGS=--docs: lvs bench --help)
	@$(BIN)/lvs bench $(ARGS)

attack: setup-sim ## Let every liar attack a simulated mesh (ARGS="--docs --seeds 3": lvs attack --help)
	@$(BIN)/lvs attack $(ARGS)

bridge: setup ## Kill a bridge at random moments under load, with a real broker (ARGS="--seeds 1..5")
	@$(BIN)/python -m tests.bridge.campaign $(ARGS)

watch: setup ## Measure the dashboard on 300 simulated nodes: memory, how soon it answers (minutes)
	@$(BIN)/python -m tests.watch.endurance $(ARGS)

frames: setup ## Measure the frames a second of the mesh in the browser (two minutes; ARGS=--json)
	@$(BIN)/python -m tests.website.frames $(ARGS)

swarm: setup-run ## Run random worlds for long: MINUTES=30 (ARGS="--seeds 1..500": lvs swarm --help)
	@$(BIN)/lvs swarm --seeds 1..100000 --minutes $(or $(MINUTES),30) $(ARGS)

fuzz: setup-run ## Fuzz the node: MINUTES=10 (guided where Atheris is installed)
	@$(BIN)/python -m lvs_tools.fuzz $(if $(MINUTES),--minutes "$(MINUTES)") $(ARGS)

flood: setup ## Run the tests under attack for minutes: 60 s of flood, 100,000 sessions
	@LVS_LONG=1 $(BIN)/pytest tests/security $(ARGS)

powercut: setup ## Cut the power at every flash operation, and at pairs of them (some minutes)
	@$(BIN)/python -m tests.durability.campaign $(ARGS)

air: setup ## Update five boards over the air, with accidents (a minute or two, on stand-ins)
	@LVS_LONG=1 $(BIN)/pytest tests/board/test_air.py -o faulthandler_timeout=0 $(ARGS)

peace: setup ## Worlds without a liar in which nothing may be lost, at full size (hours; ARGS="--engine pypy")
	@$(BIN)/python -m tests.world.peace $(ARGS)

nights: setup ## Absences of days, a day of restarts, a list that grows: full size, defaults (ten minutes with PyPy)
	@$(BIN)/python -m tests.world.nights --engine pypy $(ARGS)

operator: setup ## An operator's days, measured: writes docs/operator.md (ten minutes with PyPy)
	@$(BIN)/python -m tests.world.operator $(ARGS)

street: setup ## Play examples/street, boards and broker and all: a quarter of an hour (ARGS=--stay: it goes on)
	@$(BIN)/python -m examples.street $(ARGS)

durability: setup ## Blackouts, flipped bits, replaced nodes, one survivor: 50 seeds each (half an hour with PyPy)
	@$(BIN)/python -m tests.durability.seeds $(ARGS)

docs: setup-docs ## Build the site in build/site, links checked (ARGS=--serve: show it)
	@$(BIN)/python -m tools.website.build $(ARGS)

clean: ## Remove the environment and everything that was generated
	rm -rf .venv .setup.lock typings host_sim/lvs_tools/wasm/node_modules .pytest_cache .hypothesis build dist out
	find . \( -name __pycache__ -o -name .ruff_cache \) -type d -prune -exec rm -rf {} +
