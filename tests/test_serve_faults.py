"""What is wrong with a request is for its sender alone: one line, status 400, and not a word in the server's log."""

import gzip
import http.client
import json
import socket
import struct
import time

import pytest
from infer_command import ROOT

from bench.serve_load import Server

SOUND = (ROOT / "samples" / "one_seven_three.wav").read_bytes()
PATIENCE_S = 60


@pytest.fixture
def server():
    """One that must say nothing but that it has ended."""
    with Server() as started:
        yield started
        started.process.terminate()
        assert started.process.stderr.read().splitlines() == ["the server has ended"]


def asked(address: str, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    status, text = answer.status, answer.read()
    connection.close()
    return status, text


def test_requests_that_make_no_sense_get_one_line(server):
    """Regressions: the first three were answered with 500, and each put a traceback into the log."""
    for method, path, body, headers in (
        ("POST", "/hear?name=a.%00b", SOUND, {}),
        ("GET", f"/listen?rate={'1' * 5_000}", None, {}),
        ("POST", "/hear", SOUND, {"Content-Encoding": "gzip"}),
    ):
        status, text = asked(server.address, method, path, body, **headers)
        assert (status, list(json.loads(text))) == (400, ["error"])
        assert b"\n" not in text
    assert asked(server.address, "GET", "/", **{"X-Long": "1" * 20_000})[0] == 400
    assert asked(server.address, "POST", "/hear", gzip.compress(SOUND), **{"Content-Encoding": "gzip"})[0] == 200


@pytest.mark.parametrize("resets", [False, True])
def test_who_hangs_up_in_the_middle_leaves_no_trace(server, resets):
    host, port = server.address.split(":")
    head = f"POST /hear HTTP/1.1\r\nHost: {server.address}\r\nContent-Length: {len(SOUND)}\r\n\r\n".encode()
    for request in (head, head + SOUND[:100], head + SOUND, b"GET / HTTP/9.9\r\n\r\n"):
        with socket.create_connection((host, int(port))) as client:
            client.sendall(request)
            time.sleep(0.1)
            if resets:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert asked(server.address, "POST", "/hear", SOUND)[0] == 200
