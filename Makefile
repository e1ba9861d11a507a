# Two commands matter: `make play` and `make test`. Everything else is listed by `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help play test lint types unit setup setup-test system picture bench clean

help:  ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

play: setup  ## set everything up and play along (ARGS="--style jazz" passes options)
	@$(BIN)/aigc-music live $(ARGS)

test: setup-test  ## set everything up, then lint, types and all tests
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

lint: setup-test  ## ruff only
	$(BIN)/ruff check .

types: setup-test  ## mypy only
	$(BIN)/mypy

unit: setup-test  ## tests without foreign programs
	$(BIN)/python -m pytest -m "not real"

bench: setup  ## measure decoding, jitter, the synth and batches on this machine
	$(BIN)/aigc-music bench decode
	$(BIN)/aigc-music bench jitter
	$(BIN)/aigc-music bench synth
	$(BIN)/aigc-music bench batch

picture: setup  ## draw the README's picture again, with the program itself
	$(BIN)/python -m aigc_music.live.picture aigc_music/live/live.svg

setup: $(BIN)/.ready  ## make the environment and install (no torch, no compiler)

$(BIN)/.ready: pyproject.toml
	@sh .ci/system-packages play
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@echo "compiling the decoder and the synth for this machine, once"
	@$(BIN)/aigc-music doctor >/dev/null
	@touch $@

setup-test: $(BIN)/.ready-test

$(BIN)/.ready-test: pyproject.toml $(BIN)/.ready
	@sh .ci/system-packages test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[train,peers,hub,scale,test]'
	@touch $@

clean:  ## remove the environment and caches
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
