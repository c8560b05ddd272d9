#!/usr/bin/env bash
# Stands for the binary while a page's commands are run: a node that is started stays in the
# background, since nobody is there to open a second terminal, and other commands wait for it.
set -u
directory="${ROLLBOOK_DATA_DIR:-./rollbook-data}"
previous=
for argument in "$@"; do
    [ "$previous" = --data-dir ] && directory="$argument"
    case "$argument" in
    --data-dir=*) directory="${argument#--data-dir=}" ;;
    --help | -h) exec "$ROLLBOOK_TESTED" "$@" ;;
    esac
    previous="$argument"
done
api="$directory/api.json"

case "${1-}" in
start)
    before="$(cat "$api" 2>/dev/null)"
    "$ROLLBOOK_TESTED" "$@" &
    until [ -e "$api" ] && [ "$(cat "$api")" != "$before" ]; do
        kill -0 $! 2>/dev/null || { wait $! && exit 1 || exit $?; }
        sleep 0.05
    done
    ;;
watch)
    "$ROLLBOOK_TESTED" "$@" &
    ;;
nodes | node | explain | select | status | grant | revoke | admit | remove | ban | import | export | doctor)
    for _ in $(seq 600); do
        [ -e "$api" ] && break
        sleep 0.05
    done
    exec "$ROLLBOOK_TESTED" "$@"
    ;;
*)
    exec "$ROLLBOOK_TESTED" "$@"
    ;;
esac
