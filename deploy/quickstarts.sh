#!/usr/bin/env bash
# Runs the quickstarts: each is a small website with the usual library of its
# language that logs a person in at bongsu dev, twice, and must see the same sub
# by two ways. Outside test.sh, because it fetches those libraries.
#
#   bash deploy/quickstarts.sh              all
#   bash deploy/quickstarts.sh go express   some
#
# Installs what is missing for those that it runs: Node, Python, Java and Maven, Chromium.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/machine.sh
. deploy/machine.sh

all=(curl go express spa next django spring)
wanted=("$@")
[ "${#wanted[@]}" -gt 0 ] || wanted=("${all[@]}")
port=${QUICKSTARTS_PORT:-18417}
export BONGSU_ISSUER=http://localhost:$port BONGSU_CLIENT_ID=demo BONGSU_CLIENT_SECRET=demo-secret
export APP_URL=http://localhost:$((port + 5)) APP_PORT=$((port + 5)) SESSION_SECRET=a-secret-of-the-quickstarts-alone
work=$(mktemp -d)
running=()

stop() {
	local pid
	for pid in "${running[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	running=()
}
trap 'stop; rm -rf "$work"' EXIT

# await URL: until it answers, for at most a minute.
await() {
	local _
	for _ in $(seq 300); do
		curl -fsS -o /dev/null "$1" 2>/dev/null && return
		sleep 0.2
	done
	cat "$work"/*.log >&2
	fail "$1 does not answer"
}

# website COMMAND…: runs it until the login is over.
website() {
	"$@" >"$work/website.log" 2>&1 &
	running+=($!)
	await "$APP_URL/login"
}

# Each start_NAME starts a website at $APP_URL.
start_go() {
	go build -o "$work/quickstart-go" ./deploy/quickstarts/go
	website "$work/quickstart-go"
}

start_express() {
	npm ci --prefix deploy/quickstarts/express --ignore-scripts --no-audit --no-fund --loglevel=error
	website node deploy/quickstarts/express/server.mjs
}

start_spa() {
	need_debian chromium chromium
	npm ci --prefix deploy/quickstarts/spa --ignore-scripts --no-audit --no-fund --loglevel=error
	go build -o "$work/chromium" ./deploy/quickstarts/chromium
	BONGSU_CLIENT_ID=demo-spa website node deploy/quickstarts/spa/serve.mjs
}

start_next() {
	npm ci --prefix deploy/quickstarts/next --ignore-scripts --no-audit --no-fund --loglevel=error
	(cd deploy/quickstarts/next && NEXT_TELEMETRY_DISABLED=1 node node_modules/next/dist/bin/next build >"$work/build.log" 2>&1) || return
	NEXT_TELEMETRY_DISABLED=1 website node deploy/quickstarts/next/node_modules/next/dist/bin/next start deploy/quickstarts/next --hostname 127.0.0.1 --port "$APP_PORT"
}

start_django() {
	need_python
	python3 -m venv "$work/django"
	"$work/django/bin/pip" install --quiet --disable-pip-version-check --retries 3 --require-hashes -r deploy/quickstarts/django/requirements.txt
	website "$work/django/bin/python" deploy/quickstarts/django/website.py runserver --noreload "127.0.0.1:$APP_PORT"
}

# The parent in pom.xml pins every version.
start_spring() {
	need_java
	mvn --quiet --batch-mode --file deploy/quickstarts/spring/pom.xml -DbuildDirectory="$work/spring" package
	website java -jar "$work/spring/quickstart.jar"
}

# subject NAME WAY: logs minji in and prints who the website says she is.
subject() {
	if [ "$1" = curl ]; then
		bash deploy/quickstarts/curl/login.sh "$2" minji
	elif [ "$1" = spa ]; then
		"$work/chromium" "$APP_URL" "$2" minji
	else
		node deploy/quickstarts/person.mjs "$APP_URL" "$2" minji
	fi | sed -n 's/.*"sub": *"\([^"]*\)".*/\1/p'
}

need_go
need_node
command -v curl >/dev/null || fail "curl is missing"
go build -o "$work/bongsu" ./cmd/bongsu

for name in "${wanted[@]}"; do
	[ -d "deploy/quickstarts/$name" ] || fail "there is no quickstart $name: ${all[*]}"
	"$work/bongsu" dev --port "$port" >"$work/dev.log" 2>&1 &
	running+=($!)
	await "$BONGSU_ISSUER/.well-known/openid-configuration"
	[ "$name" = curl ] || "start_$name"
	first=$(subject "$name" kakao) || { cat "$work"/*.log >&2; fail "$name: no login by kakao"; }
	second=$(subject "$name" naver) || { cat "$work"/*.log >&2; fail "$name: no login by naver"; }
	[ -n "$first" ] || fail "$name: the website knows nobody"
	[ "$first" = "$second" ] || fail "$name: by kakao $first, by naver $second"
	stop
	printf '%s: %s by kakao and by naver\n' "$name" "$first"
done
