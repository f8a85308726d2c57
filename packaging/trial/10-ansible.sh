# The same rollout by Ansible, on the computer that was just purged.
. /trial/lib.sh

serve
rm -f /srv/play
ansible-playbook --syntax-check -i localhost, /trial/examples/rollout.yml
play() {
    ansible-playbook -i localhost, --connection local /trial/examples/rollout.yml \
        -e server=http://127.0.0.1:8420 -e secret_file=/root/secret -e person=ada \
        -e packages=/trial/packages -e "policy_text='[window]
title_policy = \"app_only\"
'" </dev/null
}
play
is .enrolled true
ada devpulse-client config show | grep 'window.title_policy' | grep managed
seen "Ansible installs, enrolls and checks"
play | tee /srv/play
grep -q 'changed=0' /srv/play
seen "a second run changes nothing"
apt-get purge --yes --quiet=2 devpulse devpulse-client </dev/null
