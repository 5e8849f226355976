# make demo: install into .venv and edit the sample scan.   make view: the viewer in a browser.   make test: check and test everything.
PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.PHONY: demo view test clean

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

clean:
	rm -rf .venv demo-output build dist *.egg-info
