# An upgrade while an agent runs and events wait, on a computer whose administrator changed a setting.
. /trial/lib.sh

echo '# changed by the administrator' >>/etc/xdg/autostart/devpulse-desktop.desktop
device=$(figure .device_id)
at_least .pipeline.pending 25
ada devpulse-client run >/tmp/agent.log 2>&1 &
within 60 is .agent.running true
pid=$(figure .agent.pid)
ada devpulse-client emit trial --data '{"number": 26}' >>/srv/emitted
apt-get install --yes --quiet=2 /trial/next/*.deb </dev/null
dpkg-query --show devpulse devpulse-client
[ "$(dpkg-query --show --showformat='${Version}' devpulse)" = "$(cat /trial/next/version)" ]
grep -q 'changed by the administrator' /etc/xdg/autostart/devpulse-desktop.desktop
seen "the upgrade asks nothing, and keeps what the administrator changed"
[ "$(figure .agent.pid)" = "$pid" ]
[ "$(figure .device_id)" = "$device" ]
ada devpulse-client emit trial --data '{"number": 27}' >>/srv/emitted
at_least .pipeline.pending 27
seen "the agent works on through the upgrade, enrolled, with its backlog"
kill -TERM "$pid"
within 60 is .agent.running false

serve
ada devpulse-client run >/tmp/agent.log 2>&1 &
within 60 is .agent.running true
[ "$(figure .device_id)" = "$device" ]
ada devpulse-client sync
is .pipeline.pending 0
while read -r id; do
    [ "$(delivered | grep -c "\"event_id\":\"$id\"")" = 1 ]
done </srv/emitted
[ "$(wc -l </srv/emitted)" = 27 ]
seen "the new version delivers each of the 27 events once"
