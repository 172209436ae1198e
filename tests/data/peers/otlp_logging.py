"""Logs through OpenTelemetry's SDK for Python.

    otlp_logging.py http|grpc ENDPOINT COUNT none|gzip

Each record is logged within a span; the last line that it prints has the ids of the first span.
"""

import logging
import sys

from opentelemetry import trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

PROTOCOL, ENDPOINT, COUNT, COMPRESSION = sys.argv[1:]

if PROTOCOL == "http":
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    compression = Compression.Gzip if COMPRESSION == "gzip" else Compression.NoCompression
    exporter = OTLPLogExporter(endpoint=ENDPOINT, compression=compression)
else:
    from grpc import Compression
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

    compression = Compression.Gzip if COMPRESSION == "gzip" else Compression.NoCompression
    exporter = OTLPLogExporter(endpoint=ENDPOINT, insecure=True, compression=compression)

resource = Resource.create({"service.name": "shop", "service.instance.id": "shop-1", "k8s.pod.name": "p"})
provider = LoggerProvider(resource=resource)
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
logger = logging.getLogger("shop.orders")
logger.addHandler(LoggingHandler(logger_provider=provider))
logger.setLevel(logging.DEBUG)
logger.propagate = False

tracer = TracerProvider().get_tracer("shop")
first = None
for number in range(int(COUNT)):
    with tracer.start_as_current_span("order") as span:
        first = first or span.get_span_context()
        try:
            raise ValueError("no ☃")
        except ValueError:
            extra = {"order": 7, "big": 2**60, "tags": ["a", "b"], "ok": True}
            logger.error("order %d lost", number, exc_info=True, extra=extra)
provider.shutdown()
print(trace.format_trace_id(first.trace_id), trace.format_span_id(first.span_id))
