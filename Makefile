# make run       set everything up and open the screen on the sample shim (ARGS="--cpus 16" passes options)
# make test      set everything up and pass every check (ARGS="-k mailbox" runs those tests only)
# make quick     the same without the breadth: for every change, on the way to `make test`
# make fuzz      10,000 changed files of each kind, 20,000 commands, 2,000 travels (CONTRIBUTING.md, Tests)
# make samples   rebuild samples/ from shim/: images, gallery, dialects, the tour's hunt, the demo recording
# make bench     print the benchmarks, each beside something that one knows
# make docs      serve the pages of docs/ on this machine, and again whenever one changes
# make site      build them into build/site; a link that leads nowhere fails
# make lock      choose versions anew and write requirements.lock

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
SAMPLES := samples/shim.elf samples/kernel.elf samples/reset.elf
# A worker for each core and one more (tests/conftest.py); who is idle takes from who is behind.
PYTEST := $(PY) -m pytest -n auto --dist worksteal

.PHONY: run test quick checks fuzz samples bench docs site lock clean
.DELETE_ON_ERROR:
.NOTPARALLEL:

run: $(READY) | $(SAMPLES)
	@$(PY) -m tui $(ARGS)

test: checks
	$(PYTEST) $(ARGS)

quick: checks
	$(PYTEST) -m "not breadth" $(ARGS)

checks: $(READY) | $(SAMPLES)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

fuzz: $(READY) | $(SAMPLES)
	@$(PY) -m tests.fuzz $(ARGS)

samples: $(READY)
	$(PY) shim/build.py
	$(PY) -m tui record --cpus 4 --script samples/demo.script -o samples/demo.apdbg

# The committed images are used as they are; one that is missing is built.
$(SAMPLES): | $(READY)
	$(PY) shim/build.py

bench: $(READY) | $(SAMPLES)
	@$(PY) -m benchmarks $(ARGS)

docs: $(READY)
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs serve $(ARGS)

site: $(READY)
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet $(ARGS)

# A virtual environment of its own, so that uv never enters the one that it writes the lock for.
lock:
	@sh tools/setup.sh venv build/lock $(PYTHON)
	@build/lock/bin/python -m pip install -qq uv
	@sh tools/lock.sh build/lock/bin/uv requirements.lock
	@rm -rf build/lock

$(READY): requirements.lock pyproject.toml tools/setup.sh
	@sh tools/setup.sh venv $(VENV) $(PYTHON)
	@sh tools/setup.sh install $(VENV)
	@touch $@

clean:
	rm -rf $(VENV) build dist
