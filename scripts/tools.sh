#!/usr/bin/env bash
# Installs what the checks need and a fresh machine has not: the linter, into .tools, and Chromium.
# Usage: scripts/tools.sh lint|browser|old-browser|other-clients|proxies
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

# Browsers of other engines, and a WebSocket client in Python.
other-clients() {
	local missing=()
	command -v "${APIER_FIREFOX:-firefox-esr}" >/dev/null || missing+=(firefox-esr)
	command -v WebKitWebDriver >/dev/null || missing+=(webkit2gtk-driver)
	command -v Xvfb >/dev/null || missing+=(xvfb)
	"${APIER_PYTHON:-/usr/bin/python3}" -c 'import websockets' 2>/dev/null || missing+=(python3-websockets)
	[ ${#missing[@]} = 0 ] && return
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "The tests with the clients of others need Firefox, WebKitGTK's driver, a screen to draw on and Python's websockets." >&2
		echo "Install them (Debian: sudo apt-get install ${missing[*]}); APIER_FIREFOX and APIER_PYTHON name other programs." >&2
		exit 1
	fi
	echo "Installing ${missing[*]}…"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" fonts-dejavu-core >/dev/null
}

# The proxies of deploy/proxy, which the tests start on ports of their own.
proxies() {
	local missing=()
	command -v nginx >/dev/null || missing+=(nginx-light)
	command -v haproxy >/dev/null || missing+=(haproxy)
	command -v caddy >/dev/null || missing+=(caddy)
	[ ${#missing[@]} = 0 ] && return
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "The tests of deploy/proxy need nginx, HAProxy and Caddy. Install them (Debian: sudo apt-get install ${missing[*]})." >&2
		exit 1
	fi
	echo "Installing ${missing[*]}…"
	apt-get update -qq
	# Nothing is to run by itself: the packages would start a server on port 80.
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
	rm -f /usr/sbin/policy-rc.d
}

# Chromium 88, the oldest engine that is promised, as npm still has it: 44 MB, once.
old-browser() {
	local version=5.5.0
	local integrity=sha512-nYSDzTsVEVsvIFaUUAUN53ulXBLKSRXFS+eVYZOLZD5SA1If59rqBAiy4raMgorQwXWqjSsjK1SF4As+qzPLqA==
	local dir=.tools/chromium-88
	[ -x "$dir/chromium" ] && return
	echo "Fetching Chromium 88…"
	rm -rf "$dir" && mkdir -p "$dir"
	(cd "$dir" && npm pack --silent "chrome-aws-lambda@$version" >/dev/null)
	local tarball=$dir/chrome-aws-lambda-$version.tgz
	if [ "sha512-$(openssl dgst -sha512 -binary "$tarball" | base64 -w0)" != "$integrity" ]; then
		echo "The package of Chromium 88 is not the one that was checked: $tarball" >&2
		exit 1
	fi
	tar --no-same-owner -xzf "$tarball" -C "$dir" package/bin && rm "$tarball"
	node scripts/unbrotli.mjs "$dir/package/bin/aws.tar.br" "$dir/aws.tar"
	tar --no-same-owner -xf "$dir/aws.tar" -C "$dir" && rm "$dir/aws.tar"
	node scripts/unbrotli.mjs "$dir/package/bin/chromium.br" "$dir/chromium.part"
	rm -r "$dir/package"
	chmod +x "$dir/chromium.part" && mv "$dir/chromium.part" "$dir/chromium"
}

"$1"
