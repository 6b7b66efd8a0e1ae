# make demo    the main job on real input, with a page to look at
# make test    what CI runs: lint, types, imports, tests
# make test-long  the tests that only confirm at length
# make test-all  both
# make integrations  the callbacks, each with its library, in .venv-integrations
# make sentences  every sentence a user may read, with its place
# make gallery  pictures of every page of the dashboard, in build/gallery
# make far-ROW  five seeds of a row of docs/long-memory.md: far-temporal-order-500, far-temporal-order-1000,
#              far-adding-1000 or far-copying-500
# make bench   the benchmarks; tables on the terminal, JSON in benchmarks/results
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

# The libraries that callbacks are for: an extra each. All of them together are large, and change
# what others find installed, so that they have an environment of their own.
CALLBACKS := lightning,transformers,keras,skorch,sb3,ignite,optuna
LIBRARIES := .venv-integrations

.PHONY: demo test test-long test-all integrations lint bench sentences gallery clean

# torch first and by itself: as a mere dependency pip may pick a build with gigabytes of CUDA.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Backsight needs Python 3.11 or newer; try make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/backsight study length chars --cell rnn,lstm --lengths 10,25,50,100 --seeds 1 --iterations 300 --engine local:2
	@echo "To look at all runs in the browser, type: $(BIN)/backsight ui"

# One process a core, one thread each: tests train small models, which threads only slow down.
# What is imported is compiled once, not by each of hundreds of processes.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto --dist worksteal

test: lint
	$(PYTEST)

test-long: $(READY)
	$(PYTEST) -m long

test-all: lint
	$(PYTEST) -m ''

$(LIBRARIES)/.ready: pyproject.toml constraints.txt Makefile
	test -x $(LIBRARIES)/bin/python || $(PYTHON) -m venv $(LIBRARIES)
	$(LIBRARIES)/bin/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(LIBRARIES)/bin/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[tensorboard,$(CALLBACKS)]' pytest sb3-contrib
	touch $@

integrations: $(LIBRARIES)/.ready
	OMP_NUM_THREADS=1 $(LIBRARIES)/bin/python -m pytest -p no:cacheprovider tests/integrations

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(READY)
	for script in benchmarks/[!_]*/[!_]*.py; do \
		$(BIN)/python -m $$(echo $${script%.py} | tr / .) || exit 1; \
	done

far-%: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.memory.far $* --seeds 5

sentences: $(READY)
	@$(BIN)/python docs/make_sentences.py

gallery: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python docs/pictures/gallery.py build/gallery

clean:
	rm -rf $(VENV) $(LIBRARIES) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
