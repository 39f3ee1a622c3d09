# What a newcomer runs is `make audit`; what a change must pass is `make check`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
# Worker processes of the tests that may run side by side.
JOBS ?= 2
# Further options for `make audit`, such as ARGS='--policy mine.yml'.
ARGS ?=
# The first Python that is new enough; `make audit PYTHON=python3.13` takes another one.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(if $(shell $(name) -c 'import sys; sys.version_info >= (3, 11) and print("yes")' 2>/dev/null),$(name))))
# What is made to be handed out, and the environment of what lists its parts.
DIST := dist
SBOM_VENV := build/sbom
OUR_YAML := $(wildcard auditor policies playbooks .yamllint.yml)
GENERATED_DOCS := $(wildcard README.md CONTRIBUTING.md docs/*.md playbooks/README.md)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_ROOT_USER_ACTION := ignore
# Modules of another project must not get in between.
unexport PYTHONPATH PYTHONHOME

# Run one of our goals and print how long it took, against its budget in seconds.
timed = begin=$$(date +%s); status=0; $(MAKE) $(1) || status=$$?; \
	took=$$(($$(date +%s) - begin)); over=; [ "$$took" -le $(2) ] || over=', over its budget'; \
	printf '\nmake %s: %s s of %s s%s\n' '$@' "$$took" '$(2)' "$$over"; exit $$status

# Install a pinned list and this package. Nothing else is fetched: the package's own build tools are pinned in it too.
define install
	@printf 'Installing what %s pins into $(VENV) ...\n' '$(1)'
	@$(BIN)/python -m pip install --quiet --require-hashes -r $(1)
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
endef

.PHONY: help
help: ## Show the targets (this is the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- for everyone

.PHONY: audit
audit: $(VENV)/audit.stamp ## Audit this machine (installs what it needs into .venv first)
	@status=0; $(BIN)/auditor audit local $(ARGS) || status=$$?; case $$status in \
	0) ;; \
	1) printf 'The audit is complete and found violations (exit code 1): the report says what to do about each.\n' ;; \
	3) printf 'The audit could not see all it needs (exit code 3): the report lists each gap and how to close it.\n' ;; \
	*) exit $$status ;; esac

# ---- for a change

.PHONY: check
check: $(VENV)/test.stamp ## The gate before a commit, at most 90 s: format, lint, types, fast tests, docs
	@$(call timed,check-steps,90)

.PHONY: test
test: $(VENV)/test.stamp ## Everything, at most 15 minutes: the gate, and the tests with a lab fleet and a browser
	@sh tests/install_debian_packages.sh
	@$(call timed,test-steps,900)

.PHONY: fix
fix: $(VENV)/test.stamp ## Repair what can be repaired: format, lint, generated docs
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/cog -r $(GENERATED_DOCS)

.PHONY: docs
docs: $(VENV)/test.stamp ## Write the generated parts of the docs anew
	$(BIN)/cog -r $(GENERATED_DOCS)

.PHONY: bench
bench: $(VENV)/test.stamp ## Measure the auditor beside its peers, and its stages by number of hosts (as root)
	$(BIN)/python -m tests.bench.run $(ARGS)

.PHONY: probe-bench
probe-bench: $(VENV)/test.stamp ## Measure what the probe costs a host, section by section, and Ansible beside it (as root)
	$(BIN)/python -m tests.bench.probe $(ARGS)

.PHONY: catalogue-bench
catalogue-bench: $(VENV)/test.stamp ## Measure the catalogue's matcher against its goals: a server, a large host
	$(BIN)/python -m tests.bench.catalogue

.PHONY: judge-bench
judge-bench: $(VENV)/test.stamp ## Measure verdicts from sealed evidence: seconds and memory of 1,000 and 10,000 hosts
	$(BIN)/python -m tests.bench.judging $(ARGS)

.PHONY: fleet-page-bench
fleet-page-bench: $(VENV)/test.stamp ## Measure how soon the fleet page of 10,000 hosts opens and answers a search in Chromium
	$(BIN)/python -m tests.bench.fleet_page $(ARGS)

.PHONY: report-bench
report-bench: $(VENV)/test.stamp ## Measure HTML, CSV and JSON of a stored run: seconds, memory and files of 1,000 and 10,000 hosts
	$(BIN)/python -m tests.bench.reporting $(ARGS)

.PHONY: load
load: $(VENV)/test.stamp ## Two simulated years of months on one store in one process: what grows, ARGS='--hosts 300 --months 24'
	$(BIN)/python -m tests.bench.load $(ARGS)

.PHONY: flows-bench
flows-bench: $(VENV)/test.stamp ## Measure ten million flow records of each format against the goal: 60 s of CPU, 500 MB
	$(BIN)/python -m tests.bench.flows $(ARGS)

.PHONY: events-bench
events-bench: $(VENV)/test.stamp ## Measure a million events of each format against the goal: 40 µs of CPU a record, 300 MB
	$(BIN)/python -m tests.bench.events $(ARGS)

.PHONY: firewall-bench
firewall-bench: $(VENV)/test.stamp ## Measure the firewall's evaluator against its goals: verdicts a second, reachability
	$(BIN)/python -m tests.bench.firewall

.PHONY: change-tests
change-tests: $(VENV)/test.stamp ## Change real hosts by playbooks and plans, and undo it; budget 40 minutes (as root)
	@sh tests/install_debian_packages.sh
	@$(call timed,change-steps,2400)

.PHONY: soak
soak: $(VENV)/test.stamp ## Search long for what breaks the laws: many more examples, no time budget
	$(BIN)/pytest -n $(JOBS) --hypothesis-profile=soak -m 'not lab and not browser and not change'

.PHONY: fault-tests
fault-tests: $(VENV)/test.stamp ## End the auditor at every write, by a kill and by a power cut, ARGS='--scenario audit --every 10'
	$(BIN)/python -m tests.faults.crash $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/fuzz.stamp ## Search for input that a reader falls over, ARGS='nft pf --seconds 600' (default: all, 60 s each)
	$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: firewall-fuzz
firewall-fuzz: $(VENV)/test.stamp ## Try the firewall's verdicts against this kernel, ARGS='--seed x --minutes 10' (as root)
	$(BIN)/python -m tests.firewall.kernel $(ARGS)

.PHONY: firewall-mutants
firewall-mutants: $(VENV)/test.stamp ## Break the evaluator of firewalls in every place: which mutants do its tests not tell (exit 1: one is not explained)
	$(BIN)/python -m tests.firewall.mutants $(ARGS)

.PHONY: sample
sample: $(VENV)/audit.stamp ## Make reports/sample anew from the recorded fleet
	$(BIN)/auditor demo -o reports/sample

.PHONY: sbom
sbom: $(SBOM_VENV)/stamp ## Write what an installation is made of to dist/auditor.cdx.json (CycloneDX)
	@mkdir -p $(DIST)
	@sed "s/^dynamic = .*/version = \"$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' auditor/__init__.py)\"/" pyproject.toml >$(SBOM_VENV)/pyproject.toml
	@env -u SOURCE_DATE_EPOCH PYTHONWARNINGS=ignore $(SBOM_VENV)/bin/cyclonedx-py requirements --pyproject $(SBOM_VENV)/pyproject.toml \
		--sv 1.6 --of JSON --output-reproducible --validate -o $(DIST)/auditor.cdx.json constraints.txt
	@printf '%s\n' '$(DIST)/auditor.cdx.json'

.PHONY: pins
pins: $(VENV)/test.stamp ## Pin the newest versions that pyproject.toml allows, with their hashes
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile $(PIN_OPTIONS) --extra ansible --group build -o constraints.txt
	$(BIN)/uv pip compile $(PIN_OPTIONS) --extra ansible --extra celery --extra postgresql --extra events --group test -c constraints.txt -o constraints-test.txt
	$(BIN)/uv pip compile $(filter-out pyproject.toml,$(PIN_OPTIONS)) --group fuzz -o constraints-fuzz.txt
	$(BIN)/uv pip compile $(filter-out pyproject.toml,$(PIN_OPTIONS)) --no-deps --group bench -o constraints-bench.txt
	for peer in ansible pyinfra parallel-ssh asyncssh; do \
		$(BIN)/uv pip compile $(filter-out pyproject.toml,$(PIN_OPTIONS)) --group bench-$$peer -o constraints-bench-$$peer.txt || exit 1; done
	$(BIN)/uv pip compile $(filter-out pyproject.toml,$(PIN_OPTIONS)) --group oscal -o constraints-oscal.txt
	$(BIN)/uv pip compile $(filter-out pyproject.toml,$(PIN_OPTIONS)) --group sigma -o constraints-sigma.txt
	$(BIN)/uv pip compile $(filter-out pyproject.toml,$(PIN_OPTIONS)) --group lint -o constraints-lint.txt
	$(BIN)/uv pip compile $(filter-out pyproject.toml,$(PIN_OPTIONS)) --group sbom -o constraints-sbom.txt

# One version for every Python that is supported; no index, host or path of this machine in the file.
PIN_OPTIONS := pyproject.toml --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

.PHONY: clean
clean: ## Remove what was made here, reports excepted
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find auditor tests -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- steps of the above

# Where they are, so that not all other tests are read first; tests/architecture holds that there are none elsewhere.
CHANGE_TESTS := tests/remediate tests/playbooks

.PHONY: change-steps
change-steps:
	$(BIN)/pytest -n $(JOBS) --maxschedchunk 1 -m change $(ARGS) $(CHANGE_TESTS)

.PHONY: check-steps
check-steps:
	@$(MAKE) -k gates
	$(BIN)/pytest -q -n $(JOBS) -m 'not lab and not browser and not slow'

# Every step is taken, so that one run tells all that is wrong.
# What needs root, ports or a browser runs alone: side by side these would measure each other.
.PHONY: test-steps
test-steps:
	@status=0; \
	$(MAKE) -k gates || status=1; \
	$(BIN)/pytest -n $(JOBS) -m 'not lab and not browser and not change' || status=1; \
	$(BIN)/pytest -m '(lab or browser) and not alone and not change' || status=1; \
	$(BIN)/pytest -m alone || status=1; \
	exit $$status

# The layers, the sh probe and the schemas are gates too: tests/architecture holds them.
.PHONY: gates gate-format gate-lint gate-types gate-yaml gate-docs
gates: gate-format gate-lint gate-types gate-yaml gate-docs
gate-format:
	$(BIN)/ruff format --check --quiet .
gate-lint:
	$(BIN)/ruff check --quiet .
gate-types:
	$(BIN)/mypy
gate-yaml:
	$(BIN)/yamllint --strict $(OUR_YAML)
gate-docs:
	$(BIN)/cog --check --diff $(GENERATED_DOCS)

# ---- the environment: nothing is installed again until one of these files changes

INSTALLED_FROM := pyproject.toml auditor/__init__.py

$(VENV)/audit.stamp: constraints.txt $(INSTALLED_FROM) | $(BIN)/pip
	$(call install,constraints.txt)

$(VENV)/test.stamp: constraints-test.txt $(INSTALLED_FROM) | $(BIN)/pip
	$(call install,constraints-test.txt)

# Where the fuzzer has no wheel, the search goes by chance.
$(VENV)/fuzz.stamp: constraints-fuzz.txt $(VENV)/test.stamp
	@$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: -r constraints-fuzz.txt || \
		printf 'atheris has no wheel for this Python and machine: mutations are drawn by chance.\n'
	@touch $@

# Apart from ours: none of its packages is one of the list that it writes.
$(SBOM_VENV)/stamp: constraints-sbom.txt | $(BIN)/pip
	@$(BIN)/python -m venv --clear $(SBOM_VENV)
	@$(SBOM_VENV)/bin/python -m pip install --quiet --require-hashes -r constraints-sbom.txt
	@touch $@

# Debian and Ubuntu keep what fills an environment in a package of its own: root gets it, others are told.
$(BIN)/pip:
	@[ -n '$(PYTHON)' ] || { printf 'The auditor needs Python 3.11 or newer: install it, or name it: make PYTHON=/path/to/python3\n' >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
		package=$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			printf 'Installing the Debian package %s ...\n' "$$package"; \
			apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$$package" >/dev/null; \
		else \
			printf 'Python cannot make an environment here. On Debian and Ubuntu, as root: apt-get install %s\n' "$$package" >&2; exit 2; \
		fi; }
	@$(PYTHON) -m venv $(VENV)
