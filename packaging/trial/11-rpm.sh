# The packages of the other kind: their scripts, their files, their programs. This is no Red Hat,
# so the libraries are Debian's, and rpm is told not to ask for them.
. /trial/lib.sh

rpm --initdb
rpm --install --nodeps /trial/packages/*.rpm
rpm --query devpulse devpulse-client
rpm --verify --nodeps devpulse devpulse-client
ada devpulse-client --version
ada devpulse-desktop --version
seen "the programs of the rpm packages start"
serve
ada devpulse-client enroll --username ada --server http://127.0.0.1:8420 \
    --enrollment-secret-file - </root/secret
ada devpulse-client run >/tmp/agent.log 2>&1 &
within 60 is .agent.running true
pid=$(figure .agent.pid)
rpm --erase --nodeps devpulse devpulse-client
not test -e /usr/bin/devpulse-client
within 30 test ! -e "/proc/$pid/exe"
test -s $PERSON_HOME/.devpulse/wal.db
seen "removed, the agent ended and the person's files stay"
