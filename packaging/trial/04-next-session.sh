# The computer starts again, and so does the app, until the person switches that off.
. /trial/lib.sh

before=$(delivered | wc -l)
device=$(figure .device_id)
serve
log_in
within 120 is .agent.running true
[ "$(figure .device_id)" = "$device" ]
window 'After the restart'
window 'And another'
ada devpulse-client sync
delivered | grep -q 'After the restart'
[ "$(delivered | wc -l)" -gt "$before" ]
seen "the next session starts the app, and it goes on"
pkill --exact devpulse-deskto
within 60 is .agent.running false

install -d -o ada -g ada $PERSON_HOME/.config $PERSON_HOME/.config/autostart
printf '[Desktop Entry]\nType=Application\nName=DevPulse\nHidden=true\n' |
    ada tee $PERSON_HOME/.config/autostart/devpulse-desktop.desktop
: >/tmp/launcher.log
ada dex --autostart --verbose --environment X-Trial >/tmp/launcher.log 2>&1
cat /tmp/launcher.log
not grep 'Autostart file: .*devpulse' /tmp/launcher.log
not pgrep --exact devpulse-deskto
rm $PERSON_HOME/.config/autostart/devpulse-desktop.desktop
seen "a person who hides the entry is not overruled"
