#!/bin/sh
# A fake agent: does as it is told, and writes down what it lives through, on the clock of the machine's boot, in a file of its
# own: CHAOS_RECORDS/<execution>.log, a line a record, with the agent's process. Nothing of it is the scheduler's word.
#
#   agent.sh WORK...   each of: run=SECONDS  exit=CODE  deaf (to SIGTERM)  daemon (a child that leaves)  output=BYTES
set -u
now() {
  read -r up _ </proc/uptime
  boot=${up%.*}${up#*.}0
}
note() {
  now
  printf '%s %s %s%s\n' "$1" "$boot" "$$" "${2:+ $2}" >>"$file"
}
file=$CHAOS_RECORDS/$EXECUTION_ID.log
note start "$EXECUTION_ID $FENCING_TOKEN $ATTEMPT $JOB_ID $OFFICE_ID $ROLE"
seconds=0
code=0
trap 'note term; note exit 143; exit 143' TERM
for work in "$@"; do
  case $work in
    run=*) seconds=${work#run=} ;;
    exit=*) code=${work#exit=} ;;
    deaf) trap 'note term' TERM ;;
    daemon) setsid sh -c 'while sleep 0.2; do read -r up _ </proc/uptime; echo "child ${up%.*}${up#*.}0 $1" >>"$0"; done' "$file" "$$" & ;;
    output=*) head -c "${work#output=}" /dev/zero | tr '\0' x ;;
  esac
done
ticks=$((seconds * 5))
while [ "$ticks" -gt 0 ]; do
  sleep 0.2
  note alive
  ticks=$((ticks - 1))
done
note exit "$code"
exit "$code"
