#!/usr/bin/env bash
# The database of deploy/patroni for real: etcd and Patroni at three addresses of this
# machine, a broker that finds the primary by its connection string, and people who log
# in all the time. Its leader is killed, and the next one frozen; prints how long no
# login was served, and fails if anything that was acknowledged is not there.
#
#   bash deploy/patroni.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/machine.sh
. deploy/machine.sh

PATRONI_VERSION=4.1.5

need_go
need_packages
need_debian etcd etcd-server
need_python
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # PostgreSQL's account runs it
# Whoever runs this may have a Python in a home that PostgreSQL's account cannot see.
PATH="/usr/bin:$PATH" python3 -m venv "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check --retries 3 "patroni[etcd3,psycopg3]==$PATRONI_VERSION" 'psycopg[binary]'
BONGSU_TEST_PATRONI="$dir/bin/patroni" go test -tags nightly -count=1 -v -timeout 20m -run '^TestPatroni$' ./cmd/bongsu
