#!/bin/sh
# The PostgreSQL of one site, SITE, at ADDRESS.
#
#   start.sh         starts it. With nothing on its disk it copies whichever of the
#                    three takes writes, and waits for one; a database that was a
#                    primary and finds another in its place does not start.
#   start.sh found   makes the first database, once, and ends
set -eu
umask 077
data=${PGDATA:-/var/lib/postgresql/data}
secrets=${SECRETS:-/run/secrets}
sockets=${SOCKETS:-/var/run/postgresql}
here=$(cd "$(dirname "$0")" && pwd)
all='host=172.31.1.10,172.31.2.10,172.31.3.10 port=5432 user=replicator dbname=postgres connect_timeout=2'

# The server reads it too, to follow another.
export PGPASSFILE="${PGPASSFILE:-/tmp/replicator.pgpass}"
printf '*:*:*:replicator:%s\n' "$(cat "$secrets/replicator.password")" >"$PGPASSFILE"

# settings has the server go by the file that all have, and by what is this site's own.
settings() {
	cat >"$data/postgresql.conf" <<-END
		include '$here/postgresql.conf'
		hba_file = '$here/pg_hba.conf'
		unix_socket_directories = '$sockets'
		listen_addresses = '$ADDRESS'
		cluster_name = '$SITE'
		primary_slot_name = '$SITE'
	END
}

# ask WHAT…: psql, to be read by this script.
ask() {
	psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --output=/dev/null "$@"
}

if [ "${1:-}" = found ]; then
	initdb --pgdata="$data" --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --data-checksums >/dev/null
	settings
	# Nobody follows yet: a commit that waited for a standby would wait for ever.
	pg_ctl start --silent --wait --pgdata="$data" --log="$data/found.log" --options="-c listen_addresses= -c synchronous_standby_names="
	SECRETS=$secrets ask --host="$sockets" --username=postgres postgres <<-'SQL'
		\set replicator `cat "$SECRETS/replicator.password"`
		\set bongsu `cat "$SECRETS/bongsu.password"`
		CREATE ROLE replicator LOGIN REPLICATION PASSWORD :'replicator';
		CREATE ROLE bongsu LOGIN PASSWORD :'bongsu';
		CREATE DATABASE bongsu OWNER bongsu;
	SQL
	pg_ctl stop --silent --wait --pgdata="$data"
	rm "$data/found.log"
	exit
fi

if [ ! -e "$data/PG_VERSION" ]; then
	until pg_basebackup --dbname="$all target_session_attrs=read-write" --pgdata="$data" --checkpoint=fast --wal-method=stream; do
		find "$data" -mindepth 1 -delete
		sleep 1
	done
	touch "$data/standby.signal"
elif [ ! -e "$data/standby.signal" ] && ask --dbname="$all target_session_attrs=read-write" --command='SELECT 1' 2>/dev/null; then
	echo "another site takes writes: what is here was left behind, remove it and start again" >&2
	exit 1
fi
settings

# What the two others have not had yet is kept for them, by a standby as soon as it is
# the primary: a slot that nobody used keeps nothing.
( (
	tries=0
	until [ "$tries" -ge 300 ] || ask --host="$sockets" --username=postgres --command="
		SELECT pg_create_physical_replication_slot(name) FROM unnest('{seoul,busan,tokyo}'::text[]) name
		WHERE name <> '$SITE' AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = name)" 2>/dev/null; do
		tries=$((tries + 1))
		sleep 1
	done
) & )
exec postgres -D "$data"
