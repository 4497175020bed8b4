#!/usr/bin/env bash
# Installs the frontend's packages, exactly as locked, if they are not there or the lock has changed.
set -euo pipefail
cd "$(dirname "$0")/../frontend"
stamp=node_modules/.installed
if [ ! -f "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
	echo "Installing the frontend's packages: up to a minute…"
	npm ci --no-audit --no-fund --loglevel=error
	touch "$stamp"
fi
