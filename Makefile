# make demo: install into .venv and edit the sample scan.   make view: the viewer in a browser.
# make test: check and test everything.   make wheel: the core for the Slicer extension.
PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.PHONY: demo view test wheel clean

.venv/installed: pyproject.toml setup.py constraints.txt
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	@echo "installing (once; a few minutes) ..."
# torch first and by its exact version, so that no other package's range pulls a larger build
	$(PIP) -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(PIP) -c constraints.txt -e ".[scene,view,dev]"
	touch $@

demo: .venv/installed
	$(BIN)/dgmvlc demo -o demo-output --overwrite

view: .venv/installed
	$(BIN)/python -m SlicerDGMVLCBrowser --port $(PORT) --open

test: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest

# the wheel that the Slicer extension carries; from a copy, so that nothing old of build/ gets in
wheel: .venv/installed
	rm -rf SlicerDGMVLC/Resources/Wheel build/wheel
	mkdir -p build/wheel
	cp -r DGMVLCCore Resources SlicerDGMVLC pyproject.toml setup.py README.md LICENSE build/wheel/
	$(BIN)/python -m pip wheel --quiet --no-deps -w SlicerDGMVLC/Resources/Wheel build/wheel
	rm -rf build/wheel

clean:
	rm -rf .venv demo-output build dist *.egg-info SlicerDGMVLC/Resources/Wheel
