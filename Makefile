# Everything a person types. Needs make and Python 3.11 or newer; all else goes into .venv.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test lint audit sbom bench base-image lock setup setup-dev clean

help:
	@echo "make run     start the studio (SLIPWAY_PORT, SLIPWAY_HOST, SLIPWAY_DATA choose where)"
	@echo "make test    run every test this machine can run"
	@echo "make lint    check style, types, layers, migrations and the OpenAPI document"
	@echo "make audit   compare packages with public advisories, search for secrets"
	@echo "make sbom    write the software bill of materials to sbom.cdx.json"
	@echo "make bench   measure: scoring server beside its peers, about 40 minutes (needs wrk)"
	@echo "make base-image  make a minimal base image for Docker from Debian packages (needs mmdebstrap)"
	@echo "make lock    resolve requirements*.in into requirements*.txt"
	@echo "make clean   remove .venv and caches; the data folder stays"

setup:
	@sh ops/setup.sh

setup-dev:
	@sh ops/setup.sh dev

run: setup
	@exec $(BIN)/python manage.py up

# Unit tests, which often wait for a server; then what starts whole studios, browsers and services.
test: setup-dev
	$(BIN)/python -m pytest -n 3 --dist loadscope -m "not browser and not stack"
	$(BIN)/python -m pytest -n 2 --dist loadscope -m "browser or stack"

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/djlint --lint --quiet --extension css static/css
	$(BIN)/lint-imports
	$(BIN)/mypy .
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --fail-on-warn --file /dev/null

audit: setup-dev
	@sh ops/audit.sh

sbom: setup-dev
	$(BIN)/python ops/sbom.py sbom.cdx.json

bench: setup-dev
	$(BIN)/python bench/scoring.py --report docs/benchmarks/scoring.md

base-image: setup
	@sh ops/base_image.sh

lock: setup
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --upgrade \
		--custom-compile-command "make lock" --output-file requirements.txt requirements.in
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --upgrade \
		--custom-compile-command "make lock" --output-file requirements-dev.txt requirements-dev.in

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results *.egg-info
