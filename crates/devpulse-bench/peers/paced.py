"""What every peer's run shares: the events, their pace, and the account at the end.

Usage: run_PEER.py emit COUNT PER_SECOND PATIENCE_S URL
       run_PEER.py resume PATIENCE_S URL

`emit` prints the number of each event once the product's own call has returned; with 0
events a second it hands them over as fast as it can and prints nothing of them. Afterwards
the product has so many seconds to deliver what it holds. The last line is an account in JSON.
`resume` starts the product once more on what it has left on the disk.
"""

import json
import random
import resource
import sys
import time

APPS = ["firefox", "code", "libreoffice-writer", "gnome-terminal-server", "thunderbird"]
WORDS = (
    "quarterly report design review upload pipeline invoice customer meeting notes draft "
    "final budget roadmap release incident database migration interview candidate holiday "
    "request expense travel security audit login screen dashboard metrics support ticket"
).split()


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Event:
    """A window session, as the agent reports one."""

    def __init__(self, number, draw):
        self.number = number
        self.app = draw.choice(APPS)
        words = " ".join(draw.choice(WORDS) for _ in range(3))
        self.title = f"ev{number:08d} {words} - {self.app}"
        self.duration = draw.randrange(200, 180000) / 1000.0
        self.pid = draw.randrange(2000, 2400)

    def fields(self):
        return {
            "window_title": self.title,
            "app_name": self.app,
            "pid": self.pid,
            "duration": self.duration,
        }


def run(peer):
    """Runs `peer`: it has `start(url)`, `emit(event)`, `finish(patience_s)`."""
    mode = sys.argv[1]
    if mode == "resume":
        patience, url = float(sys.argv[2]), sys.argv[3]
        peer.start(url)
        peer.finish(patience)
        return
    count, rate = int(sys.argv[2]), float(sys.argv[3])
    patience, url = float(sys.argv[4]), sys.argv[5]
    draw = random.Random(1)
    events = [Event(number, draw) for number in range(count)]
    peer.start(url)
    # What a product does right after its start is not what an event costs.
    time.sleep(1.0)
    before, begun = cpu(), time.monotonic()
    for event in events:
        peer.emit(event)
        if rate > 0:
            print(event.number, flush=True)
            due = begun + (event.number + 1) / rate
            time.sleep(max(0.0, due - time.monotonic()))
    emitted, emitting = time.monotonic() - begun, cpu() - before
    peer.finish(patience)
    print(
        json.dumps(
            {
                "emit_s": emitted,
                "emit_cpu_s": emitting,
                "all_s": time.monotonic() - begun,
                "all_cpu_s": cpu() - before,
                "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            }
        ),
        flush=True,
    )
