# Everything runs in .venv, which is made on first use. Needs Python >= 3.11 and make, nothing else.
PYTHON ?= python3
BIN := .venv/bin
PHOTOGRAPHS ?= ../shared/data/grocery
TABLES ?= ../shared/data/hmc
JOBS ?= 2

.PHONY: demo test lint docs bench chaos fuzz install clean

demo: .venv/.installed
	$(BIN)/cladist demo

test: .venv/.installed
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks/hmc/__main__.py
	$(BIN)/lint-imports

# The site of docs/, in site/.
docs: .venv/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

bench: .venv/.installed
	mkdir -p benchmarks/out
	$(BIN)/python benchmarks/accuracy.py --labels $(PHOTOGRAPHS)/labels.csv --out benchmarks/out/accuracy.json
	$(BIN)/python benchmarks/throughput.py --labels $(PHOTOGRAPHS)/labels.csv
	$(BIN)/python benchmarks/serving.py
	$(BIN)/python benchmarks/bounds.py
	$(BIN)/python benchmarks/labels.py --rows 1000000
	$(BIN)/python benchmarks/delivery.py
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/webhooks.py
	$(BIN)/python benchmarks/hmc --data $(TABLES) --json > benchmarks/out/hmc.json

# Faults of every kind against real servers, half an hour; SHORT=1 takes a few rounds of each.
chaos: .venv/.installed
	$(BIN)/python tests/chaos $(if $(SHORT),--short)

fuzz: .venv/.installed
	$(BIN)/python benchmarks/fuzz.py

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Cladist needs Python >= 3.11; try: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable . --group dev
	@touch $@

clean:
	rm -rf .venv cladist-demo benchmarks/out site
