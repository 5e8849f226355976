# make demo: install into .venv and edit the sample scan.   make view: the viewer in a browser.
# make test: check and test everything.   make docs: the pages of Docs/, into build/docs.
# make wheel: the core for the Slicer extension.
PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

LOCKS := requirements.lock requirements-cpu.lock requirements-torch.lock
LOCKED := $(PIP) --require-hashes --no-deps -r

.PHONY: demo view test docs wheel lock clean

.venv/installed: pyproject.toml setup.py $(LOCKS)
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	@echo "installing (once; a few minutes) ..."
# The locks are complete: nothing is resolved, and a file whose hash is not in them is refused.
	$(LOCKED) requirements.lock
# torch's CPU build where pip is told of one (--find-links, or an index of CPU builds), else the
# default build with all it needs
	$(LOCKED) requirements-cpu.lock 2>/dev/null || $(LOCKED) requirements-torch.lock
	$(PIP) --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip check
	touch $@

demo: .venv/installed
	$(BIN)/dgmvlc demo -o demo-output --overwrite

view: .venv/installed
	$(BIN)/python -m SlicerDGMVLCBrowser --port $(PORT) --open

test: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest Testing/Browser
	$(BIN)/python -m pytest --ignore Testing/Browser -n logical --maxprocesses 4 --dist worksteal

docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# the wheel that the Slicer extension carries; from a copy, so that nothing old of build/ gets in
wheel: .venv/installed
	rm -rf SlicerDGMVLC/Resources/Wheel build/wheel
	mkdir -p build/wheel
	cp -r DGMVLCCore Resources SlicerDGMVLC pyproject.toml setup.py README.md LICENSE build/wheel/
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w SlicerDGMVLC/Resources/Wheel build/wheel
	rm -rf build/wheel

# after a change of pyproject.toml or constraints.txt
lock: .venv/installed
	$(BIN)/python Testing/lock.py

clean:
	rm -rf .venv demo-output build dist *.egg-info SlicerDGMVLC/Resources/Wheel
