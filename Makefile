# make demo: the dashboard with its demo data.  make test: everything that has to pass.
# make test-avx2: the same as on a processor with neither AMX nor AVX-512.  All do all of their own set-up.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test test-avx2 lint format demo-assets clean

demo: $(VENV)/.installed
	$(BIN)/nmtr dashboard

test: $(VENV)/.installed-dev lint
	sh tests/install.sh $(BIN)/python
	$(BIN)/python -m pytest --ignore=tests/browser -n logical --maxprocesses=8 --dist=worksteal
	$(BIN)/python -m pytest tests/browser -n 2 --dist=loadfile

# What NMTR's kernels, PyTorch with its libraries, and numpy's and scipy's BLAS may use.
test-avx2: export NMTR_NATIVE = avx2
test-avx2: export ATEN_CPU_CAPABILITY = avx2
test-avx2: export ONEDNN_MAX_CPU_ISA = AVX2
test-avx2: export MKL_ENABLE_INSTRUCTIONS = AVX2
test-avx2: export OPENBLAS_CORETYPE = Haswell
test-avx2: test

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
