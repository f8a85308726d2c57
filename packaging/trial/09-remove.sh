# Removing ends the agent and leaves what belongs to people; purging leaves nothing.
. /trial/lib.sh

dpkg -L devpulse devpulse-client | sort -u | while read -r path; do
    [ -d "$path" ] || echo "$path"
done >/tmp/files
ada devpulse-client run >/tmp/agent.log 2>&1 &
within 60 is .agent.running true
pid=$(figure .agent.pid)
ada devpulse-client emit removed --data null
apt-get remove --yes --quiet=2 devpulse devpulse-client </dev/null
within 30 test ! -e "/proc/$pid/exe"
seen "the agent ended with its program"
not test -e /usr/bin/devpulse-client
not test -e /usr/bin/devpulse-desktop
test -s $PERSON_HOME/.devpulse/wal.db
test -s /etc/devpulse/preset.toml
test -e /etc/xdg/autostart/devpulse-desktop.desktop
seen "what the person has stays, and so does what the administrator set"

apt-get install --yes --quiet=2 /trial/packages/*.deb </dev/null
is .enrolled true
at_least .pipeline.pending 1
seen "installed anew, it is still enrolled, and the event still waits"

install -d -m 0755 /srv/precious
touch /srv/precious/file
useradd --create-home --shell /bin/sh mallory
ln -s /srv/precious /home/mallory/.devpulse
apt-get purge --yes --quiet=2 devpulse devpulse-client </dev/null
[ "$(wc -l </tmp/files)" -gt 40 ]
while read -r path; do
    not test -e "$path"
done </tmp/files
not test -e $PERSON_HOME/.devpulse
not test -e /etc/devpulse
test -e /srv/precious/file
dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' >/tmp/packages
not grep devpulse /tmp/packages
seen "purged: no file of the packages, no setting, no event is left, and nothing else is touched"
