#!/usr/bin/env bash
# Runs every test, in lanes with a time budget each, on two cores:
#
#   unit      lint, and everything that has no other lane                  300 s
#   store     the store on both databases, the whole broker, abuse cases   450 s
#   twins     the walk again, every request at the other of two nodes       220 s
#   race      keys, login, session and their kin, under the race detector  330 s
#   faults    every fault of a provider, and three real processes in
#             network namespaces, as root                                  220 s
#   chaos     every fault below three real sites, by three fixed seeds,
#             in network namespaces, as root                               300 s
#   browser   real Chromium                                                240 s
#
# A lane fails when a test does, or when it takes longer than its budget. What
# the tests need is installed first and everything is built, on budgets of their
# own. On a Debian machine with Go nothing else has to be there.
#
#   bash deploy/test.sh              all of it
#   bash deploy/test.sh unit race    some lanes
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/machine.sh
. deploy/machine.sh

declare -A budget=([unit]=300 [store]=450 [twins]=220 [race]=330 [faults]=220 [chaos]=300 [browser]=240)
all_lanes=(unit store twins race faults chaos browser)

# What has a lane of its own.
elsewhere='^TestBrowser|^TestFault|^TestNamespaces|^TestChaos'

# Statistics and the long lives of properties are one goroutine's work, and slow
# under the race detector: the unit lane runs them.
alone='Detection|FalseTrips|RotationIsNeverNoticed|LifeOfKeys'
export elsewhere alone

# What the race detector watches: much concurrency, no SQL engine, which is slow
# under it.
race_packages=(./keys/... ./providers/... ./broker/login/... ./broker/session/... ./broker/token/... ./broker/negative/... ./broker/hint/... ./broker/cluster/... ./broker/oauth/... ./broker/account/... ./broker/client/... ./broker/drill ./broker/outage ./broker/coverage ./broker/status ./broker/limit ./broker/backchannel ./broker/roster ./broker/history ./broker/consent ./broker/credential ./broker/assertion ./broker/arbiter ./broker/journal/... ./broker/peer ./broker/borrow ./broker/contact ./broker/handoff ./broker/continuation ./broker/snapshot ./broker/health/...)
export race_packages_text="${race_packages[*]}"

# tests ARGUMENT…: go test. The linter vets, and a lane ends before the time of a
# package does.
tests() {
	go test -count=1 -vet=off -timeout 20m "$@"
}

# computing ARGUMENT…: tests that compute more than they wait, in small processes
# that may leave more to collect.
computing() {
	GOGC=400 tests "$@"
}

# A finding of a linter does not keep the tests from telling theirs. It vets, too,
# in the time that tests leave over. What the race detector watches is not run
# here once more.
lane_unit() {
	local unformatted lint status=0
	unformatted=$(gofmt -l broker cmd deploy keys providers)
	[ -z "$unformatted" ] || fail "gofmt: $unformatted"
	go mod tidy -diff
	nice golangci-lint run &
	lint=$!
	promtool check rules deploy/alerts/*.rules.yml || status=1
	promtool test rules deploy/alerts/*_test.yml || status=1
	# shellcheck disable=SC2046
	computing -skip "$elsewhere" $(unwatched_packages) || status=1
	# shellcheck disable=SC2046
	computing -run "$alone" $(packages_of "Test\w*($alone)") || status=1
	wait "$lint" || status=1
	return "$status"
}

# unwatched_packages prints the packages that have no other lane.
unwatched_packages() {
	# shellcheck disable=SC2086
	go list ./... | grep -vE '/broker$|/broker/store(/|$)' | grep -vxF "$(go list $race_packages_text)"
}

# packages_of PATTERN prints the packages that have tests with such names.
packages_of() {
	grep -rlE "^func $1" --include='*_test.go' . | xargs -r -n 1 dirname | sort -u
}

# The tests of ./broker mostly wait, each for brokers of its own: those of one half
# run beside those of the other.
lane_store() {
	local half status=0
	tests -skip "$elsewhere" -run '^TestAB[1-6]' ./broker &
	half=$!
	tests -skip "$elsewhere|^TestAB[1-6]" ./broker ./broker/store/... || status=$?
	wait "$half" || status=$?
	return "$status"
}

# Everything a person or a website does, on two nodes of one site and one
# PostgreSQL. Left out is what asks one node about itself, limits among them.
lane_twins() {
	local half status=0
	local out='^TestOutage|^TestAB(19|28|53|58|61|62|63|76|77|78|79)|^TestDrill|^TestJoined|^TestMetrics|^TestStatus|^TestCost'
	export BONGSU_TEST_TWINS=1
	tests -skip "$elsewhere|$out" -run '^TestAB[1-5]' ./broker &
	half=$!
	tests -skip "$elsewhere|$out|^TestAB[1-5]" \
		-run '^Test(AB|Login|Whole|Sessions|OneIdentity|TwoTabs|Consent|Account|SignOut|Delet|Download|WebsitesWith|Backchannel|Claims|Essential|FormPost|TwoApps|AWebsites|InApp|InsideAnApp|Resources|Introspection|Revocation|RefreshTokens|ARefreshed|LanguageOf|RecentActivity)' ./broker || status=$?
	wait "$half" || status=$?
	return "$status"
}

lane_race() {
	# shellcheck disable=SC2086
	CGO_ENABLED=1 computing -race -skip "$elsewhere|$alone" $race_packages_text
}

# The namespaces mostly wait, so both run at once.
lane_faults() {
	local faults status=0
	tests -run '^TestFault' ./broker &
	faults=$!
	in_namespaces netns '^TestNamespaces$' 200s || status=$?
	wait "$faults" || status=$?
	return "$status"
}

# What deploy/chaos.sh does when it is asked for nothing else.
lane_chaos() {
	in_namespaces chaos '^TestChaos(Failover)?$' 590s -tags chaos
}

lane_browser() {
	local packages
	packages=$(packages_of TestBrowser)
	[ -n "$packages" ] || fail "there is no browser test"
	# shellcheck disable=SC2086
	tests -p 1 -run '^TestBrowser' $packages
}

# build fills the build cache, so that lanes measure tests and not the compiler.
# Programs are linked when they are run: they are not kept.
build() {
	CGO_ENABLED=0 go build -o /dev/null ./cmd/bongsu
	go list -export -test ./... >/dev/null
	CGO_ENABLED=0 go build -tags chaos -o /dev/null ./cmd/bongsu
	go list -tags chaos -export -test ./deploy/chaos >/dev/null
	# shellcheck disable=SC2086
	CGO_ENABLED=1 go list -race -export -test $race_packages_text >/dev/null
}

export -f fail as_root in_namespaces tests computing lane_unit lane_store lane_twins lane_race lane_faults lane_chaos lane_browser unwatched_packages packages_of

# run_lane NAME: runs it, for at most twice its budget, and notes how it went.
summary=()
failed=()
run_lane() {
	local name=$1 began=$SECONDS took status=0
	printf '\n== %s, %s s at most\n' "$name" "${budget[$name]}"
	timeout --kill-after=10 $((2 * budget[$name])) bash -euo pipefail -c "lane_$name" </dev/null || status=$?
	took=$((SECONDS - began))
	if [ "$status" != 0 ]; then
		failed+=("$name")
	elif [ "$took" -gt "${budget[$name]}" ]; then
		failed+=("$name (over its budget of ${budget[$name]} s)")
	fi
	summary+=("$name $took s")
}

lanes=("$@")
[ "${#lanes[@]}" -gt 0 ] || lanes=("${all_lanes[@]}")
for name in "${lanes[@]}"; do
	[ -n "${budget[$name]:-}" ] || fail "there is no lane $name: ${all_lanes[*]}"
done

trap stop_postgres EXIT
began=$SECONDS
install_everything
printf 'installed in %s s\n' $((SECONDS - began))
began=$SECONDS
build
printf 'built in %s s\n' $((SECONDS - began))
start_postgres

for name in "${lanes[@]}"; do
	run_lane "$name"
done

joined=$(printf ', %s' "${summary[@]}")
printf '\nlanes: %s\n' "${joined:2}"
if [ "${#failed[@]}" -gt 0 ]; then
	joined=$(printf ', %s' "${failed[@]}")
	fail "${joined:2}"
fi
