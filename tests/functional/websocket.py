"""A WebSocket client of RFC 6455, as much of it as the tests need; written from the RFC."""
import base64
import hashlib
import json
import os
import socket
import struct

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


class Closed(Exception):
    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason}")
        self.code, self.reason = code, reason


class WebSocket:
    def __init__(self, port, headers=None, timeout=10, receive_buffer=None, wrap=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        if wrap:
            self.socket = wrap(self.socket)
        self.buffer = b""
        self.calls = 0
        self.news = []
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {"Host": f"localhost:{port}", "Upgrade": "websocket", "Connection": "Upgrade",
                  "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13", **(headers or {})}
        self.socket.sendall(("GET / HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items()) + "\r\n")
                            .encode())
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        if self.status == 101:
            accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest())
            assert accept in head, head

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _more(self):
        got = self.socket.recv(65536)
        if not got:
            raise Closed(1006)
        self.buffer += got

    def _take(self, size):
        while len(self.buffer) < size:
            self._more()
        out, self.buffer = self.buffer[:size], self.buffer[size:]
        return out

    def send_frame(self, opcode, payload, final=True):
        mask = os.urandom(4)
        head = bytes([(0x80 if final else 0) | opcode])
        if len(payload) < 126:
            head += bytes([0x80 | len(payload)])
        elif len(payload) < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", len(payload))
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", len(payload))
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def receive(self):
        """The next message's JSON."""
        message = b""
        while True:
            first, second = self._take(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack(">H", self._take(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self._take(8))
            payload = self._take(size)
            opcode = first & 0x0F
            if opcode == CLOSE:
                raise Closed(*struct.unpack(">H", payload[:2]), payload[2:].decode()) if payload else Closed(1005)
            if opcode == PING:
                self.send_frame(PONG, payload)
                continue
            if opcode == PONG:
                continue
            message += payload
            if first & 0x80:
                return json.loads(message)

    def call(self, method, **params):
        """The answer to one call; notifications that come before it are kept for `notification`."""
        self.calls += 1
        self.send_frame(TEXT, json.dumps({"jsonrpc": "2.0", "id": self.calls, "method": method,
                                          "params": params}).encode())
        while True:
            message = self.receive()
            if "method" in message:
                self.news.append(message)
                continue
            assert message["id"] == self.calls, message
            return message

    def subscribe(self, topic, **params):
        answer = self.call("node_subscribe", topic=topic, **params)
        assert "result" in answer, answer
        return answer["result"]["subscription"]

    def notification(self):
        return self.news.pop(0) if self.news else self.receive()
