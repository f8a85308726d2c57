# The administrator's script rolls DevPulse out, twice.
. /trial/lib.sh

serve
devpulse-server secret create --db /srv/devpulse.db >/root/secret
chmod 0600 /root/secret
printf '[window]\nmin_duration_s = 0.0\n' >/root/policy.toml
rollout() {
    /trial/examples/rollout.sh --server http://127.0.0.1:8420 --secret /root/secret --person ada \
        --policy /root/policy.toml /trial/packages/*.deb </dev/null
}
rollout
is .enrolled true
device=$(figure .device_id)
seen "the person is enrolled by the preset, and nobody was asked"
rollout
[ "$(figure .device_id)" = "$device" ]
seen "a second run changes nothing"
ada devpulse-client config show | grep -F 'server_url'
ada devpulse-client config show | grep 'window.min_duration_s' | grep managed
seen "the policy is in force"
[ "$(stat -c %U:%a $PERSON_HOME/.devpulse)" = ada:700 ]
ada devpulse-client doctor --json | jq --compact-output '.checks[] | {name, state}'
seen "doctor speaks JSON"
ada devpulse-client consent --accept
seen "the person agreed"
