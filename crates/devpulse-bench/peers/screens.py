"""Screenshots by mss and Pillow: so many, in so many ways, what each takes, as JSON."""

import io
import json
import resource
import sys
import time

import mss
from PIL import Image


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def as_png(image, file):
    image.save(file, "PNG")


def as_webp(image, file):
    image.save(file, "WEBP", quality=75)


def as_we_do(image, file):
    """What DevPulse does by default: 1600 wide, WebP at 75, a quick method."""
    image = image.resize((1600, 900), Image.Resampling.BICUBIC)
    image.save(file, "WEBP", quality=75, method=2)


WAYS = {"png": as_png, "webp": as_webp, "webp-1600": as_we_do}


def main():
    write, count = WAYS[sys.argv[1]], int(sys.argv[2])
    taken = []
    with mss.mss() as screen:
        for _ in range(count + 1):
            begun, before = time.monotonic(), cpu()
            shot = screen.grab(screen.monitors[1])
            image = Image.frombytes("RGB", shot.size, shot.bgra, "raw", "BGRX")
            file = io.BytesIO()
            write(image, file)
            took, spent = time.monotonic() - begun, cpu() - before
            taken.append([took * 1e3, spent * 1e3, file.tell() / 1e3])
    # The first one pays for what is loaded late.
    print(json.dumps(taken[1:]))


main()
