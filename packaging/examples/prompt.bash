# Source this from ~/.bashrc: each command that ends becomes a custom event, with its
# exit status and how long it took. The command's text stays on this computer.

_devpulse_started() {
    [ -n "${_devpulse_since:-}" ] || _devpulse_since=$EPOCHREALTIME
}

_devpulse_ended() {
    local status=$?
    [ -n "${_devpulse_since:-}" ] || return "$status"
    local seconds
    seconds=$(LC_ALL=C awk -v from="${_devpulse_since/,/.}" -v to="${EPOCHREALTIME/,/.}" \
        'BEGIN { printf "%.3f", to - from }')
    unset _devpulse_since
    # In the background: a prompt never waits for the disk, and works without an agent, too.
    (devpulse-client emit shell.command \
        --data "{\"status\": $status, \"seconds\": $seconds}" >/dev/null 2>&1 &)
    return "$status"
}

trap '_devpulse_started' DEBUG
PROMPT_COMMAND='_devpulse_ended; trap - DEBUG; trap "_devpulse_started" DEBUG'
