#!/bin/sh
# A throw-away PostgreSQL cluster for the tests, on loopback and a free port.
#
#   url=$(scripts/postgres.sh start)      prints postgres://postgres@127.0.0.1:PORT/postgres?...
#   scripts/postgres.sh stop "$url"       ends it and removes its folder; DIR works too
#
# The folder stands in the URL's application_name, so that the URL is all that has to be kept.
# Nothing of it outlasts a crash of the machine: it runs without fsync.
set -eu

say() { echo "postgres.sh: $*" >&2; }

# PostgreSQL refuses to run as root.
as_owner() {
    if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# The folder with initdb and pg_ctl: Debian keeps them off the PATH.
programs() {
    for initdb in "$(command -v initdb || true)" /usr/lib/postgresql/*/bin/initdb; do
        if [ -x "$initdb" ]; then dirname "$initdb"; fi
    done | tail -n 1
}

install_it() {
    sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    if ! command -v apt-get >/dev/null || ! { [ -z "$sudo" ] || command -v sudo >/dev/null; }; then
        say "initdb is missing: install PostgreSQL (Debian: apt-get install postgresql)"
        exit 1
    fi
    say "installing postgresql"
    # No cluster of Debian's own: it would listen on the usual port.
    $sudo mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" |
        $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
    { $sudo apt-get -qq update && $sudo env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y install --no-install-recommends postgresql; } >&2
}

start() {
    bin=$(programs)
    if [ -z "$bin" ]; then
        install_it
        bin=$(programs)
    fi
    dir=$(mktemp -d "${TMPDIR:-/tmp}/tokmark-postgres.XXXXXX")
    if [ "$(id -u)" -eq 0 ]; then chown postgres "$dir"; fi
    cd "$dir"
    as_owner "$bin/initdb" -D "$dir/data" -U postgres --auth=trust --encoding=UTF8 \
        --locale=C --no-sync >"$dir/../${dir##*/}.log" 2>&1 || {
        cat "$dir/../${dir##*/}.log" >&2
        exit 1
    }
    mv "$dir/../${dir##*/}.log" "$dir/initdb.log"
    # A port that is taken makes the server end at once: try another.
    for attempt in 1 2 3 4 5; do
        port=$((20000 + ($$ * 7 + $(date +%s) + attempt * 1013) % 12000))
        if as_owner "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/server.log" -w -s \
            -o "-p $port -c fsync=off -c full_page_writes=off -c max_connections=200 \
                -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir" start >&2; then
            echo "postgres://postgres@127.0.0.1:$port/postgres?application_name=$dir"
            return
        fi
        say "port $port: not started"
    done
    cat "$dir/data/server.log" >&2
    exit 1
}

stop() {
    dir=${1##*application_name=}
    case ${dir##*/} in
    tokmark-postgres.*) ;;
    *)
        say "'$1' is no cluster that start made"
        exit 2
        ;;
    esac
    cd /
    as_owner "$(programs)/pg_ctl" -D "$dir/data" -m immediate -w -s stop >&2 || true
    rm -rf "$dir"
}

case ${1:-} in
start) start ;;
stop) stop "${2:?which one: give the URL or the folder that start printed}" ;;
*)
    say "start | stop URL"
    exit 2
    ;;
esac
