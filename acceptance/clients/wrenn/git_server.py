"""Runs inside the capsule: the repositories below /srv over HTTP, for who knows the password."""

import base64
import os
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WANTED = "Basic " + base64.b64encode(b"user:secret").decode()


class Git(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != WANTED:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        asked = {
            "GIT_PROJECT_ROOT": "/srv",
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "user",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env={**os.environ, **asked}, stdout=subprocess.PIPE)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(rest)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 8300), Git)
print("listening", flush=True)
server.serve_forever()
