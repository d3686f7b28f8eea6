# The door. Every target sets up what it needs; `make` alone lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
AUDIT := build/audit
SITE := build/docs
# One list of services: the keys of infra/services.yaml.
SERVICES := $(shell sed -n 's/^  \([a-z][a-z0-9-]*\):.*/\1/p' infra/services.yaml)
PACKAGES := libs/common libs/simulator libs/planning libs/dataset libs/emulators libs/bigquery-ddl cli devtools $(SERVICES:%=services/%)
MINUTES := 60
SEEDS := 10000
FIRST := 0

.DEFAULT_GOAL := help
.PHONY: docs help setup demo tour up down test test-quick coverage soak simulate-faults check check-sql check-images check-infra mutate prove-images wheels deploy format bench bench-figures bench-peers fuzz lock audit sbom generate clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(VENV)/.complete ## Create the virtual environment with everything in it

$(VENV)/.complete: requirements-dev.txt $(addsuffix /pyproject.toml,$(PACKAGES))
	@echo "setting up $(VENV); a few minutes the first time, nothing afterwards"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
	@touch $@

demo: setup ## Replay a game day through the real services and check the dataset's answers; CONSOLE=1 keeps the stack running
	@$(BIN)/tipoff demo $(if $(CONSOLE),--console)

tour: setup ## Run the stack with a generated week with faults, and print the console's address
	@$(BIN)/tipoff up --tour

up: setup ## Run the whole stack in the background, at fixed ports, in wall-clock time
	@$(BIN)/tipoff up

down: setup ## Stop it
	@$(BIN)/tipoff down

# Each worker and each process of a stack imports the same modules; without bytecode each compiles them anew.
test test-quick coverage soak: export PYTHONDONTWRITEBYTECODE =

# Groups of tests as tests/conftest.py makes and orders them.
GROUPED := --dist loadgroup --no-loadscope-reorder

test: setup ## Run every test
	$(BIN)/pytest --numprocesses 4 $(GROUPED)

test-quick: setup ## Run the tests that start no stack and take less than a second each, with few examples a property
	HYPOTHESIS_PROFILE=quick $(BIN)/pytest tests/unit tests/contract -m 'not slow and not thorough' --numprocesses 3 $(GROUPED)

coverage: setup ## Run the tests but the simulation with branch coverage, services included, and hold it against the gate
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m pytest --numprocesses 4 $(GROUPED) --ignore tests/simulation $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage html --quiet --directory build/coverage/html
	$(BIN)/coverage report

soak: setup ## Run what the tests run in seconds at full length: outages of minutes, MINUTES under fire, 100,000 files
	MINUTES=$(MINUTES) $(BIN)/pytest -m slow --log-cli-level INFO

simulate-faults: setup ## Simulate a morning of the real handlers SEEDS times, each with its own faults; shrinks what fails
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST)

mutate: setup ## Change FILE one operator at a time and list the changes that TESTS do not notice; MUTANTS draws so many, LINES=3,7 takes those
	HYPOTHESIS_PROFILE=mutation $(BIN)/python -m pytest -q -p no:cacheprovider -p tests.support.mutation \
	  --mutate $(or $(FILE),$(error FILE is missing: make mutate FILE=module.py TESTS=folder)) $(MUTANTS:%=--mutants %) $(LINES:%=--mutated-lines %) $(TESTS)

check: setup ## Lint, types, layers, YAML, shell scripts, generated files, SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/yamllint --strict .
	$(BIN)/sqlfluff lint --quiet queries schemas
	git ls-files -z '*.sh' .ci/run | xargs -0 $(BIN)/shellcheck
	$(BIN)/python -m tipoff_dev.generate --check
	$(BIN)/python -m tipoff_dev.checks.sql $(CHECK_SQL)
	$(MAKE) --no-print-directory check-images

check-sql: setup ## Analyze every SQL statement as BigQuery would (needs npm; CHECK_SQL=--require insists)
	$(BIN)/python -m tipoff_dev.checks.sql $(CHECK_SQL)

check-infra: setup ## Check infra/terraform without a cloud (needs PyPI once; CHECK_INFRA=--require insists)
	$(BIN)/yamllint --strict infra
	$(BIN)/python -m tipoff_dev.checks.terraform $(CHECK_INFRA)

check-images: setup ## Lint Dockerfile, compose file, Cloud Build's and GitHub's (part of check)
	$(BIN)/hadolint Dockerfile infra/local/Dockerfile
	$(BIN)/yamllint --strict docker-compose.yaml cloudbuild.yaml .github
	$(BIN)/shellcheck infra/build_images.sh
	$(BIN)/zizmor --offline --quiet --persona=pedantic .github

prove-images: setup ## Install each service alone as its image does, start it, send it a real push (no Docker needed)
	$(BIN)/pytest tests/integration/test_services_alone.py

wheels: setup ## Build a wheel of each package into build/wheels, for `pip install --find-links` elsewhere
	rm -rf build/wheels
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir build/wheels $(addprefix ./,$(PACKAGES))
	@echo "pip install --find-links $(CURDIR)/build/wheels tipoff-cli tipoff-dev"

deploy: setup ## Show the deployment's plan: ENV=dev PROJECT=P [REGION=R] [BUILD=docker] [IMAGES_FROM=P]; APPLY=yes [CONFIRM=dev] applies it
	@$(BIN)/tipoff deploy "$(or $(ENV),$(error ENV is missing: make deploy ENV=dev PROJECT=my-project))" \
	  --project "$(or $(PROJECT),$(error PROJECT is missing: make deploy ENV=$(ENV) PROJECT=my-project))" \
	  $(if $(REGION),--region "$(REGION)") $(if $(BUILD),--build "$(BUILD)") \
	  $(if $(IMAGES_FROM),--images-from "$(IMAGES_FROM)") $(if $(filter yes,$(SHARED)),--shared) $(if $(filter yes,$(DRIFT)),--drift) \
	  $(if $(filter yes,$(APPLY)),--apply,--dry-run) $(if $(CONFIRM),--confirm "$(CONFIRM)")

format: setup ## Format the code and the SQL
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --quiet queries schemas

generate: setup ## Write the generated files: references, JSON Schemas, docker-compose.yaml, Grafana's dashboards
	$(BIN)/python -m tipoff_dev.generate

bench: setup ## Measure, both sides in one run
	$(BIN)/python -m bench.tick_to_row
	$(BIN)/python -m bench.fan_out
	$(BIN)/python -m bench.discovery --seeds 4
	$(BIN)/python -m bench.discovery_ticks
	$(BIN)/python -m bench.evaluation
	$(BIN)/python -m bench.views
	$(BIN)/python -m bench.alerts
	$(BIN)/python -m bench.pubsub_push
	$(BIN)/python -m bench.tracing
	$(BIN)/python -m bench.cold_start
	$(BIN)/python -m bench.logger_throughput
	$(BIN)/python -m bench.parse
	$(BIN)/python -m bench.cleanup
	$(BIN)/python -m bench.cost
	$(BIN)/python -m bench.cli_start
	$(BIN)/python -m bench.console
	$(BIN)/python -m bench.decide

bench-figures: setup ## Measure all that docs/explanation/scaling.md states, and write it there
	$(BIN)/python -m bench.figures

bench-peers: setup ## Do the same work on Tipoff and its peers, into docs/reference/benchmarks.md (needs PyPI, PostgreSQL)
	$(BIN)/python -m bench.peers --write docs/reference/benchmarks.md

$(SITE)/.complete: docs/requirements.txt
	@$(PYTHON) -m venv $(SITE)
	@$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r docs/requirements.txt
	@touch $@

docs: $(SITE)/.complete ## Build the documentation's site into build/site, every link checked; SERVE=1 shows it
	@NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs $(if $(SERVE),serve,build --strict)

fuzz: setup ## Feed the parsers documents that are nearly right, for MINUTES; finds are kept in .tipoff/fuzz
	$(BIN)/python -m tipoff_dev.fuzz --minutes $(MINUTES) --out .tipoff/fuzz

# Our own packages are installed from the checkout, so no requirement file names them.
OWN = $(foreach folder,$(PACKAGES),$(shell sed -n 's/^name = "\(.*\)"/\1/p' $(folder)/pyproject.toml))
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(OWN:%=--no-emit-package %)

lock: setup ## Resolve the pinned requirements again
	$(COMPILE) requirements-dev.in $(PACKAGES:%=%/pyproject.toml) -o requirements-dev.txt
	$(COMPILE) requirements-audit.in -o requirements-audit.txt
	for folder in $(SERVICES:%=services/%) devtools; do \
	  $(COMPILE) -c requirements-dev.txt $$folder/pyproject.toml -o $$folder/requirements.txt || exit 1; \
	done
	$(COMPILE) docs/requirements.in -o docs/requirements.txt
	$(COMPILE) -c requirements-dev.txt services/build-requirements.in -o services/build-requirements.txt
	$(COMPILE) infra/terraform/checks/requirements.in -o infra/terraform/checks/requirements.txt

$(AUDIT)/.complete: requirements-audit.txt
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.txt
	@touch $@

# All pins but those of bench/peers, which are other schedulers' and run nowhere but in a measurement.
AUDITED := $(SERVICES:%=services/%/requirements.txt) services/build-requirements.txt devtools/requirements.txt \
  docs/requirements.txt infra/terraform/checks/requirements.txt requirements-dev.txt requirements-audit.txt

audit: $(AUDIT)/.complete ## Look up what is known against the pinned requirements (asks pypi.org)
	@$(AUDIT)/bin/python -c 'import requests; requests.get("https://pypi.org/pypi/pip/json", timeout=10).raise_for_status()' 2>/dev/null \
	  || { echo "pypi.org does not answer, so nothing was audited; run this where there is a network" >&2; exit 1; }
	@for file in $(AUDITED); do \
	  echo "$$file"; \
	  $(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r $$file || failed=1; \
	done; exit $${failed:-0}

sbom: $(AUDIT)/.complete ## Write each service's bill of materials (CycloneDX) into build/sbom
	@mkdir -p build/sbom
	@for service in $(SERVICES); do \
	  $(AUDIT)/bin/python -W ignore::UserWarning -m cyclonedx_py requirements services/$$service/requirements.txt \
	    --pyproject services/$$service/pyproject.toml --output-reproducible -o build/sbom/$$service.cdx.json || exit 1; \
	  echo "build/sbom/$$service.cdx.json"; \
	done

clean: ## Remove the virtual environment and caches
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
