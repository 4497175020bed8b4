#!/usr/bin/env bash
# Installs what the checks need and a fresh machine has not: the linter, into .tools, and Chromium.
# Usage: scripts/tools.sh lint|browser
set -euo pipefail
cd "$(dirname "$0")/.."

GOLANGCI_LINT=v2.15.0

lint() {
	local bin=.tools/golangci-lint-$GOLANGCI_LINT
	[ -x "$bin" ] && return
	echo "Building golangci-lint $GOLANGCI_LINT (once, some two minutes)…"
	mkdir -p .tools
	GOBIN="$PWD/.tools" go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$GOLANGCI_LINT"
	mv .tools/golangci-lint "$bin"
}

browser() {
	if command -v chromium >/dev/null || [ -n "${APIER_CHROMIUM:-}" ]; then
		return
	fi
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "The browser tests need Chromium. Install it (Debian: sudo apt-get install chromium)," >&2
		echo "or name its program in APIER_CHROMIUM." >&2
		exit 1
	fi
	echo "Installing Chromium…"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
}

"$1"
