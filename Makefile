# Dwindle's commands: `make help` lists them.
# Settings, on the command line: PYTHON=python3.12   DATA=path/to/data   PYTEST_FLAGS="-k voices"   PROCESSES=1   PORT=8000

PYTHON ?= python3
DATA ?= $(DWINDLE_DATA)
PYTEST_FLAGS ?=
PORT ?= 8000
WEB_DIST ?= web/dist

FULL := .venv/bin/python
LIGHT := .venv-demo/bin/python
CORES := $(shell getconf _NPROCESSORS_ONLN)
# a process for each core, of which a batch of 128 is shared evenly, trains half as fast again as as many threads
PROCESSES ?= $(shell n=1; while [ $$n -lt 8 ] && [ $$((2 * n)) -le $(CORES) ]; do n=$$((2 * n)); done; echo $$n)
LAUNCH := OMP_NUM_THREADS=1 $(FULL) -m torch.distributed.run --standalone --nproc_per_node $(PROCESSES)
TRAIN := $(LAUNCH) train_distill.py
PRUNE := $(LAUNCH) prune_and_quantize.py
ifneq ($(DATA),)
export DWINDLE_DATA := $(DATA)
endif
# the release goes on from the one before, twice, and is the mean of both; `make release START= EPOCHS=60` begins anew
START ?= --start_from artifacts/student.pt
EPOCHS ?= 9
LEARN := --alpha 0 --front_end sinc --lr 0.0015 --patience 0
SHRINK := --target_sparsity 0.1 --steps 1 --last_epochs 1 --qat_epochs 0 --lr 1e-4 --alpha 0

.DEFAULT_GOAL := help
.PHONY: help demo test pipeline release report paper samples web web-build clean
.SILENT:
.DELETE_ON_ERROR:

help:  ## this list
	sed -n 's/^\([a-z-]*\):.*##\(.*\)/make \1\t\2/p' Makefile | expand -t 16

demo: artifacts/model_int8.onnx .venv-demo/installed  ## hear digits in the recordings of samples/ (light install, no torch)
	$(LIGHT) infer.py samples/
	printf '\nThat was a network of about 110 kB on one CPU core. One run of it takes a fraction of a millisecond; a file takes many.\n'
	printf 'What to try next:\n'
	printf '  %-48s%s\n' '$(LIGHT) infer.py --mic' 'say digits aloud' \
	    '$(LIGHT) infer.py your.wav --json' 'your own recordings, for a program to read' \
	    'make test' 'every test, on the full requirements (5 GB)' \
	    'make pipeline' 'train, prune, quantise and export one yourself'

test: .venv/installed  ## install everything, check style and types, run every test (quick ones first)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/pyright --pythonpath $(FULL)
	$(FULL) -m pytest -n $(CORES) --dist loadfile $(wildcard test_components.py) tests $(PYTEST_FLAGS)

pipeline: .venv/installed  ## every stage in order, small settings, from whatever data there is
	$(TRAIN) --epochs 10 --temperature 4.0 --alpha 0.7
	$(PRUNE) --target_sparsity 0.4 --steps 4
	$(FULL) export_models.py --output_dir artifacts --benchmark
	$(FULL) infer.py samples/

release: .venv/installed  ## the full recipe, from data to artifacts/; hours, and it resumes where it was stopped
	$(TRAIN) $(LEARN) --epochs $(EPOCHS) $(START) --output_dir runs/first
	$(TRAIN) $(LEARN) --epochs 9 --start_from runs/first/student.pt --seed 1 --output_dir runs/second
	$(FULL) -m bench.mean_student runs/first/student.pt runs/second/student.pt --output_dir artifacts
	$(PRUNE) $(SHRINK)
	$(FULL) export_models.py --output_dir artifacts --benchmark
	$(FULL) -m bench.people --output logs/people.json
	$(FULL) -m bench.streaming --output logs/streaming.json
	$(MAKE) report

report: .venv/installed  ## draw the figures; write the tables, the comparison, the model cards and docs/paper.md
	$(if $(DATA)$(wildcard data),$(FULL) bench/answers.py)
	$(FULL) notebooks/experiments.py
	$(FULL) -m report

paper: .venv/installed  ## docs/paper.md as a PDF, docs/paper.pdf (needs chromium)
	$(FULL) -m report.paper_pdf

samples: .venv/installed  ## speak the recordings of samples/ again (needs espeak-ng and flite)
	$(FULL) -m samples.make_samples

web: web-build  ## the page: build it, serve it on this computer, open it (speak, draw, write, compare; Ctrl-C ends it)
	(sleep 1; $(PYTHON) -m webbrowser http://127.0.0.1:$(PORT)/ >/dev/null) & \
	    exec $(PYTHON) -m http.server --bind 127.0.0.1 --directory $(WEB_DIST) $(PORT)

web-build: web/node_modules/installed  ## write the page to web/dist, for any file server (needs Node.js and npm)
	cd web && npx --no-install tsc --noEmit && node build.mjs $(abspath $(WEB_DIST))

clean:  ## remove both virtual environments, the built page and every cache; data, artifacts and logs stay
	rm -rf .venv .venv-demo web/node_modules web/dist .pytest_cache .ruff_cache .hypothesis
	find dwindle bench notebooks report samples tests -name __pycache__ -prune -exec rm -rf {} +
	rm -rf __pycache__

artifacts/model_int8.onnx:
	echo 'make: $@ is not there, so there is no model to listen with: `make pipeline` trains one' >&2
	exit 1

define new_venv
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
    { echo 'make: Python 3.11 or newer is needed: make PYTHON=python3.12 ...' >&2; exit 1; }
echo 'installing $< into $(@D)'
$(PYTHON) -m venv $(@D) || { echo 'make: no venv module: apt-get install python3-venv' >&2; exit 1; }
endef

.venv/installed: requirements.txt requirements-runtime.txt
	$(new_venv)
	$(FULL) -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

# Without byte code: 25 MB less to write, and only what is imported is ever compiled.
.venv-demo/installed: requirements-runtime.txt
	$(new_venv)
	$(LIGHT) -m pip install --quiet --disable-pip-version-check --no-compile -r $<
	find $(@D) -name __pycache__ -exec rm -r {} +
	touch $@

# without the packages' own install scripts: none of them is needed
web/node_modules/installed: web/package.json web/package-lock.json
	command -v npm >/dev/null || { echo 'make: npm is not there: apt-get install nodejs npm' >&2; exit 1; }
	cd web && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	touch $@
