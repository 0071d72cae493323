# make demo: the dashboard with its demo data.  make test: everything that has to pass.
# Both do all of their own set-up.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test lint format demo-assets clean

demo: $(VENV)/.installed
	$(BIN)/nmtr dashboard

test: $(VENV)/.installed-dev lint
	sh tests/browser/install.sh $(BIN)/python
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(VENV)/.installed-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# Trains the ready-made runs under assets/demo anew; a few minutes.
demo-assets: $(VENV)/.installed
	$(BIN)/python -m nmtr.demo

$(VENV)/.installed: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -e .
	touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt -e .
	touch $@ $(VENV)/.installed

$(BIN)/python:
	@$(PYTHON) -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Python 3.11 or newer with its venv module is needed; install it (on Debian and Ubuntu:" \
	       "apt-get install python3 python3-venv) or name another with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
