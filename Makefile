PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-all lint parity bench docs clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/glassnet train mnist

# Two workers on two cores: BLAS threads of their own would only wait for each other. Bytecode is
# kept, else pytest would rewrite the assertions of all tests in each worker of each run.
PYTEST := PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

test: $(VENV)/.installed
	$(PYTEST)

# Also the draws and dtypes that are more of the same.
test-all: $(VENV)/.installed
	$(PYTEST) --thorough

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv-parity/.installed: pyproject.toml
	$(PYTHON) -m venv .venv-parity
	.venv-parity/bin/pip install --quiet --upgrade pip
	.venv-parity/bin/pip install --quiet --editable '.[parity]'
	touch $@

parity: .venv-parity/.installed
	OPENBLAS_NUM_THREADS=1 KERAS_BACKEND=jax .venv-parity/bin/python -m pytest -n 2 parity

# Peers choose their own number of threads, so none is set here.
bench: .venv-parity/.installed
	.venv-parity/bin/python -m benchmarks.peers --busy --latency --write

docs: $(VENV)/.installed
	$(BIN)/python docs/derivations/build.py
	$(BIN)/python docs/gallery/build.py

clean:
	rm -rf $(VENV) .venv-parity build dist
