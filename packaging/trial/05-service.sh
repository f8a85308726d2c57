# The agent without a screen, under a running systemd: it is started, it is started again, it is left alone.
. /trial/lib.sh

UNIT=devpulse-client
systemctl_of_ada() {
    ada systemctl --user "$@"
}

property() {
    systemctl_of_ada show --value --property "$1" $UNIT
}

has() {
    [ "$(property "$1")" = "$2" ]
}

# once_more PID: another agent runs than the one with this number.
once_more() {
    [ "$(property MainPID)" != "$1" ] && has ActiveState active && is .agent.running true
}

# A manager of ada's services, as a login would start it, in a control group that it may divide.
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
GROUP=/sys/fs/cgroup/devpulse-trial
leave() {
    for pid in $(cat /sys/fs/cgroup/devpulse-trial/cgroup.procs); do
        [ "$pid" = $$ ] || kill -9 "$pid" || true
    done
    echo $$ >/sys/fs/cgroup/cgroup.procs
    find $GROUP -mindepth 1 -name cgroup.kill -exec sh -c 'echo 1 >"$1"' sh {} \; || true
    within 10 sh -c "find $GROUP -depth -type d -exec rmdir {} +"
}
find $GROUP -depth -type d -exec rmdir {} + 2>/dev/null || true
mkdir $GROUP
trap leave EXIT
echo $$ >$GROUP/cgroup.procs
chown -R ada $GROUP
mkdir -p /run/systemd/system
install -d -m 0700 -o ada -g ada /run/user/1000
BUS=unix:path=/run/user/1000/bus
ada /lib/systemd/systemd --user --log-target=console >/tmp/manager.log 2>&1 &
within 60 systemctl_of_ada is-active basic.target
within 60 test -S /run/user/1000/bus

serve
systemctl_of_ada enable --now $UNIT
has ActiveState active
has Type notify
is .agent.running true
is .agent.pid "$(property MainPID)"
ada devpulse-client emit trial --data '{"under": "systemd"}' >/srv/under-systemd
seen "enabled, the agent runs as a service, and says itself that it is ready"

pid=$(property MainPID)
kill -9 "$pid"
within 60 once_more "$pid"
ada devpulse-client sync
[ "$(delivered | grep -cf /srv/under-systemd)" = 1 ]
seen "killed, it is started again, and what it had taken arrives once"

install -d -o ada -g ada $PERSON_HOME/.config/systemd/user/$UNIT.service.d
printf '[Service]\nWatchdogSec=4\nTimeoutStopSec=2\n' >$PERSON_HOME/.config/systemd/user/$UNIT.service.d/sooner.conf
systemctl_of_ada daemon-reload
systemctl_of_ada restart $UNIT
pid=$(property MainPID)
# Longer than the watchdog waits: an agent that works is left alone.
not timeout 9 sh -c "while test -e /proc/$pid; do sleep 0.5; done"
has MainPID "$pid"
kill -STOP "$pid"
within 60 once_more "$pid"
has NRestarts 1
seen "an agent that hangs is ended and started again; one that works is left alone"

systemctl_of_ada stop $UNIT
has Result success
is .agent.running false
seen "stopped, it ends by itself in time"

install -d -o ada -g ada /home/ada/elsewhere
printf '[Service]\nEnvironment=DEVPULSE_HOME=/home/ada/elsewhere\n' \
    >$PERSON_HOME/.config/systemd/user/$UNIT.service.d/elsewhere.conf
systemctl_of_ada daemon-reload
not systemctl_of_ada start $UNIT
has ExecMainStatus 3
has NRestarts 0
has ActiveState failed
seen "not enrolled, it says so and is not started over and over"
systemctl_of_ada disable $UNIT
rm -r $PERSON_HOME/.config/systemd /home/ada/elsewhere
