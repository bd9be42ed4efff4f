# `make help` lists what there is. Needs Python >= 3.11, make and a package index; `make clients` and
# `make hardware` also need Node.js >= 20 with npm.

# The newest interpreter that starts and can make an environment: a name on the path proves
# nothing, since version managers leave launchers behind for versions that are not active.
USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	if $$name -c '$(USABLE)' >/dev/null 2>&1; then echo $$name; break; fi; done)

EXTRAS := cpu,export,server,report,skew,demo,dev
BIN := .venv/bin
PIP := -m pip install --quiet --disable-pip-version-check
ARGS ?=

# SwiftShader, a GPU in software, comes with Debian's Chromium; the loader that finds it lies beside.
SWIFTSHADER := build/swiftshader
DOWNLOAD := apt-get download --quiet --quiet chromium-common libvulkan1
UNPACK := tar --extract --directory $(SWIFTSHADER) --transform 's|.*/||' --wildcards
WASM := preproc/runtime/backends/node/node_modules

# Left out with the oldest scikit-learn: the page of the newest, parameters that it has not (splines,
# discriminants), frames that it or its pandas does not take (polars, selectors, text of pandas, columns without names),
# other libraries, counts of nodes that they take part in, and traced code, which computes as pandas 3
# does: on pandas 2 its proof refuses what differs.
OLDEST_CORE := not test_coverage and not polars and not selectors and not cannot_name and not none_beside
OLDEST_WITHOUT := checking spline discriminant wire lightgbm xgboost catboost ensembles wrappers pipelines growth own_code

.DEFAULT_GOAL := help
.PHONY: help env environments bench clients hardware demo skew-demo test test-oldest coverage lint format-check check types contracts proto proto-check clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

bench: env  ## measure speed against scikit-learn and skl2onnx; writes docs/benchmarks
	@OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks

demo: env  ## train, export, prove, serve and call on a year of real flights
	@$(BIN)/python -m examples.flights.demo $(ARGS)

skew-demo: env  ## serve half a year of flights with one planted fault, and let the log tell what happened
	@OMP_NUM_THREADS=1 $(BIN)/python -m examples.skew.demo

environments: env hardware clients .venv-oldest/ready .venv-proto/ready  ## make every environment that CI uses; -j makes them at once
	@:

clients: .venv-kserve/ready tests/clients/node/node_modules/ready  ## install the foreign clients that tests run
	@:

hardware: .venv/hardware $(SWIFTSHADER)/ready $(WASM)/ready build/debian  ## install the other runtimes that tests run, on Debian
	@:

test: env  ## run the tests; ARGS="-k name" chooses some
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: format-check check types contracts  ## run all that judges code without running it

format-check: env  ## ruff format, changing nothing
	@$(BIN)/ruff format --check --quiet .

check: env  ## ruff check
	@$(BIN)/ruff check --quiet .

types: env  ## mypy, strict
	@$(BIN)/mypy

contracts: env  ## lint-imports: a layer imports only what stands below it
	@$(BIN)/lint-imports --no-logo

test-oldest: .venv-oldest/ready  ## run the core of the matrix on the oldest scikit-learn
	@OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest -n 2 --dist worksteal -W default::DeprecationWarning \
		-W default::FutureWarning -k '$(OLDEST_CORE)' \
		$(OLDEST_WITHOUT:%=--ignore tests/matrix/test_%.py) --ignore tests/export/tracing \
		tests/matrix tests/export $(ARGS)

coverage: env  ## write docs/coverage.md from the matrix, skl2onnx beside it
	@$(BIN)/python -m tests.matrix.coverage

proto: .venv-proto/ready  ## write the stubs from proto/
	@.venv-proto/bin/python proto/generate.py

proto-check: .venv-proto/ready  ## fail if the stubs are not what proto/ would give
	@.venv-proto/bin/python proto/generate.py --check

env: .venv/ready  ## make .venv, or renew it if the requirements changed
	@:

clean:  ## remove environments, caches and build output; models/ stays
	@rm -rf .venv .venv-proto .venv-oldest .venv-kserve tests/clients/node/node_modules $(WASM) build dist \
		.pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks \
		server/preproc_server/cells.*.so
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: pyproject.toml constraints.txt hatch_build.py server/preproc_server/cells.pyx
	$(call make-environment,.venv)
	@$(BIN)/python $(PIP) --editable '.[$(EXTRAS)]' --constraint constraints.txt
	@touch $@

.venv-oldest/ready: pyproject.toml tests/oldest.txt
	$(call make-environment,.venv-oldest)
	@.venv-oldest/bin/python $(PIP) --editable '.[cpu,export]' --requirement tests/oldest.txt
	@touch $@

.venv-proto/ready: proto/requirements.txt
	$(call make-environment,.venv-proto)
	@.venv-proto/bin/python $(PIP) --requirement proto/requirements.txt
	@touch $@

.venv-kserve/ready: tests/clients/kserve.txt
	$(call make-environment,.venv-kserve)
	@.venv-kserve/bin/python $(PIP) --requirement $<
	@touch $@

tests/clients/node/node_modules/ready: tests/clients/node/package-lock.json
	@npm ci --prefix tests/clients/node --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

.venv/hardware: .venv/ready
	@$(BIN)/python $(PIP) --editable '.[webgpu,openvino]' --constraint constraints.txt
	@touch $@

$(SWIFTSHADER)/ready: | build/debian  # one after the other: both ask apt
	@rm -rf $(SWIFTSHADER) && mkdir -p $(SWIFTSHADER)/deb
	@cd $(SWIFTSHADER)/deb && { $(DOWNLOAD) 2>/dev/null || { apt-get update --quiet --quiet && $(DOWNLOAD); }; }
	@dpkg-deb --fsys-tarfile $(SWIFTSHADER)/deb/chromium-common_*.deb | \
		$(UNPACK) '*/libvk_swiftshader.so' '*/vk_swiftshader_icd.json'
	@dpkg-deb --fsys-tarfile $(SWIFTSHADER)/deb/libvulkan1_*.deb | $(UNPACK) '*/libvulkan.so.1*'
	@rm -r $(SWIFTSHADER)/deb
	@touch $@

build/debian:  # a browser that reports are looked at with, and a clock that can be moved
	@ls /usr/bin/chromium /usr/lib/*/faketime >/dev/null 2>&1 || { apt-get update --quiet --quiet && \
		apt-get install --quiet --quiet --yes --no-install-recommends chromium libfaketime >/dev/null; }
	@mkdir -p build && touch $@

$(WASM)/ready: $(WASM:%/node_modules=%)/package-lock.json
	@npm ci --prefix $(<D) --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

define make-environment
	@if [ -z '$(PYTHON)' ]; then \
		echo 'no usable Python: expected 3.11 or newer, with venv and ensurepip; name one with PYTHON=' >&2; \
		exit 1; \
	fi
	@echo "making $(1) with $$($(PYTHON) --version), once"
	@$(PYTHON) -m venv --clear $(1)
endef
