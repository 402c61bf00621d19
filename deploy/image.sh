#!/usr/bin/env bash
# Builds the image of deploy/Containerfile with buildah, without a daemon, and runs
# it: as its own user, on a root that nobody can write to, it writes a configuration
# into its volume, serves with it, and is asked for the key set. On Debian, as root
# or with sudo.
#
#   bash deploy/image.sh
#   GO_IMAGE=docker.io/library/golang:1.26 bash deploy/image.sh
#
# Without GO_IMAGE the image to build in is made here, of Debian's packages and this
# machine's Go and modules: no registry of images is asked anything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=deploy/machine.sh
. deploy/machine.sh

need_go
need_debian buildah buildah crun
need_debian debootstrap debootstrap
need_debian curl curl

work=$(mktemp -d)
served=
stop() {
	[ -z "$served" ] || as_root kill "$(cat "$work/pid")" 2>/dev/null || true
	b umount --all >/dev/null 2>&1 || true
	as_root rm -rf --one-file-system "$work"
}
trap stop EXIT

# b ARGUMENT…: buildah, with everything it keeps in our own directory and without
# namespaces of users or mounts that a machine may refuse.
b() {
	as_root env BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs buildah --root "$work/images" --runroot "$work/run" "$@"
}

# go_image: an image with Go, from nothing.
go_image() {
	local from
	as_root debootstrap --variant=minbase --include=ca-certificates "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$work/debian" >"$work/debootstrap.log" ||
		fail "debootstrap: $(tail -n 3 "$work/debootstrap.log")"
	from=$(b from scratch)
	b add -q "$from" "$work/debian" /
	b add -q "$from" "$(go env GOROOT)" /usr/local/go
	b config --env PATH=/usr/local/go/bin:/usr/bin:/bin --env GOTOOLCHAIN=local "$from"
	b commit -q "$from" localhost/go-build >/dev/null
	b rm "$from" >/dev/null
	as_root rm -rf "$work/debian"
}

building=()
if [ -z "${GO_IMAGE:-}" ]; then
	go mod download
	go_image
	GO_IMAGE=localhost/go-build
	# What this machine has downloaded and compiled is read there and not written.
	building=(--volume "$(go env GOMODCACHE):/root/go/pkg/mod:O" --volume "$(go env GOCACHE):/root/.cache/go-build:O" --pull-never)
fi
b build "${building[@]}" --build-arg "GO_IMAGE=$GO_IMAGE" -f deploy/Containerfile -t localhost/bongsu .

container=$(b from --pull-never localhost/bongsu)
inside=$(b mount "$container")
as_root find "$inside" -type f | sed "s#^$inside##" | sort >"$work/files"
cat "$work/files"
for file in /usr/local/bin/bongsu /etc/ssl/certs/ca-certificates.crt; do
	grep -qx "$file" "$work/files" || fail "the image has no $file"
done
[ "$(wc -l <"$work/files")" -le 8 ] || fail "the image holds more than it needs"
b inspect --type image --format '{{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.StopSignal}}' localhost/bongsu |
	tee /dev/stderr | grep -q '^65532:65532 \[/usr/local/bin/bongsu\] SIGTERM' || fail "the image runs as somebody else, or something else"

# From here on as it is to run: its own user, a root that nobody writes to, and a
# volume.
port=$((20000 + RANDOM % 10000))
cat >"$work/serve.sh" <<END
set -eu
echo \$\$ >'$work/pid'
mount --bind '$inside' '$inside'
mount -t tmpfs -o mode=700,uid=65532,gid=65532 volume '$inside/var/lib/bongsu'
mount -o remount,bind,ro '$inside'
image() { chroot --userspec=65532:65532 '$inside' /usr/local/bin/bongsu "\$@"; }
image version
image init --dir /var/lib/bongsu/conf --issuer http://localhost:$port --site seoul >/dev/null
export BONGSU_PROVIDERS__KAKAO__CLIENT_ID=rest-api-key BONGSU_PROVIDERS__KAKAO__CLIENT_SECRET=from-the-console
export BONGSU_ADMIN=127.0.0.1:$((port + 1)) BONGSU_LOG__LEVEL=error
exec chroot --userspec=65532:65532 '$inside' /usr/local/bin/bongsu serve --config /var/lib/bongsu/conf/bongsu.yaml
END
as_root unshare --mount bash "$work/serve.sh" &
served=$!
for _ in $(seq 100); do
	! curl -fsS "http://127.0.0.1:$((port + 1))/readyz" >"$work/ready" 2>/dev/null || break
	kill -0 "$served" 2>/dev/null || fail "the image does not serve"
	sleep 0.1
done
curl -fsS -H "Host: localhost:$port" "http://127.0.0.1:$port/jwks" | grep -q '"alg":"RS256"' || fail "the image serves no key set"
printf 'built and served: %s bytes\n' "$(stat -c %s "$inside/usr/local/bin/bongsu")"
as_root kill "$(cat "$work/pid")"
wait "$served" || fail "the image does not stop in order"
served=
