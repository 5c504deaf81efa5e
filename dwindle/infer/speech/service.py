"""Speech over HTTP and WebSocket: a file is answered with its row, a stream of PCM with its words as they are heard.

curl --data-binary @clip.wav "http://127.0.0.1:8000/hear?name=clip.wav"
ws://127.0.0.1:8000/listen?rate=16000   binary: 16-bit little-endian mono; text "end": no more comes
"""

import argparse
import asyncio
import io
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import soundfile
from aiohttp import WSCloseCode, WSMsgType, web

from dwindle.errors import UserError
from dwindle.infer.serve import SOCKETS, refused
from dwindle.infer.speech.file_listener import FileListener, Settings, error_row
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.processor import AudioProcessor
from dwindle.infer.speech.sources import pcm_rate
from dwindle.infer.speech.vad import VoiceActivityDetector
from dwindle.infer.speech.word import WordEvent, as_text

USUAL_RATE = "16000"  # Hz, of a stream that names none
BODY_S = 30.0  # in which a file must have come
ANSWER_S = 60.0  # in which it must have been heard, those before it included
LONGEST_FILE_S = 600.0
LONGEST_STREAM_S = 4 * 3600.0
SILENT_S = 30.0  # without a message: nobody is there any more
MOST_MESSAGE_BYTES = 16 << 20  # a recording in one message: 8 minutes at 16 kHz
HANGING_UP_S = 5.0  # for a caller to read why its stream ends
PIECE_S = 0.1  # of a stream is heard before others have their turn


class SpeechService:
    """Files are heard one after the other, in a thread; streams beside each other, a piece at a time."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._files = FileListener(settings)
        self._thread = ThreadPoolExecutor(1, "files")

    def routes(self) -> Sequence[web.RouteDef]:
        """POST /hear and the WebSocket /listen."""
        return [web.post("/hear", self.hear), web.get("/listen", self.listen)]

    def close(self) -> None:
        """End the thread; what waits in its queue is not heard any more."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def hear(self, request: web.Request) -> web.Response:
        """A file's answer, as infer.py --json writes it; 400 where the file is at fault."""
        name = request.query.get("name", "-")
        if "\0" in name:  # which no file is called
            return refused(400, "name: holds a null byte")
        try:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
        except TimeoutError:
            return refused(408, f"the file did not come within {BODY_S:g} s")
        heard = asyncio.get_running_loop().run_in_executor(self._thread, self._row, name, body)
        try:
            async with asyncio.timeout(ANSWER_S):
                row = await heard
        except TimeoutError:
            return refused(503, f"too many files wait: this one was not heard within {ANSWER_S:g} s")
        return web.json_response(row, status=400 if "error" in row else 200)

    def _row(self, name: str, body: bytes) -> dict[str, Any]:
        with suppress(soundfile.LibsndfileError, TypeError):  # of which the listener says more
            if soundfile.info(io.BytesIO(body)).duration > LONGEST_FILE_S:
                error = f"longer than {LONGEST_FILE_S / 60:g} minutes: send it as a stream, or cut it"
                return error_row(name, UserError(error))
        return self._files.hear_bytes(name, body)

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """Words of a stream, one JSON object each; at its end one with all of them."""
        try:
            stream = _Stream(self._files.recogniser, self._settings, pcm_rate(request.query.get("rate", USUAL_RATE)))
        except argparse.ArgumentTypeError as error:
            raise UserError(f"rate: {error}") from error
        socket = _Socket(request, max_msg_size=MOST_MESSAGE_BYTES + 1)  # aiohttp refuses this many
        await socket.prepare(request)
        request.app[SOCKETS].add(socket)
        try:
            await self._converse(socket, stream)
        except ConnectionError:  # nobody hears the answer
            pass
        finally:
            request.app[SOCKETS].discard(socket)
            with suppress(ConnectionError):
                await socket.close()
        return socket

    async def _converse(self, socket: web.WebSocketResponse, stream: "_Stream") -> None:
        while stream.heard_s <= LONGEST_STREAM_S:
            try:
                message = await socket.receive(SILENT_S)
            except TimeoutError:
                return await socket.send_json({"error": f"nothing came for {SILENT_S:g} s"})
            if message.type is WSMsgType.BINARY:
                for piece in stream.pieces(message.data):
                    if socket.closed:  # the server ends
                        return None
                    for row in stream.process(piece):
                        await socket.send_str(json.dumps(row))
                    await asyncio.sleep(0)  # the others' turn
            elif message.type is WSMsgType.TEXT and message.data == "end":
                for row in stream.finish():
                    await socket.send_str(json.dumps(row))
                return await socket.send_json({"end": True, "text": as_text(stream.words), "heard_s": stream.heard_s})
            elif message.type is WSMsgType.TEXT:
                return await socket.send_json({"error": 'a text that is not "end": sound is sent as binary messages'})
            else:  # it has been closed
                return None
        return await socket.send_json({"error": f"longer than {LONGEST_STREAM_S / 3600:g} hours: begin another stream"})


class _Socket(web.WebSocketResponse):
    """Says so where a message is too long; aiohttp would end the stream without a word."""

    def __init__(self, request: web.Request, max_msg_size: int):
        super().__init__(max_msg_size=max_msg_size)
        self._caller = request

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        if code == WSCloseCode.MESSAGE_TOO_BIG and not self.closed:
            error = f"a message of more than {MOST_MESSAGE_BYTES >> 20} MiB: send the sound in several"
            with suppress(ConnectionError):
                await self.send_json({"error": error})
                await self.send_frame(code.to_bytes(2, "big"), WSMsgType.CLOSE)
            with suppress(TimeoutError):  # who hangs up at once, while more comes, takes the answer back
                async with asyncio.timeout(HANGING_UP_S):
                    while self._caller.transport and not self._caller.transport.is_closing():
                        await asyncio.sleep(PIECE_S)
        return await super().close(code=code, message=message, drain=drain)


class _Stream:
    """One caller's sound on its way to words."""

    def __init__(self, recogniser, settings: Settings, rate: int):
        self._processor = AudioProcessor(rate, recogniser.sample_rate)
        self._inference = RealTimeInference(recogniser, VoiceActivityDetector(settings.vad, recogniser.sample_rate))
        self._rest = b""
        self._piece_samples = round(PIECE_S * rate)
        self.words: list[str] = []

    @property
    def heard_s(self) -> float:
        return round(self._processor.seconds_heard, 3)

    def pieces(self, message: bytes) -> list[np.ndarray]:
        """A message's samples, with what was left of the one before; half a sample waits for the next."""
        sound = self._rest + message
        whole = len(sound) // 2 * 2
        self._rest = sound[whole:]
        samples = np.frombuffer(sound, "<i2", whole // 2)
        return [samples[at : at + self._piece_samples] for at in range(0, len(samples), self._piece_samples)]

    def process(self, piece: np.ndarray) -> list[dict[str, Any]]:
        started = time.perf_counter()
        return self._rows(self._inference.process(self._processor.process(piece)), started)

    def finish(self) -> list[dict[str, Any]]:
        started = time.perf_counter()
        return self._rows(self._inference.process(self._processor.finish()) + self._inference.finish(), started)

    def _rows(self, events: list[WordEvent], started: float) -> list[dict[str, Any]]:
        """As a live stream's words are written; latency counts from the word's end in the sound that has come."""
        self.words += [event.digit for event in events]
        computed_ms = (time.perf_counter() - started) * 1000
        waited_ms = [(self._processor.seconds_heard - event.end_s) * 1000 + computed_ms for event in events]
        return [event.as_json() | {"latency_ms": round(ms, 1)} for event, ms in zip(events, waited_ms, strict=True)]
