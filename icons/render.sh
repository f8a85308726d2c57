#!/bin/sh
# Makes the PNG, ICO and ICNS files from the SVG sources.
# Needs rsvg-convert (librsvg2-bin), icotool (icoutils) and png2icns (icnsutils).
set -eu
cd "$(dirname "$0")"
sizes=$(mktemp -d)
trap 'rm -rf "$sizes"' EXIT
draw() { rsvg-convert --width "$2" --height "$2" "$1" --output "$3"; }

for state in working syncing offline paused action_needed; do
    draw "tray/$state.svg" 48 "tray/$state.png"
done
draw icon.svg 32 32x32.png
draw icon.svg 128 128x128.png
draw icon.svg 256 128x128@2x.png
draw icon.svg 512 icon.png
for size in 16 24 32 48 64 128 256 512; do
    draw icon.svg "$size" "$sizes/$size.png"
done
(
    cd "$sizes"
    icotool --create --output=icon.ico 16.png 24.png 32.png 48.png 64.png 128.png --raw=256.png
    png2icns icon.icns 16.png 32.png 48.png 128.png 256.png 512.png
)
mv "$sizes/icon.ico" "$sizes/icon.icns" .
