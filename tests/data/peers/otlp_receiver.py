"""A collector that decodes logs with OpenTelemetry's own messages, and prints what it gets.

    otlp_receiver.py [CERTIFICATE KEY]

Its first line is its port; then each request is one JSON object: its path and headers, and the
records, as the JSON of Protocol Buffers has them (ids are base64). A field that the specification
does not have is a fault.
"""

import gzip
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)


class Collector(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportLogsServiceRequest.FromString(body)
        size = request.ByteSize()
        request.DiscardUnknownFields()
        seen = {
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "unknown": size - request.ByteSize(),
            "resources": MessageToDict(request).get("resourceLogs", []),
        }
        print(json.dumps(seen), flush=True)
        answer = ExportLogsServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
if len(sys.argv) > 1:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    # In the thread of the connection, so that a client that fails does not end the server.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
print(server.server_port, flush=True)
server.serve_forever()
