# make install   the environment in .venv (uses one that is there already), and the git hooks that keep notebooks clean
# make demo      draws cats and dogs, trains, judges, looks inside; ends with runs/demo/report.html (uses the run that is there already)
# make check     the checks that take seconds: notebooks clean, package exported, README, imports, ruff, documented parameters, benchmarks
# make test      everything: make check, notebooks, layers, command line, browser
# make lint      what ruff objects to; tools/lint_baseline.json counts the old offences, which may only fall
# make engine    what the toolbox computes with in the browser (needs npm)
# make readme    README.md from nbs/index.ipynb
# make package   the files for a package index, in dist/
# make benchmark speed beside Keras and fastai (needs CATSDOGS_PHOTOS, and TensorFlow for Keras)

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
STAMP := .venv/.installed

.PHONY: install hooks demo check test lint engine readme package benchmark clean

install: $(STAMP)

$(STAMP): settings.ini setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "make: Python 3.10 or newer is needed; say which by PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python tools/fetch_engine.py || echo "make: the toolbox has no engine; make engine tries again"
	$(BIN)/python tools/install_hooks.py
	touch $(STAMP)

hooks:
	$(BIN)/python tools/install_hooks.py

demo: install
	@test -f runs/demo/report.html && echo "runs/demo/report.html is there already; remove runs/demo to make it again" || $(BIN)/catsdogs demo --out runs/demo

check: install
	@$(BIN)/python tools/check.py

test: install
	@$(BIN)/python tools/run_all.py

lint: install
	@$(BIN)/python -m ruff check --quiet --output-format concise . || true
	@$(BIN)/python tools/lint.py

engine: install
	$(BIN)/python tools/fetch_engine.py

readme: install
	$(BIN)/python tools/make_readme.py

package: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check build twine
	rm -rf dist
	$(BIN)/python -m build --quiet
	$(BIN)/python -m twine check --strict dist/*

benchmark: install
	$(BIN)/python benchmarks/peers.py "$(CATSDOGS_PHOTOS)"

clean:
	rm -rf .venv build dist *.egg-info
