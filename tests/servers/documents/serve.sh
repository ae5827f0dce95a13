#!/bin/sh
# Stands in for an exporter. At a prompt, one that serves until Ctrl-C takes the place of the one before, and goes to the
# background as soon as it answers.
name=${0##*/}
program=$PROGRAMS/$name
case $name in
pg-exporter) address=$PG_ADDRESS ;;
*) address=$PGBOUNCER_ADDRESS ;;
esac
export PG_EXPORTER_LISTEN_ADDRESS="$address"
case ${CONSOLE:-}${1:-} in
yes | yes-*) ;;
*) exec "$program" "$@" ;;
esac
running=$FOLDER/running/$name
if [ -e "$running" ]; then
	kill "$(cat "$running")"
	while kill -0 "$(cat "$running")" 2>/dev/null; do sleep 0.05; done
fi
"$program" "$@" </dev/null >"$FOLDER/$name.log" 2>&1 &
pid=$!
echo "$pid" >"$running"
until curl --silent --fail --output /dev/null "$address/liveness"; do
	if ! kill -0 "$pid" 2>/dev/null; then
		cat "$FOLDER/$name.log"
		wait "$pid"
		exit
	fi
	sleep 0.05
done
