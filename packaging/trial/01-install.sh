# A computer without a desktop takes the command line; then the app comes with all that it needs.
. /trial/lib.sh

useradd --create-home --shell /bin/sh ada
apt-get install --yes --quiet=2 /trial/packages/devpulse-client_*.deb </dev/null
[ "$(dpkg-query --show --showformat='${Status}' devpulse-client)" = 'install ok installed' ]
ada devpulse-client --version
ldd /usr/bin/devpulse-client >/tmp/libraries
not grep -E 'not found|gtk|webkit|libX11' /tmp/libraries
not dpkg-query --show libgtk-3-0
seen "the command line starts, and brings no graphical library"

apt-get install --yes --quiet=2 /trial/packages/devpulse_*.deb </dev/null
ldd /usr/bin/devpulse-desktop >/tmp/libraries
grep webkit /tmp/libraries
not grep 'not found' /tmp/libraries
ada devpulse-desktop --version
seen "the app finds every library that its package names"

dpkg --verify devpulse devpulse-client
for path in /usr/share/applications/devpulse-desktop.desktop /etc/xdg/autostart/devpulse-desktop.desktop \
    /usr/share/metainfo/dev.devpulse.desktop.metainfo.xml /usr/lib/systemd/user/devpulse-client.service \
    /usr/share/icons/hicolor/scalable/apps/devpulse-desktop.svg \
    /usr/share/bash-completion/completions/devpulse-client; do
    test -s "$path"
done
seen "every file is there, with the sum that the package has of it"
