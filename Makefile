.DEFAULT_GOAL := help
SHELL := bash
LINT := .tools/golangci-lint-v2.15.0
FRONTEND_SOURCES := $(shell find frontend -type f -not -path '*/node_modules/*' -not -path 'frontend/dist/*' 2>/dev/null)

.PHONY: check-commits generate help run demo build test check-go check-frontend test-go test-frontend e2e e2e-others outsiders test-all outsiders-slow soak fuzz bench format clean

help: ## list what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: build ## build, start on embedded defaults, print where to click
	@bin/apier serve

demo: build ## the same, filled with life: events that come, are acknowledged and go
	@bin/apier demo --data demo-data

build: frontend/dist/index.html ## build bin/apier, the dashboard inside
	@[ -x bin/apier ] || echo "Compiling the server: up to three minutes the first time, SQLite is a part of it; seconds from then on…"
	@CGO_ENABLED=0 go build -trimpath -ldflags=-s -o bin/apier ./cmd/apier

frontend/dist/index.html: $(FRONTEND_SOURCES)
	@scripts/node-modules.sh
	@echo "Building the dashboard: some ten seconds…"
	@cd frontend && npm run --silent build
	@touch $@

test: check-commits check-go check-frontend test-go test-frontend e2e outsiders ## everything: format, lint, types, Go with -race, TypeScript, a real browser, outsiders

test-all: test outsiders-slow e2e-others ## the same, and what takes minutes

check-commits: ## subjects of commits
	@scripts/commits.sh

check-go: frontend/dist/index.html ## format, vet and lint of the Go code
	@scripts/tools.sh lint
	@go mod tidy -diff
	@$(LINT) run ./...
	@GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 go build -o /dev/null ./cmd/apier
	@cd bench && go vet ./...

check-frontend: ## format, lint and types of the TypeScript code
	@scripts/node-modules.sh
	@cd frontend && npm run --silent check:format && npm run --silent check:lint && npm run --silent check:types

test-go: build ## Go tests, always with the race detector
	@scripts/tools.sh proxies
	@go test -race -timeout 30m ./...
	@cd bench && go test ./...

test-frontend: ## TypeScript tests
	@scripts/node-modules.sh
	@cd frontend && npm test --silent

e2e: build ## the whole in real browsers, one of them as old as is promised
	@scripts/tools.sh browser
	@scripts/tools.sh old-browser
	@scripts/tools.sh proxies
	@cd frontend && npm run --silent e2e

e2e-others: build ## the guide's page and the dashboard in Firefox and WebKitGTK, and a client in Python
	@scripts/tools.sh other-clients
	@cd frontend && npm run --silent e2e:others

outsiders: build ## what others wrote at work with what is shipped: generators, bundlers, Node's versions
	@scripts/node-modules.sh
	@scripts/outsiders.sh
	@node --test tests/outsiders/*.test.mjs

outsiders-slow: build ## the slow ones of them, such as a whole Next project
	@scripts/node-modules.sh
	@scripts/outsiders.sh
	@node --test tests/outsiders/slow/*.test.mjs

soak: ## the model tests, the kill test and the damage test, longer: nothing is lost, whatever happens
	@go test -race -timeout 60m ./internal/server -run TestNothingIsLost -rapid.checks=300
	@go test -race -timeout 60m ./internal/store/sqlite ./internal/delivery -rapid.checks=1000
	@APIER_SOAK=40 go test -race -timeout 60m ./cmd/apier -run 'TestDamageIsFound|TestAnOutsiderFindsWhatWasConfirmed' -v

fuzz: ## each fuzz target for 30 s
	@scripts/fuzz.sh 30s

bench: build ## measure, and write bench/results
	@cd bench && go run . -apier ../bin/apier

generate: ## write the generated files anew: docs/settings.md, THIRD_PARTY_NOTICES
	@scripts/node-modules.sh
	@cd frontend && node notices.mjs
	@go test ./cmd/apier -run TestTheSettingsPageIsGenerated -update >/dev/null

format: ## format everything
	@scripts/tools.sh lint
	@$(LINT) fmt ./...
	@scripts/node-modules.sh
	@cd frontend && npm run --silent format

clean: ## remove what was built
	@rm -rf bin frontend/dist/* && git checkout -q -- frontend/dist/.gitkeep 2>/dev/null || touch frontend/dist/.gitkeep
