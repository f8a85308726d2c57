# Back to the version before, with events that wait; and to one that does not know the database.
. /trial/lib.sh

: >/srv/emitted
ada devpulse-client run >/tmp/agent.log 2>&1 &
within 60 is .agent.running true
for number in $(seq 5); do
    ada devpulse-client emit downgrade --data "{\"number\": $number}"
done >/srv/emitted
kill -TERM "$(figure .agent.pid)"
within 60 is .agent.running false
apt-get install --yes --quiet=2 --allow-downgrades /trial/packages/*.deb </dev/null
dpkg-query --show devpulse devpulse-client
at_least .pipeline.pending 5
serve
ada devpulse-client sync
is .pipeline.pending 0
while read -r id; do
    [ "$(delivered | grep -c "\"event_id\":\"$id\"")" = 1 ]
done </srv/emitted
seen "the version before reads the database, and delivers what waited"

ada cp -r $PERSON_HOME/.devpulse $PERSON_HOME/newer
ada sqlite3 $PERSON_HOME/newer/wal.db 'PRAGMA user_version = 99'
if ada devpulse-client --home $PERSON_HOME/newer run >/tmp/refused 2>&1; then
    fail "a database of a newer version is taken"
fi
cat /tmp/refused
grep -q 'this version knows' /tmp/refused
[ "$(ada sqlite3 $PERSON_HOME/newer/wal.db 'PRAGMA user_version')" = 99 ]
not ls $PERSON_HOME/newer/wal.db.corrupt-*
rm -rf $PERSON_HOME/newer
seen "a database of a newer version is refused with a sentence, and left as it is"
