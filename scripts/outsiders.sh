#!/usr/bin/env bash
# Installs the programs of others that tests/outsiders runs, exactly as locked.
# Usage: scripts/outsiders.sh [folder within tests/outsiders]
set -euo pipefail
cd "$(dirname "$0")/../tests/outsiders/${1:-.}"
stamp=node_modules/.installed
if [ ! -f "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
	echo "Installing the packages of tests/outsiders/${1:-}: up to a minute…"
	npm ci --no-audit --no-fund --loglevel=error
	touch "$stamp"
fi
