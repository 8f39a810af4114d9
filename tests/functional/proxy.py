"""A node's address that is not the node: passes on what the wallet asks, and lies, waits or stays silent where a test says."""
import http.client
import http.server
import json
import threading
import time


class Proxy:
    """Forwards HTTP to a port of this machine. `lie(method, params, result)` gives the result that is shown instead."""

    def __init__(self, port):
        self.port = port
        self.lie = None
        self.delay_s = 0
        self.calls = []
        self.arrived = 0
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                proxy.arrived += 1
                time.sleep(proxy.delay_s)
                try:
                    status, headers, answer = proxy.ask(self.command, self.path, dict(self.headers), body)
                except OSError:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = forward

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def ask(self, command, path, headers, body):
        headers["Host"] = f"127.0.0.1:{self.port}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(command, path, body, headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if command == "POST":
            answer = self.changed(json.loads(body), answer)
        return response.status, response.getheaders(), answer

    def changed(self, request, raw):
        self.calls.append(request["method"])
        answer = json.loads(raw)
        if self.lie is None or "result" not in answer:
            return raw
        shown = self.lie(request["method"], request.get("params", {}), answer["result"])
        if isinstance(shown, LookupError):
            del answer["result"]
            answer["error"] = {"code": -32601, "message": str(shown)}
        else:
            answer["result"] = shown
        return json.dumps(answer).encode()
