# Everything sets itself up; see scripts/setup for what is installed.
# Long campaigns run short in `make test` and long in `make soak`, with the same code.

SHELL := /bin/bash
release := swift build -c release --static-swift-stdlib -Xswiftc -static-executable
python := .venv/bin/python
soak_runs := 200000
fault_runs := 200
model_runs := 200
kill_runs := 20
collect_runs := 20
stream_runs := 1
pattern_runs := 100000
doctor_runs := 12
oracle_lines := 20000
oracle_documents := 100000
# Where random tests begin: always there in `make test`, so that what fails is what was changed; anywhere in `make soak`.
METERTAP_SEED ?= 746612767
export METERTAP_SEED

.PHONY: help run build lambda test unit-test integration-test lint format bench screenshots soak clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

run: build ## Watch a sample application's log lines become usage on a platform of your own
	.build/release/metertap up --demo --data out/metertap

# The linker warns of name look-ups in static executables; NameService.swift tells why they are safe here.
build: ## Build .build/release/metertap and .build/release/metertap-lambda
	@scripts/setup build
	$(release) --product metertap
	$(release) --product metertap-lambda

lambda: build ## Make dist/metertap-lambda.zip
	python3 scripts/make-zip .build/release/metertap-lambda dist/metertap-lambda.zip

test: unit-test integration-test ## Run all tests

unit-test:
	@scripts/setup test
	swift build --build-tests
	swift test --skip-build

integration-test: lambda
	@scripts/setup test
	$(release) --product metertap-soak
	$(release) --product signature-probe
	$(release) --product collector-probe
	$(release) --product filter-pattern-probe
	$(release) --product hot-path
	.build/release/metertap-soak $(soak_runs) Tests/Corpus/lines.txt
	METERTAP_FAULT_RUNS=$(fault_runs) METERTAP_MODEL_RUNS=$(model_runs) METERTAP_KILL_RUNS=$(kill_runs) \
		METERTAP_COLLECT_RUNS=$(collect_runs) METERTAP_COLLECTOR_PROBE=$(CURDIR)/.build/release/collector-probe \
		METERTAP_STREAM_RUNS=$(stream_runs) METERTAP_PATTERN_RUNS=$(pattern_runs) METERTAP_DOCTOR_RUNS=$(doctor_runs) \
		METERTAP_ORACLE_LINES=$(oracle_lines) METERTAP_ORACLE_DOCUMENTS=$(oracle_documents) \
		METERTAP_SIGNATURE_PROBE=$(CURDIR)/.build/release/signature-probe \
		$(python) -m pytest integration

soak: ## Run the long campaigns: mutations, lines, faults, histories, kills, late log events, streams, filter patterns, misconfigurations
	METERTAP_SEED=$$RANDOM$$RANDOM $(MAKE) integration-test soak_runs=10000000 fault_runs=10000 model_runs=5000 \
		kill_runs=200 collect_runs=500 stream_runs=100 pattern_runs=2000000 doctor_runs=1000 \
		oracle_lines=400000 oracle_documents=3000000
	METERTAP_STREAM_HISTORIES=2000 swift test --filter ShardBoardTests

lint: ## Check format and style
	@scripts/setup lint
	swift format lint --strict --parallel --recursive Sources Tests Package.swift
	.venv/bin/ruff check integration scripts
	.venv/bin/ruff format --check integration

format: ## Format the sources
	@scripts/setup lint
	swift format --in-place --parallel --recursive Sources Tests Package.swift
	.venv/bin/ruff format integration

bench: build ## Measure everything beside others, and show all bars; METERTAP_BENCH_SHORT=1 only tries it
	@scripts/setup bench
	$(release) --product hot-path
	rm -rf bench-results
	$(python) integration/bench.py
	$(python) integration/bench_readers.py
	$(python) integration/bench_agent.py
	$(python) integration/bench_platform.py
	$(python) integration/bench_audit.py
	$(python) integration/bench_collect.py
	$(python) integration/bench_summary.py

screenshots: build ## Take pictures of the console, into out/screenshots, and README's
	@scripts/setup test
	cd integration && ../$(python) screenshots.py

clean:
	rm -rf .build .venv dist out bench-results
