"""A small web server on this machine that misbehaves on demand, and archives to serve."""

import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.body`; `server.fault` says what goes wrong, `server.ranges` records what was asked for."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body, fault, asked = self.server.body, self.server.fault, self.headers.get("Range")
        self.server.ranges.append(asked)
        self.close_connection = True
        if isinstance(fault, int):
            return self.send_error(fault)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and fault != "no ranges" else 0
        if start >= len(body) and start:
            return self._head(416, {"Content-Range": f"bytes */{len(body)}", "Content-Length": "0"})
        content = body[start:]
        if fault in ("chunked", "chunked drop"):
            self._head(200, {"Transfer-Encoding": "chunked"})
            half = body[: len(body) // 2]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(half), half))
            if fault == "chunked":
                rest = body[len(half) :]
                self.wfile.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest))
            return None
        ranged = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"} if start else {}
        self._head(206 if start else 200, ranged | {"Content-Length": str(len(content))})
        self.wfile.write(content[: len(content) // 2] if fault in ("drop", "stall") else content)
        if fault == "stall":
            self.wfile.flush()
            self.server.released.wait(30)
        return None

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def serving(body: bytes) -> Iterator[http.server.ThreadingHTTPServer]:
    """A running server of one file; its attributes are what `Handler` says."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.body, server.fault, server.ranges, server.released = body, None, [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/words.tar.gz"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()


def tarball(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return raw.getvalue()


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
