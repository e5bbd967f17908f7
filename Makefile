# make install   the environment in .venv (uses one that is there already)
# make demo      draws cats and dogs, trains, judges, looks inside; ends with runs/demo/report.html (uses the run that is there already)
# make test      everything: notebooks, exported code, README, layers, command line, browser
# make engine  what the toolbox computes with in the browser (needs npm)
# make readme    README.md from nbs/index.ipynb
# make benchmark speed against Keras (needs CATSDOGS_PHOTOS)

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
STAMP := .venv/.installed

.PHONY: install demo test readme benchmark engine clean

install: $(STAMP)

$(STAMP): settings.ini setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "make: Python 3.10 or newer is needed; say which by PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BIN)/python tools/fetch_engine.py || echo "make: the toolbox has no engine; make engine tries again"
	touch $(STAMP)

demo: install
	@test -f runs/demo/report.html && echo "runs/demo/report.html is there already; remove runs/demo to make it again" || $(BIN)/catsdogs demo --out runs/demo

test: install
	@$(BIN)/python tests/run_all.py

engine: install
	$(BIN)/python tools/fetch_engine.py

readme: install
	$(BIN)/python tests/make_readme.py

benchmark: install
	$(BIN)/python benchmarks/keras_ratio.py "$(CATSDOGS_PHOTOS)"

clean:
	rm -rf .venv build dist *.egg-info
