#!/usr/bin/env bash
# Measures the broker beside a bare net/http server, row by row, per CPU-second
# of server plus database: server and database on one core, load on the other.
# Then logins at three sites beside those at one.
#   bash deploy/bench.sh [-for 5s] [-store sqlite,postgres]
#   bash deploy/bench.sh sites [-for 5s] [-rest 10s]
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$work/bongsu" ./cmd/bongsu
CGO_ENABLED=0 go build -o "$work/bench" ./deploy/bench
if [ "${1:-}" != sites ]; then
	taskset -c 1 "$work/bench" -bongsu "$work/bongsu" "$@"
	set -- sites
fi
shift
taskset -c 1 "$work/bench" sites -bongsu "$work/bongsu" "$@"
