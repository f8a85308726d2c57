"""aw-client with its queue on the disk, as ActivityWatch's own watchers use it."""

import time
from datetime import datetime, timedelta, timezone
from urllib.parse import urlparse

import paced
from aw_client import ActivityWatchClient
from aw_core.models import Event


class Peer:
    bucket = "aw-watcher-window_bench"

    def start(self, url):
        place = urlparse(url)
        self.client = ActivityWatchClient("bench", host=place.hostname, port=place.port)
        self.client.create_bucket(self.bucket, "currentwindow", queued=True)
        self.client.connect()
        self.time = datetime.now(timezone.utc)

    def emit(self, event):
        self.time += timedelta(seconds=event.duration)
        length = timedelta(seconds=event.duration)
        beat = Event(timestamp=self.time, duration=length, data=event.fields())
        self.client.heartbeat(self.bucket, beat, pulsetime=0.0, queued=True)

    def finish(self, patience):
        queue = self.client.request_queue
        last = self.client.last_heartbeat.get(self.bucket)
        if last is not None:
            # It keeps the latest heartbeat in memory until another one differs.
            self.emit(paced.Event(99_999_999, paced.random.Random(2)))
        end = time.monotonic() + patience
        while time.monotonic() < end and (queue._persistqueue.qsize() > 0 or queue._current):
            time.sleep(0.05)
        self.client.disconnect()


paced.run(Peer())
