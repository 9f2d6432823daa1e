# `make help` lists the targets.
PYTHON ?= python3
JOBS ?=
TRIALS ?= 50
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1

.DEFAULT_GOAL := help
.PHONY: help repro test recipes faults portable check explore extras search folds

help:           ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST)

repro: .venv/ready  ## run the whole pipeline and print the scores (JOBS=1: one stage at a time)
	@python -m stages.repair
	@python -m stages.check
	@python -m stages.side_by_side $(JOBS)
	@dvc repro
	@python -m stages.repair
	@python -m stages.scores
	@printf "\nreport   plots/report.html\nplots    plots/figures, plots/confusion, plots/curves\ntables   plots/tables.md, plots/tables.tex, metrics/\nmodels   data/models\n"

test: .venv/ready   ## lint, type-check and test everything
	@ruff check .
	@ruff format --check .
	@mypy
	@lint-imports
	@python -m pytest --numprocesses=auto --cov=stages --cov-report=term-missing:skip-covered

recipes: .venv/ready  ## run every recipe of the README and of docs/, including the slow ones
	@RECIPES=all python -m pytest tests/test_readme.py

faults: .venv/ready  ## kill a run at twenty random moments, and fuzz ten times as many files
	@FAULTS=20 python -m pytest tests/faults tests/core/*/test_*_fuzz.py

portable: .venv/ready  ## the whole pipeline with other processors' instructions: the same bytes
	@PORTABLE=all python -m pytest tests/portable

check: .venv/ready  ## check every label and the header of every recording
	@python -m stages.check --corpus

explore: .venv/ready  ## listen to clips beside labels, predictions and errors, in a browser
	@python -m stages.explore --serve

search: .venv/ready  ## search better training options on validation (RUN=compare-mtl2 TRIALS=50)
	@test -n "$(RUN)" || { echo "error: name the run to start from, for example make search RUN=compare-mtl2." >&2; exit 1; }
	@python -m stages.search $(RUN) --trials $(TRIALS)

folds: .venv/ready  ## test every clip once (FOLDS=5, speakers or a column; RUNS="compare-stl compare-mtl2" JOBS=2)
	@python -m stages.folds $(if $(JOBS),--jobs $(JOBS)) $(if $(FOLDS),--folds "$(FOLDS)") $(if $(RUNS),--runs $(RUNS))

extras: .venv/ready  ## install what export, search, imports and other features need, and what their tests need
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-extras.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements-sources.txt

.venv/ready: requirements.txt
	@command -v git > /dev/null || { echo "error: git is not installed; install it and run make again." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { echo "error: $(PYTHON) is not Python 3.11 or newer; run make PYTHON=/path/to/python3.11 (or newer)." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing requirements.txt into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@$(BIN)/python -m stages.plots_page
	@$(BIN)/dvc config --local plots.html_template plots/page.html
	@touch $@
