# The verbs of the project. `make` alone lists them.
PYTHON ?= python3
# In an activated .venv, the interpreter that it was made with: .venv itself has no pip.
BASE = $(shell $(PYTHON) -c 'import sys; print(sys._base_executable)')
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL = $(BASE) -m pip --disable-pip-version-check --python $(BIN)/python install --quiet --no-deps

.PHONY: help install tools up test lint audit format bench bench-quick screenshots session containers systemd helm chart celery clusters spark lock clean

help: ## List these targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed ## Create .venv and install what running needs, from the lock

# --without-pip: Debian's python3 has no ensurepip until python3-venv is installed; pip itself can
# install into another interpreter since 22.3.
$(VENV)/.installed: requirements.lock requirements-warehouse.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(BASE) -m venv --clear --without-pip $(VENV)
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	$(PIP_INSTALL) --require-hashes -r requirements-warehouse.lock
	$(PIP_INSTALL) --no-build-isolation --editable .
	@touch $@

tools: $(VENV)/.tools ## Also install what tests, linters and benchmarks need

$(VENV)/.tools: $(VENV)/.installed requirements-dev.lock
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@

up: install ## Start everything and print the URL; Ctrl-C stops it
	@exec $(BIN)/soleflip up

# One worker more than CI has cores, since tests wait for processes. Which tests share a worker: tests/conftest.py.
test: tools ## Run the tests (VERSIONS=both: all of them on PostgreSQL 15 and 18)
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

lint: tools ## Formatting, lint, types, who imports whom, dependencies and the SQL
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy examples
	$(BIN)/lint-imports
	$(BIN)/deptry soleflip_assets
	$(BIN)/deptry soleflip_assets/inventory --optional-dependencies-dev-groups platform --ignore DEP002
	$(BIN)/deptry tests benchmarks examples .ci --ignore DEP002,DEP004
	$(BIN)/squawk --config .squawk.toml $$(grep -rLE '$(PARAMETER)' sql --include='*.sql')

# squawk reads no `:name`. A file with one changes no object: PostgreSQL's DDL takes no parameters.
PARAMETER := (^|[^:A-Za-z0-9_]):[a-z]

audit: tools ## Look for known vulnerabilities in the locks, where the database can be reached
	$(BIN)/python .ci/audit.py

format: tools ## Format the Python
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: tools ## Run the benchmarks and write benchmarks/results (ROWS=1172)
	$(BIN)/soleflip bench --rows $(or $(ROWS),1172)

bench-quick: tools ## Fail where a figure of a small shop falls behind its bound by half
	$(BIN)/soleflip bench --quick

screenshots: tools ## Renew the pictures of docs/images (needs chromium)
	SCREENSHOTS=docs/images $(BIN)/python -m pytest tests/e2e/up

session: tools ## Renew docs/session.txt, a session of every command
	SESSION=docs/session.txt $(BIN)/python -m pytest tests/e2e/test_session.py

containers: tools ## Build, run and kill deploy/compose.yaml's containers (root, podman, podman-compose)
	CONTAINERS=benchmarks/results/containers.md $(BIN)/python -m pytest tests/e2e/test_containers.py

systemd: tools ## Run deploy/systemd on a machine of its own and kill each service (root, podman)
	SYSTEMD=benchmarks/results/systemd.md $(BIN)/python -m pytest tests/e2e/test_systemd.py

helm: chart clusters tools ## Render deploy/kubernetes with Dagster's chart and check it (CHART=its folder, needs helm)
	HELM_CHART=$(CHART) HELM=benchmarks/results/helm.md $(BIN)/python -m pytest tests/e2e/test_helm.py

# Before anything is installed.
chart:
	@$(if $(CHART),,$(error Say where Dagster's chart is: make helm CHART=FOLDER))

celery: clusters tools ## Run jobs on two Celery workers and kill one (needs Debian's rabbitmq-server)
	CELERY=benchmarks/results/celery.md $(BIN)/python -m pytest tests/e2e/test_celery.py

clusters: install ## Also install what runs on several machines (Kubernetes, Celery)
	$(PIP_INSTALL) --require-hashes -r requirements-clusters.lock

spark: install ## Also install Spark, the warehouse's engine for several machines (needs Java 17)
	$(PIP_INSTALL) --require-hashes -r requirements-spark.lock

COMPILE = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' --quiet

lock: ## Compile the locks from pyproject.toml (needs uv)
	$(COMPILE) --extra platform --group build -o requirements.lock
	$(COMPILE) --extra warehouse -c requirements.lock -o requirements-warehouse.lock
	$(COMPILE) --extra spark -c requirements.lock -o requirements-spark.lock
	$(COMPILE) --group dev -c requirements.lock -c requirements-warehouse.lock -o requirements-dev.lock
	$(COMPILE) --extra clusters -c requirements.lock -o requirements-clusters.lock

clean: ## Remove what install and the tests made; the data in .soleflip stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
