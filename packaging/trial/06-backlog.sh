# The server is away: events wait. The agent is killed with the computer.
. /trial/lib.sh

ada devpulse-client run >/tmp/agent.log 2>&1 &
within 60 is .agent.running true
for number in $(seq 25); do
    ada devpulse-client emit trial --data "{\"number\": $number}"
done >/srv/emitted
at_least .pipeline.pending 25
[ "$(wc -l </srv/emitted)" = 25 ]
seen "25 events are on the disk, and the server is away"
