"""OpenTelemetry's SDK: log records through the batch processor, OTLP over HTTP.

Other than the default: gzip, as DevPulse compresses too; batches of 100, as DevPulse's are;
and a queue of 65,536, so that a burst is not dropped for want of room.
"""

import paced
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource


class Peer:
    def start(self, url):
        exporter = OTLPLogExporter(endpoint=f"{url}/v1/logs", compression=Compression.Gzip)
        processor = BatchLogRecordProcessor(
            exporter, max_queue_size=65_536, max_export_batch_size=100
        )
        self.provider = LoggerProvider(resource=Resource.create({"service.name": "bench"}))
        self.provider.add_log_record_processor(processor)
        self.logger = self.provider.get_logger("bench")

    def emit(self, event):
        self.logger.emit(
            LogRecord(
                timestamp=paced.time.time_ns(),
                severity_number=SeverityNumber.INFO,
                body="window",
                attributes=event.fields(),
            )
        )

    def finish(self, patience):
        self.provider.force_flush(int(patience * 1000))
        self.provider.shutdown()


paced.run(Peer())
