#!/usr/bin/env bash
# Founds the three sites of compose.yaml, once: the keys of each, as bongsu init makes
# them, passwords and connection strings; the first database, at seoul; and the list of
# sites at the end of bongsu.yaml, with the identity of each. Overwrites nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
umask 077

issuer=https://login.example.kr
sites=(seoul busan tokyo)
databases=(172.31.1.10 172.31.2.10 172.31.3.10) # in the same order

for given in kakao.secret naver.secret; do
	[ -s "$given" ] || { echo "$given is missing: what the provider's console shows as the client's secret" >&2; exit 1; }
done
! grep -q '^sites:' bongsu.yaml || { echo "bongsu.yaml lists sites already" >&2; exit 1; }

docker compose build seoul-1
for site in "${sites[@]}"; do
	join=()
	[ "$site" = seoul ] || join=(--join --cluster-key /sites/seoul/secrets/cluster.key --gossip-keys /sites/seoul/secrets/gossip.key)
	docker run --rm --user "$(id -u)" --volume "$PWD:/sites" bongsu init --dir "/sites/$site" --issuer "$issuer" --site "$site" "${join[@]}" >/dev/null 2>&1
	rm "$site/bongsu.yaml" # all have one
done

mkdir secrets
for who in bongsu replicator; do
	head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"secrets/$who.password"
done
# Without TLS, for all of it is one machine; see the network in compose.yaml.
at="postgres://bongsu:$(cat secrets/bongsu.password)"
for i in "${!sites[@]}"; do
	site=${sites[i]}
	printf '%s@%s:5432,%s:5432,%s:5432/bongsu?target_session_attrs=read-write&sslmode=disable' "$at" "${databases[@]}" >"$site/secrets/writer.dsn"
	# Its own first, the others' behind it: one that is frozen is left within seconds.
	others=("${databases[@]:0:i}" "${databases[@]:i+1}")
	printf '%s@%s:5432,%s:5432,%s:5432/bongsu?sslmode=disable' "$at" "${databases[i]}" "${others[@]}" >"$site/secrets/reader.dsn"
	cp kakao.secret naver.secret "$site/secrets/"
	cp seoul/secrets/website.secret "$site/secrets/shop.secret"
done

# Whom the nodes and the databases run as in their containers.
docker run --rm --user 0 --volume "$PWD:/sites" --entrypoint chown docker.io/library/postgres:17 -R 65532 /sites/seoul/secrets /sites/busan/secrets /sites/tokyo/secrets
docker run --rm --user 0 --volume "$PWD:/sites" --entrypoint chown docker.io/library/postgres:17 -R 999 /sites/secrets

docker compose run --rm postgres-seoul found
docker compose up --detach --wait postgres-seoul postgres-busan postgres-tokyo
list=sites:
for site in "${sites[@]}"; do
	# Before it knows of another its keys sign at once, and not after two days.
	docker compose run --rm "$site-1" keys begin --config /etc/bongsu/bongsu.yaml
	line=$(docker compose run --rm "$site-1" keys identity show --config /etc/bongsu/bongsu.yaml)
	list+=$'\n'"  ${line%\}}, origin: ${issuer/:\/\//://$site.}}"
done
printf '%s\n' "$list" >>bongsu.yaml
echo "founded; next: docker compose up --detach"
