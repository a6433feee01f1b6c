# make run    set up everything and serve the panel on http://127.0.0.1:8000 (PORT= and ADDRESS= change it)
# make test   set up everything and run all tests
# make faults repeat what may go wrong many times over (about an hour); figures in build/faults.jsonl
# make lint   style and types only
# make messages   collect the words of the screen into the catalogues
# make security   say in its table and README.md which tests show which security requirement
# make coverage   the tests without browser, with what they do not reach
# make lock   look up the hashes of what requirements.txt asks for
# make sbom   list what is installed in build/hallpanel.cdx.json, as CycloneDX
# make clean  remove what the other targets made, except the data in instance/

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := run
.PHONY: run test faults lint messages security coverage lock sbom clean

PORT ?= 8000
ADDRESS ?= 127.0.0.1
WORKERS ?= 2
INSTANCE := $(or $(HALLPANEL_INSTANCE),instance)

BIN := .venv/bin
READY := .venv/requirements-installed
CATALOGUES := $(wildcard hallpanel/translations/*/LC_MESSAGES/messages.po)
COMPILED := $(CATALOGUES:.po=.mo)
LANGUAGES := zh_Hans_CN zh_Hant_TW en
# The first Python that is new enough and can make a virtual environment (Debian packs that apart).
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

run: $(READY) $(COMPILED)
	@$(BIN)/flask --app wsgi db upgrade --directory hallpanel/migrations
	@$(BIN)/flask --app wsgi seed
	@$(BIN)/flask --app wsgi demo
	@echo "hallpanel: http://$(ADDRESS):$(PORT)  (Ctrl C stops it)"
	@if [ -f "$(INSTANCE)/demo-accounts.txt" ]; then cat "$(INSTANCE)/demo-accounts.txt"; fi
	@exec $(BIN)/gunicorn --workers $(WORKERS) --bind "$(ADDRESS):$(PORT)" wsgi:app

test: lint $(COMPILED)
	$(BIN)/python -m pytest -n 2 --dist loadgroup

faults: $(READY) $(COMPILED)
	HALLPANEL_TEST_LONG=yes $(BIN)/python -m pytest tests/faults

lint: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

$(READY): requirements.txt constraints.txt
	@for python in $(CANDIDATES); do \
		if "$$python" -c '$(SUITABLE)' 2>/dev/null; then found="$$python"; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
		echo "hallpanel needs Python 3.11 or newer with venv (on Debian: apt install python3-venv)." >&2; \
		exit 1; \
	fi; \
	echo "Installing the requirements into .venv ..."; \
	"$$found" -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement constraints.txt
	@touch $@

%.mo: %.po $(READY)
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

messages: $(READY)
	mkdir -p build
	$(BIN)/pybabel --quiet extract --mapping-file pyproject.toml --keywords "_l _n:1,2" \
		--no-location --sort-output --no-wrap --project hallpanel \
		--header-comment "# The words of the screen." \
		--output-file build/messages.pot hallpanel
	for language in $(LANGUAGES); do \
		action=init; \
		if [ -f "hallpanel/translations/$$language/LC_MESSAGES/messages.po" ]; then \
			action="update --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date"; \
		fi; \
		$(BIN)/pybabel --quiet $$action --domain messages --locale $$language --no-wrap \
			--input-file build/messages.pot --output-dir hallpanel/translations; \
	done

security: $(READY)
	$(BIN)/python -m tests.security_rows

coverage: $(READY) $(COMPILED)
	$(BIN)/python -m pytest -n 2 --dist loadgroup --ignore tests/browser --cov --cov-report term

# The tools of these two stand apart: the panel needs neither.
build/tools/bin/%:
	@python3 -m venv build/tools
	@build/tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9 cyclonedx-bom==7.5.0

lock: build/tools/bin/uv
	@{ sed -n 1,2p constraints.txt; build/tools/bin/uv pip compile requirements.txt --quiet \
		--generate-hashes --universal --python-version 3.11 --no-header --no-annotate; } \
		> build/constraints.txt
	@mv build/constraints.txt constraints.txt

sbom: $(READY) build/tools/bin/cyclonedx-py
	@build/tools/bin/cyclonedx-py environment --output-format JSON \
		--output-file build/hallpanel.cdx.json .venv
	@echo "build/hallpanel.cdx.json"

clean:
	rm -rf .venv build .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find hallpanel tests -name __pycache__ -prune -exec rm -rf {} +
	rm -f $(COMPILED)
