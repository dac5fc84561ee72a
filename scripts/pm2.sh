#!/bin/sh
# PM2 for this office alone: with a home of its own inside of OFFICE_HOME, so that a PM2 that the machine has already, and
# what runs under it, are not touched.
set -eu
root=$(CDPATH='' cd "$(dirname "$0")/.." && pwd -P)
home=${OFFICE_HOME:-$root/.office}
# Whoever knows what is in it gets no further; and the account that PostgreSQL runs as, where we are root, gets through.
(umask 066 && mkdir -p "$home")
(umask 077 && mkdir -p "$home/pm2" "$home/logs")
OFFICE_HOME=$(CDPATH='' cd "$home" && pwd -P)
PM2_HOME=$OFFICE_HOME/pm2
touch "$PM2_HOME/touch" # It greets at length where this is missing.
export OFFICE_HOME PM2_HOME PM2_DISABLE_VERSION_CHECK=1 PATH="$root/node_modules/.bin:$PATH"

# It listens on a socket there, and the system takes no longer names for those.
if [ "${#PM2_HOME}" -gt 90 ]; then
  echo "OFFICE_HOME is too long a path for PM2 (at most 86 characters): $OFFICE_HOME" >&2
  exit 2
fi

# Any command to a PM2 that does not run would start one.
is_running() { [ -f "$PM2_HOME/pm2.pid" ] && kill -0 "$(cat "$PM2_HOME/pm2.pid")" 2>/dev/null; }
if [ "${1:-}" != start ] && ! is_running; then
  echo "nothing of this office runs under PM2"
  exit 0
fi

case ${1:-} in
  start) exec pm2 start "$root/ecosystem.config.cjs" --update-env ;;
  # With PM2 itself: it has nothing else to do here.
  stop) exec pm2 kill ;;
  *) exec pm2 "$@" ;;
esac
