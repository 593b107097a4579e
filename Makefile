# One command for everything; each installs what it needs first. Needs only Python 3.11+, pip, make and a package index.
#
#   make demo       a small end-to-end example            make docs        the site, with every snippet executed
#   make test       the suite CI runs                     make bench       quick run of all benchmarks
#   make test-all   long tests, or AREA=faults, scale, …  make wheels      all wheels into dist/wheels
#   make test-gpu   tests that need a device              make dist        wheels installed and tested elsewhere
#   make bench-gpu  scattering on a device and on the CPU  make clean       remove what was built
#   make bench-16g  a field of 16 GiB by two workers of 1.5 GiB; resumes where it was stopped
#   make lint       style and types
#
# Another interpreter:          make test PYTHON=python3.13 VENV=.venv-3.13
# The optional FFT libraries:   make -B install EXTRAS=all,finance,test,docs,peers,fft

VENV ?= .venv
# The first interpreter that runs and is new enough: a name on the PATH alone proves nothing.
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
EXTRAS ?= all,finance,test,docs,peers
AREA ?= slow faults scale service deploy peers
PYTEST_ARGS ?=

PLUGINS := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PROJECTS := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
BIN := $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet
STAMP := $(VENV)/.installed
# What only the comparison with other packages needs, and is large.
SOLVERS := $(VENV)/.solvers
# Build back ends come from the constraints like everything else, and are fetched once, not once per distribution.
BACKEND := hatchling editables

.DEFAULT_GOAL := help
.PHONY: help install demo test test-all test-gpu bench-gpu bench-16g lint format docs catalog bench wheels dist clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

install: $(STAMP)

$(STAMP): $(PROJECTS) constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing scatflow and its plugins into $(VENV)"
	@$(PIP) install -c constraints.txt $(BACKEND)
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[$(EXTRAS)]' $(addprefix -e ,$(PLUGINS))
	@touch $@

demo: install
	@$(BIN)/python examples/demo.py

test: install
	@$(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0 $(PYTEST_ARGS)

$(SOLVERS): $(STAMP)
	@echo "installing packages to compare with into $(VENV)"
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[solvers]'
	@touch $@

test-all: install $(if $(filter peers,$(AREA)),$(SOLVERS))
	@status=0; for area in $(AREA); do \
		$(BIN)/python -m pytest -p tests.area_report --area $$area -m $$area --timeout 2700 -o faulthandler_timeout=2730 $(PYTEST_ARGS) || status=1; \
	done; exit $$status

test-gpu: install
	@if $(BIN)/python -c 'import cupy; assert cupy.cuda.runtime.getDeviceCount()' 2>/dev/null; then \
		$(BIN)/python -m pytest -m gpu $(PYTEST_ARGS); \
	else echo "not run: no GPU"; fi

bench-gpu: install
	@if $(BIN)/python -c 'import cupy; assert cupy.cuda.runtime.getDeviceCount()' 2>/dev/null; then \
		$(BIN)/python benchmarks/scattering_device.py && $(BIN)/python benchmarks/large_cases.py --device gpu field; \
	else echo "not run: no GPU"; fi

bench-16g: install
	@$(BIN)/python benchmarks/large_cases.py field-16g

lint: install
	@status=0; \
	$(BIN)/python -m ruff check . || status=1; \
	$(BIN)/python -m ruff format --check . || status=1; \
	$(BIN)/python -m mypy scatflow $(PLUGINS:%=%/src) || status=1; \
	exit $$status

format: install
	@$(BIN)/python -m ruff check --fix --quiet .
	@$(BIN)/python -m ruff format --quiet .

docs: install
	@$(BIN)/python -m pytest -m docs tests/docs
	@$(BIN)/python -m pytest --doctest-modules scatflow $(PLUGINS:%=%/src)
	@rm -rf site
	@$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -b html -d build/doctrees docs site
	@echo "site/index.html"

catalog: install
	@$(BIN)/python docs/write_catalog.py

bench: install
	@for script in benchmarks/*.py; do \
		grep -q -e --quick $$script || continue; \
		echo "== $$script"; $(BIN)/python $$script --quick || exit 1; \
	done

wheels: install
	@rm -rf dist/wheels && mkdir -p dist/wheels
	@$(PIP) wheel --no-build-isolation --no-deps -w dist/wheels . $(addprefix ./,$(PLUGINS))
	@ls dist/wheels

# A wheel is tested where nothing of the checkout can be imported: another environment, another directory.
dist: wheels
	@place=$$(mktemp -d) && trap 'rm -rf "$$place"' EXIT && \
	$(BIN)/python -m venv $$place/venv && \
	$$place/venv/bin/python -m pip --disable-pip-version-check --quiet install -c constraints.txt \
		--find-links dist/wheels 'scatflow[all,test]' && \
	cp -r tests/end_to_end conftest.py $$place && cd $$place && \
	SCATFLOW_INSTALLED=1 venv/bin/python -m pytest -c '$(CURDIR)/pyproject.toml' --rootdir . end_to_end $(PYTEST_ARGS)

clean:
	@rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find scatflow plugins tests docs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
