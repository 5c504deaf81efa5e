"""`infer.py --serve`: a file's row and a stream's words are those of the command line; limits hold; it ends cleanly."""

import asyncio
import json
import signal
import socket

import aiohttp
import numpy as np
import pytest
import soundfile
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from infer_command import ROOT, infer, json_lines

from bench.serve_load import Server, speech, words_of
from dwindle.infer.serve import MOST_BODY_BYTES, application
from dwindle.infer.speech.file_listener import Settings
from dwindle.infer.speech.service import MOST_MESSAGE_BYTES, SpeechService

MODEL = ROOT / "artifacts" / "model_int8.onnx"
SAMPLE = ROOT / "samples" / "one_seven_three.wav"
RATE = 8_000


@pytest.fixture(scope="module")
def server():
    with Server() as started:
        yield started


@pytest.fixture(scope="module")
def service():
    made = SpeechService(Settings(MODEL, None, 1, "webrtc", False))
    yield made
    made.close()


def asked(act, app: web.Application):
    """What `act` returns, given a client of the application."""

    async def run():
        async with TestClient(TestServer(app)) as client:
            return await act(client)

    return asyncio.run(run())


def fetched(address: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    """Status and text of one request to a server that runs by itself."""

    async def run():
        async with aiohttp.ClientSession() as session:
            method = "GET" if body is None else "POST"
            async with session.request(method, f"http://{address}{path}", data=body, headers=headers) as answer:
                return answer.status, await answer.text()

    return asyncio.run(run())


def streamed(address: str, sound: bytes, chunk: int, query: str = f"?rate={RATE}", ending: str = "end") -> list[dict]:
    """Everything that came back for a stream sent in chunks."""

    async def run():
        async with aiohttp.ClientSession() as session, session.ws_connect(f"http://{address}/listen{query}") as ws:
            for at in range(0, len(sound), chunk):
                await ws.send_bytes(sound[at : at + chunk])
            await ws.send_str(ending)
            return [message.json() async for message in ws]

    return asyncio.run(run())


def test_a_posted_file_gets_the_row_that_the_command_line_writes(server):
    status, text = fetched(server.address, "/hear?name=mine.wav", SAMPLE.read_bytes())
    (expected,) = json_lines(infer("--json", SAMPLE))
    row = json.loads(text)
    assert (status, row["file"], row["text"]) == (200, "mine.wav", "173")
    assert row["digits"] == expected["digits"]
    assert row.keys() == expected.keys()


def test_a_file_that_is_no_sound_is_one_line_and_the_next_one_is_heard(server):
    status, text = fetched(server.address, "/hear?name=letter.txt", b"dear all")
    assert status == 400
    assert json.loads(text)["file"] == "letter.txt"
    assert "not a sound file" in json.loads(text)["error"]
    assert "tmp" not in text
    assert fetched(server.address, "/hear", b"")[0] == 400
    assert fetched(server.address, "/hear", SAMPLE.read_bytes())[0] == 200


@pytest.mark.parametrize("chunk", [641, 16_000])
def test_a_stream_gets_the_words_that_the_listener_hears(server, chunk):
    sound = speech(8, seed=3)
    rows = streamed(server.address, sound.tobytes(), chunk)
    words = words_of(sound)
    assert len(words) > 5
    assert [row["digit"] for row in rows[:-1]] == words
    assert rows[-1] == {"end": True, "text": "".join(words), "heard_s": 8.0}
    assert all(0.3 <= row["confidence"] <= 1 and row["start"] < row["end"] <= 8 for row in rows[:-1])


def test_streams_beside_each_other_do_not_disturb_each_other(server):
    sounds = [speech(3, seed) for seed in range(8)]

    async def run():
        async with aiohttp.ClientSession() as session:

            async def one(sound: np.ndarray) -> list[str]:
                async with session.ws_connect(f"http://{server.address}/listen?rate={RATE}") as ws:
                    for at in range(0, len(sound), 800):
                        await ws.send_bytes(sound[at : at + 800].tobytes())
                        await asyncio.sleep(0.001)
                    await ws.send_str("end")
                    return [message.json().get("digit") async for message in ws][:-1]

            return await asyncio.gather(*map(one, sounds))

    assert asyncio.run(run()) == list(map(words_of, sounds))


@pytest.mark.parametrize(
    ("query", "status"), [("?rate=4000", 400), ("?rate=fast", 400), ("?rate=1000000", 400), ("", 400)]
)
def test_what_is_no_stream_is_refused(server, query, status):
    answered, text = fetched(server.address, f"/listen{query}")
    assert answered == status
    assert "\n" not in text.strip()


def test_a_text_that_is_no_end_is_refused(server):
    (row,) = streamed(server.address, b"", 1, ending="halt")
    assert "end" in row["error"]


@pytest.mark.parametrize("extra", [1, 2_000_000])
def test_a_message_that_is_too_long_ends_its_stream_and_no_other(server, extra):
    (row,) = streamed(server.address, bytes(MOST_MESSAGE_BYTES + extra), MOST_MESSAGE_BYTES + extra)
    assert row == {"error": "a message of more than 16 MiB: send the sound in several"}
    assert streamed(server.address, speech(2, 0).tobytes(), 1600)[-1]["end"]


def test_a_recording_in_one_message_is_heard_and_does_not_keep_others_waiting(server):
    """A regression: from 1 MiB on the stream ended without a word."""
    ended: list[str] = []

    async def stream(session: aiohttp.ClientSession, sound: bytes, name: str) -> list[dict]:
        async with session.ws_connect(f"http://{server.address}/listen?rate={RATE}") as ws:
            await ws.send_bytes(sound)
            await ws.send_str("end")
            rows = [message.json() async for message in ws]
        ended.append(name)
        return rows

    async def run():
        async with aiohttp.ClientSession() as session:
            spoken = speech(3, 1).tobytes()
            large = spoken + bytes(MOST_MESSAGE_BYTES - len(spoken))
            both = await asyncio.gather(stream(session, large, "large"), stream(session, spoken, "short"))
            return [row.get("digit") for row in both[0][:-1]], both[0][-1]["heard_s"], both[1][-1]

    words, heard_s, last = asyncio.run(run())
    assert (words, heard_s) == (words_of(speech(3, 1)), MOST_MESSAGE_BYTES / 2 / RATE)
    assert last["end"]
    assert ended == ["short", "large"]


def test_half_a_sample_waits_for_the_next_message(server):
    sound = speech(2, 5).tobytes()
    for chunk in (1, 3):
        assert streamed(server.address, sound[:30], chunk)[-1]["heard_s"] == round(15 / RATE, 3)


def test_other_peoples_web_pages_are_refused(server):
    for headers in ({"Origin": "http://elsewhere.example"}, {"Host": "elsewhere.example"}):
        assert fetched(server.address, "/hear", SAMPLE.read_bytes(), **headers)[0] == 403
        assert fetched(server.address, "/listen", **headers)[0] == 403
    assert fetched(server.address, "/hear", SAMPLE.read_bytes(), Origin=f"http://{server.address}")[0] == 200


def test_a_body_that_is_too_large_and_a_sound_that_is_too_long_are_refused(server, tmp_path):
    assert fetched(server.address, "/hear", bytes(MOST_BODY_BYTES + 1))[0] == 413
    soundfile.write(tmp_path / "long.flac", np.zeros(601 * RATE, np.int16), RATE)
    status, text = fetched(server.address, "/hear?name=long.flac", (tmp_path / "long.flac").read_bytes())
    assert (status, "longer than 10 minutes" in text) == (400, True)


def test_no_more_requests_than_there_is_room_for(service, tmp_path):
    async def act(client):
        async with client.ws_connect("/listen") as first, client.ws_connect("/listen"):
            crowded = (await client.post("/hear", data=SAMPLE.read_bytes())).status
            await first.close()
            await asyncio.sleep(0.1)
            return crowded, (await client.post("/hear", data=SAMPLE.read_bytes())).status

    assert asked(act, application([service], tmp_path, most_requests=2)) == (503, 200)


def test_the_page_is_served_and_nothing_beside_it(service, tmp_path):
    page = tmp_path / "dist"
    page.mkdir()
    (page / "index.html").write_text("the page", encoding="utf-8")
    (page / "main.js").write_text("program", encoding="utf-8")
    (tmp_path / "secret").write_text("secret", encoding="utf-8")

    async def act(client):
        texts = [await (await client.get(path)).text() for path in ("/", "/main.js", "/../secret", "/%2e%2e/secret")]
        return [*texts, (await client.get("/nowhere")).status]

    first, program, *others, status = asked(act, application([service], page))
    assert (first, program, status) == ("the page", "program", 404)
    assert not any("secret" in text for text in others)


def test_without_a_page_it_says_how_to_make_one(service, tmp_path):
    async def act(client):
        answer = await client.get("/")
        return answer.status, await answer.text()

    status, text = asked(act, application([service], tmp_path / "nowhere"))
    assert status == 404
    assert "make web-build" in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_cleanly_while_a_stream_is_open(number):
    with Server() as server:

        async def run():
            async with (
                aiohttp.ClientSession() as session,
                session.ws_connect(f"http://{server.address}/listen?rate={RATE}") as ws,
            ):
                await ws.send_bytes(speech(1, 0).tobytes())
                server.process.send_signal(number)
                async for _ in ws:
                    pass
                return ws.close_code

        assert asyncio.run(run()) == aiohttp.WSCloseCode.GOING_AWAY
        assert server.process.wait(timeout=20) == 0
        remaining = server.process.stderr.read()
        assert remaining.splitlines() == ["the server has ended"]


def test_a_port_that_is_taken_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = infer("--serve", "--port", taken.getsockname()[1])
    assert done.returncode == 1
    assert "--port" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["--serve", "a.wav"], ["--serve", "--port", "70000"], ["--port", "80", "a.wav"], ["--host", "::", "-"]],
)
def test_flags_that_do_not_go_together_are_refused(arguments):
    done = infer(*arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_without_the_web_library_it_says_what_to_install(tmp_path):
    (tmp_path / "aiohttp.py").write_text("raise ImportError('no such library')", encoding="utf-8")
    done = infer("--serve", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "pip install" in done.stderr
    assert len(done.stderr.splitlines()) == 1
