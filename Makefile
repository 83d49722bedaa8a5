# Everything runs in .venv, which is made on first use. Needs Python >= 3.11 and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
PHOTOGRAPHS ?= ../shared/data/grocery
TABLES ?= ../shared/data/hmc

.PHONY: demo test lint bench install clean

demo: .venv/.installed
	$(BIN)/cladist demo

test: .venv/.installed
	$(BIN)/python -m pytest

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.installed
	mkdir -p benchmarks/out
	$(BIN)/python benchmarks/accuracy.py --labels $(PHOTOGRAPHS)/labels.csv --out benchmarks/out/accuracy.json
	$(BIN)/python benchmarks/throughput.py --labels $(PHOTOGRAPHS)/labels.csv
	$(BIN)/python benchmarks/delivery.py
	$(BIN)/python benchmarks/hmc.py --data $(TABLES) --json > benchmarks/out/hmc.json

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cladist needs Python >= 3.11; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	@touch $@

clean:
	rm -rf .venv cladist-demo benchmarks/out
