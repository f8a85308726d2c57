# The first login: the app starts by itself, and what the person does arrives.
. /trial/lib.sh

serve
log_in
within 120 is .agent.running true
grep 'Autostart file: /etc/xdg/autostart/devpulse-desktop.desktop' /tmp/launcher.log
pgrep --exact --list-full devpulse-deskto
seen "the login starts the app"
window 'Quarterly figures'
window 'Letter to Anna'
window 'Quarterly figures, page 2'
ada devpulse-client sync
delivered | jq --raw-output 'select(.event_type == "window") | .window_title'
delivered | grep -q 'Quarterly figures'
delivered | grep -q 'Letter to Anna'
seen "windows that had the focus arrive at the server"
ada devpulse-client status
is .capture.focus.state ok
is .pipeline.dead_letter 0
pkill --exact devpulse-deskto
within 60 is .agent.running false
