# What the steps of the trial share; sourced by each of them. `seen` says that a fact holds.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
PERSON_HOME=/home/ada

seen() {
    echo "seen: $*"
}

fail() {
    echo "not so: $*" >&2
    exit 1
}

# not COMMAND...: the command has to fail. (`set -e` does not look at what follows a `!`.)
not() {
    if "$@"; then fail "$* succeeds"; fi
}

# within SECONDS COMMAND...: waits until the command succeeds.
within() {
    patience=$(($1 * 5))
    shift
    until "$@" >/dev/null 2>&1; do
        patience=$((patience - 1))
        [ "$patience" -gt 0 ] || fail "$*"
        sleep 0.2
    done
}

# A command as the person who works here, in a login with nothing else set.
ada() {
    setpriv --reuid ada --regid ada --init-groups env -i HOME=$PERSON_HOME USER=ada LOGNAME=ada \
        PATH=/usr/local/bin:/usr/bin:/bin XDG_RUNTIME_DIR=/run/user/1000 NO_AT_BRIDGE=1 \
        DISPLAY="${DISPLAY:-}" DBUS_SESSION_BUS_ADDRESS="${BUS:-}" "$@"
}

# The organisation's server, with what it stored in former steps.
serve() {
    devpulse-server serve --db /srv/devpulse.db >/tmp/server.log 2>&1 &
    within 60 grep -q 'listening on' /tmp/server.log
}

delivered() {
    devpulse-server events --db /srv/devpulse.db
}

# figure PATH: a figure of the status, such as .pipeline.pending
figure() {
    ada devpulse-client status --json | jq --raw-output "$1"
}

is() {
    [ "$(figure "$1")" = "$2" ]
}

at_least() {
    [ "$(figure "$1")" -ge "$2" ]
}

# A person logs in: a display, a bus, a window manager, and what starts at login.
log_in() {
    install -d -m 0700 -o ada -g ada /run/user/1000
    install -d -m 1777 /tmp/.X11-unix
    rm -f /tmp/.X0-lock /tmp/.X11-unix/X0
    DISPLAY=:0
    Xvfb :0 -screen 0 1280x800x24 -nolisten tcp >/tmp/display.log 2>&1 &
    within 60 test -S /tmp/.X11-unix/X0
    BUS=unix:path=/run/user/1000/bus
    ada dbus-daemon --session --address="$BUS" --nofork >/tmp/bus.log 2>&1 &
    within 60 test -S /run/user/1000/bus
    ada openbox >/tmp/openbox.log 2>&1 &
    within 60 ada sh -c 'xprop -root _NET_SUPPORTING_WM_CHECK | grep "window id"'
    ada dex --autostart --verbose --environment X-Trial >/tmp/launcher.log 2>&1
}

# window TITLE: opens a window, which gets the focus.
window() {
    ada xterm -T "$1" >/dev/null 2>&1 &
    within 60 ada sh -c "xdotool getactivewindow getwindowname | grep -qxF '$1'"
}
