#!/usr/bin/env bash
# What takes longer than deploy/test.sh may, for a machine that has the night:
# every fuzz target for a while, every test under the race detector, every test
# many times in another order, every benchmark, 64 nodes that gossip, every outage
# that ships played whole, a flood of 100,000 logins begun, every fault below three
# real sites, hours of chaos at three real sites and their databases, and a soak: a
# real broker under load on either store, in which no request may fail.
#
#   bash deploy/nightly.sh
#   FUZZ_TIME=10m REPEAT=20 SOAK_TIME=5m bash deploy/nightly.sh
#
# Goes on after a failure and names all of them at the end. What a fuzz target
# found stands in its testdata/fuzz: it belongs into the next commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/machine.sh
. deploy/machine.sh

FUZZ_TIME=${FUZZ_TIME:-2m}
REPEAT=${REPEAT:-5}
SOAK_TIME=${SOAK_TIME:-1m} # for each of some fifty numbers
CHAOS_HOURS=${CHAOS_HOURS:-2}
failed=()

# step NAME COMMAND…
step() {
	local name=$1 began=$SECONDS
	shift
	printf '\n== %s\n' "$name"
	"$@" </dev/null || failed+=("$name")
	printf '%s: %s s\n' "$name" $((SECONDS - began))
}

# fuzz TARGET PACKAGE fuzzes it. On a busy machine the end of the time races the
# fuzzer's own deadline (golang.org/issue/75804): a failure that says nothing but
# that found nothing, and the target has its time once more.
fuzz() {
	local target=$1 package=$2 log status
	log=$(mktemp)
	for _ in 1 2; do
		status=0
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZ_TIME" -fuzzminimizetime 10x "$package" 2>&1 | tee "$log" || status=$?
		if [ "$status" = 0 ] || grep -q 'Failing input' "$log" || ! grep -q '^    context deadline exceeded$' "$log"; then
			break
		fi
	done
	rm "$log"
	return "$status"
}

trap stop_postgres EXIT
install_everything
start_postgres

while read -r package target; do
	step "$target in $package" fuzz "$target" "$package"
done < <(grep -rEo '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' . | sed -E 's#^(.*)/[^/]+:func (Fuzz.*)#\1 \2#' | sort)

# TestNamespaces and TestChaos need root, which their own steps arrange.
step "race detector" env CGO_ENABLED=1 go test -race -count=1 -skip '^TestNamespaces|^TestChaos' -timeout 60m ./...
step "repeated" go test -count="$REPEAT" -shuffle=on -skip '^TestNamespaces|^TestChaos' -timeout 120m ./...
step "64 gossip nodes" go test -tags nightly -count=1 -v -timeout 10m -run '^TestSixtyFourNodes$' ./broker/cluster
step "every outage" go test -tags nightly -count=1 -v -timeout 40m -run '^TestEveryOutage$' ./broker/simulate
step "a flood of logins begun" go test -tags nightly -count=1 -v -timeout 20m -run '^TestAB78WholeFlood$' ./broker
step "every fault below three real sites" in_namespaces netns '^TestNamespaces' 40m -tags nightly
# A schedule that nobody has seen yet, every night.
step "chaos" bash deploy/chaos.sh --seed "$((10#$(date +%Y%m%d)))" --hours "$CHAOS_HOURS"
step "how long nobody is served" bash deploy/chaos.sh --times
step "a database that Patroni fails over" bash deploy/patroni.sh
step "soak" bash deploy/bench.sh -for "$SOAK_TIME"
step "ten million people" go run ./deploy/bench volume -accounts 10000000
step "container image" bash deploy/image.sh
step "benchmarks" go test -run '^$' -bench . -benchmem -benchtime 3s -timeout 60m ./...

if [ "${#failed[@]}" -gt 0 ]; then
	joined=$(printf ', %s' "${failed[@]}")
	fail "${joined:2}"
fi
printf '\nnightly: done in %s s\n' "$SECONDS"
