# `make lab` opens the course, `make test` proves that it works, `make demo` opens the
# control room for a projector.  Each sets up what it needs first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# What a student needs; with the control room as a page; with all that tests want.  One environment, which grows.
READY  := $(VENV)/ready
DEMO   := $(VENV)/ready-demo
DEV    := $(VENV)/ready-dev

# JupyterLab wants to be told that root is meant: containers often have no other user.
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

.PHONY: lab demo site test check exercises grade bench fuzz crash clean
.DEFAULT_GOAL := lab

# JupyterLab prints the address to open when it finds no browser.
lab: $(READY)
	$(BIN)/jupyter lab $(AS_ROOT) --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url="/lab/tree/notebooks/00-start-here.ipynb" $(LAB_ARGS)

# The page's own frame is in demo/: Voilà's would fetch icons from the web.  Its address has a token.
# A lab tells its page much at once; what a server drops for its rate is lost for good.
demo: $(DEMO)
	JUPYTER_PATH="$(CURDIR)/demo" $(BIN)/python demo/serve.py notebooks/control-room.ipynb --template=mailcourse --theme=light --ZMQChannelsWebsocketConnection.limit_rate=False --Voila.ip=127.0.0.1 --VoilaConfiguration.extension_denylist="['mailcourse','@jupyter/nbgrader','@jupyter-notebook/lab-extension','@voila-dashboards/jupyterlab-preview']" $(DEMO_ARGS)

# The course as plain files, for a browser tab: _site/.  What it is made of is fetched once, into .cache/site/.
site: $(READY)
	$(BIN)/python deploy/site/build.py

# More workers than two cores: half of what the tests do is waiting.
test: $(DEV)
	$(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder $(TEST_ARGS)

# The same for one's own eyes while working: no browser, no notebooks.
check: $(DEV)
	$(BIN)/python -m pytest -n 2 --dist loadscope tests/unit tests/dialogues

# What students get is made from what teachers keep; the table in docs/grading.md too.
exercises: $(READY)
	$(BIN)/python -m mailcourse.checks.release
	$(BIN)/python -m mailcourse.checks.catalogue

# make grade ASSIGNMENT=02-dns FOLDER=path: marks, feedback and a page of the class, in grading/.
grade: $(READY)
	$(BIN)/mailcourse grade "$(ASSIGNMENT)" "$(FOLDER)"

bench: $(DEV)
	$(BIN)/python benchmarks/measure.py
	$(BIN)/python benchmarks/throughput.py
	$(BIN)/python benchmarks/mailboxes.py
	$(BIN)/python benchmarks/authentication.py
	$(BIN)/python benchmarks/notebooks.py
	$(BIN)/python benchmarks/hour.py
	$(BIN)/python benchmarks/marking.py

# Makes up input for about two hours, guided by coverage too; `make test` does a little of it.
fuzz: $(DEV)
	MAILCOURSE_FUZZ=$(or $(TIMES),100) $(BIN)/python -m pytest --timeout 7200 tests/fuzz

# Draws the pictures of docs/ from the views, in JupyterLab in Chromium.
pictures: $(DEV)
	$(BIN)/python tests/browser/pictures.py

# Kills a lab at 200 seeded moments and after every step of the disk, and counts what was lost.
crash: $(DEV)
	MAILCOURSE_LONG=1 $(BIN)/python -m pytest -s tests/crash

# Set up again when pyproject.toml changes.
$(READY): EXTRAS = grading
$(DEMO):  EXTRAS = grading,demo
$(DEV):   EXTRAS = dev
$(READY) $(DEMO) $(DEV): pyproject.toml setup.sh
	@PYTHON="$(PYTHON)" sh setup.sh "$(VENV)" "$(EXTRAS)"
	@touch $@

clean:
	rm -rf $(VENV)
