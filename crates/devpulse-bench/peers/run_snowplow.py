"""Snowplow's tracker with its asynchronous emitter, by POST.

Other than the default: batches of 100, as DevPulse's are, where it has 10; a flush every
second, so that a few events do not wait for a batch for ever; a buffer of 65,536.
"""

import time
from urllib.parse import urlparse

import paced
from snowplow_tracker import AsyncEmitter, SelfDescribing, SelfDescribingJson, Tracker

SCHEMA = "iglu:com.example/window/jsonschema/1-0-0"


class Peer:
    def start(self, url):
        place = urlparse(url)
        self.emitter = AsyncEmitter(
            place.hostname,
            protocol="http",
            port=place.port,
            method="post",
            batch_size=100,
            buffer_capacity=65_536,
        )
        self.emitter.set_flush_timer(1.0)
        self.tracker = Tracker("bench", self.emitter, encode_base64=False)

    def emit(self, event):
        self.tracker.track(SelfDescribing(SelfDescribingJson(SCHEMA, event.fields())))

    def finish(self, patience):
        store = self.emitter.event_store
        end = time.monotonic() + patience
        self.tracker.flush(is_async=True)
        queue = self.emitter.queue
        while time.monotonic() < end and (store.size() > 0 or queue.unfinished_tasks > 0):
            time.sleep(0.05)
        self.emitter.cancel_flush_timer()
        self.emitter._cancel_retry_timer()


paced.run(Peer())
