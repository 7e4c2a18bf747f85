# ari_bridge: `make help` lists what there is. Everything sets itself up in .venv/.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
PYTEST := $(BIN)/python -m pytest
AT_ONCE := --dist loadfile --no-loadscope-reorder -n
WAITING := tests/chain tests/prove tests/deploy

.DEFAULT_GOAL := help
.PHONY: help setup bundle demo run test check lab bench prove eval constraints clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## put everything into .venv/ (entry point .venv/bin/ari-bridge)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make setup PYTHON=python3.13"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

bundle: setup ## dist/bundle: all that install.sh needs, for a machine without a way to pypi.org and with this Python
	@rm -rf dist/bundle && mkdir -p dist/bundle
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check -c constraints.txt -w dist/bundle '.[postgresql,standby,fast]' async-timeout
	@cp constraints.txt deploy/install.sh dist/bundle/ && echo "Copy dist/bundle there and run its install.sh as root."

demo: setup ## the real daemon against a virtual PBX; needs no PBX, no keys, no root
	$(BIN)/ari-bridge demo

run: setup ## the daemon, with settings from the environment or /etc/ari-bridge/config.toml
	$(BIN)/ari-bridge run

check: setup ## style, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

lab: ## what tests need of the system (Asterisk, SIPp, Chromium, nginx, PostgreSQL), as root on Debian; once
	@tests/lab/install.sh all

test: setup ## all tests that hold behaviour (at most 15 minutes)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		tests/lab/install.sh all || echo "The laboratory cannot be had here: its tests will be skipped."; \
	else echo "Not root on Debian: tests that need Asterisk or Chromium are skipped where these are absent."; fi
	@if command -v node >/dev/null; then node --test tests/webui/*.test.mjs; \
		else echo "node is absent: the page's unit tests are skipped."; fi
	$(PYTEST) $(addprefix --ignore ,$(WAITING)) -m "not asterisk and not alone" $(AT_ONCE) 2
	@echo "Most of what follows waits for calls in real time; what wants the machine to itself comes last."
	$(PYTEST) $(WAITING) -m "not asterisk and not alone" $(AT_ONCE) 3
	$(PYTEST) -m "asterisk and not alone" $(AT_ONCE) 2
	$(PYTEST) -m alone

bench: setup ## speed and memory, as ratios against baselines of the same run
	$(BIN)/python -m tests.bench.media_bench
	$(BIN)/python -m tests.bench.websocket_bench
	$(BIN)/python -m tests.bench.chain_bench
	$(BIN)/python -m tests.bench.store_bench
	$(BIN)/python -m tests.bench.hub_bench
	$(BIN)/python -m tests.bench.bus_bench
	$(BIN)/python -m tests.bench.bus_costs
	$(BIN)/python -m tests.bench.report_bench
	$(BIN)/python -m tests.bench.page_bench
	$(BIN)/python -m tests.bench.asterisk_bench

prove: export HYPOTHESIS_PROFILE := prove
prove: setup ## the long fault matrices
	$(PYTEST) -m hypothesis --timeout 1800 $(AT_ONCE) 2
	$(PYTEST) tests/hub/test_schemathesis.py --timeout 1800
	$(BIN)/python -m tests.prove.stt_matrix --runs 200 --uvloop
	$(BIN)/python -m tests.prove.stt_outage
	$(BIN)/python -m tests.prove.ari_matrix
	$(BIN)/python -m tests.prove.many_calls
	$(BIN)/python -m tests.prove.stasis_time
	$(BIN)/python -m tests.prove.media_trials
	$(PYTEST) tests/prove/install_faults.py
	$(BIN)/python -m tests.prove.vps_faults
	$(BIN)/python -m tests.media.fuzz --datagrams 10000000
	$(BIN)/python -m tests.prove.takeovers --count 100
	$(BIN)/python -m tests.prove.nodes

eval: setup ## what the hints are worth, on the golden dialogues
	$(BIN)/python -m tests.eval.run

constraints: setup ## pin the versions that are installed now
	@{ echo "# Exact versions that the tests ran with (Python 3.11 and 3.13). Regenerate with \`make constraints\`."; \
		{ $(BIN)/pip freeze --exclude-editable; echo "audioop-lts==0.2.2 ; python_version >= '3.13'"; \
		echo "async-timeout==5.0.1 ; python_full_version < '3.11.3'"; } | grep -v 'file://' | sort -f; } > constraints.txt

clean: ## remove what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
