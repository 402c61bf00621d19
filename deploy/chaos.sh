#!/usr/bin/env bash
# Three real sites in network namespaces, two brokers and a PostgreSQL each, and
# everything that can happen to them, below people who log in all the time: kills,
# freezes, cuts, full disks, wrong clocks and promotions, by a schedule that a seed
# decides. Ends with a table of what became of logins under each fault, and fails
# when a promise was broken.
#
#   bash deploy/chaos.sh             three fixed seeds that play every fault once
#   bash deploy/chaos.sh --seed 17   one seed, the same schedule every time
#   bash deploy/chaos.sh --hours 8   one seed after another; S is 60 s instead of 10 s
#   bash deploy/chaos.sh --seed 17 --hours 8   the same, beginning there
#   bash deploy/chaos.sh --logs DIR  keeps what the brokers log
#   bash deploy/chaos.sh --times     how long nobody is served after the writer is
#                                    killed, and after it is frozen
#
# It needs root or sudo, and 1 GB of memory for its disks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/machine.sh
. deploy/machine.sh

run='^TestChaos(Failover)?$' timeout=8m flags=()
while [ "$#" -gt 0 ]; do
	case "$1" in
	--seed)
		[[ "${2:-}" =~ ^[0-9]+$ ]] || fail "--seed takes a number"
		flags+=(-seed "$2")
		run='^TestChaos$'
		shift 2
		;;
	--hours)
		[[ "${2:-}" =~ ^[0-9]+$ ]] || fail "--hours takes a number of hours"
		flags+=(-soak "${2}h")
		run='^TestChaos$'
		timeout=$(($2 * 60 + 30))m
		shift 2
		;;
	--logs)
		[ -d "${2:-}" ] || fail "--logs takes a folder"
		flags+=(-logs "$(cd "$2" && pwd)")
		shift 2
		;;
	--times)
		run='^TestChaosTimes$'
		shift
		;;
	*) fail "there is no $1: --seed N, --hours H, --times or --logs DIR" ;;
	esac
done

need_go
need_packages
in_namespaces chaos "$run" "$timeout" -tags chaos -- "${flags[@]}"
