"""A small server for programs and for the page: `python infer.py --serve`. HTTP and WebSocket, on this computer only.

GET /            the page, where it is built (make web-build)
what services add, as dwindle.infer.speech.service does: POST /hear, GET /listen
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from aiohttp import WSCloseCode, web
from aiohttp.http import HttpProcessingError

from dwindle.errors import UserError, describe_os_error

PAGE = Path(__file__).parents[2] / "web" / "dist"  # in a checkout
MOST_BODY_BYTES = 25_000_000
MOST_REQUESTS = 256  # at once, streams among them
IDLE_CONNECTION_S = 15.0
CLOSING_S = 5.0  # for what is under way when the server ends
OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
NO_PAGE = "The page is not built: make web-build writes it. For programs: POST /hear and the WebSocket /listen.\n"
SOCKETS: web.AppKey[set[web.WebSocketResponse]] = web.AppKey("sockets")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Service(Protocol):
    """What answers some of the addresses."""

    def routes(self) -> Sequence[web.RouteDef]: ...

    def close(self) -> None: ...


def refused(status: int, error: str) -> web.Response:
    """An answer that says what is wrong."""
    return web.json_response({"error": error}, status=status)


def application(services: Sequence[Service], page: Path, most_requests: int = MOST_REQUESTS) -> web.Application:
    """The whole server, not listening yet."""
    app = web.Application(middlewares=[_guard(most_requests)], client_max_size=MOST_BODY_BYTES)
    app[SOCKETS] = set()
    app.on_shutdown.append(_close_sockets)
    for service in services:
        app.add_routes(service.routes())

    async def index(_: web.Request) -> web.StreamResponse:
        start = page / "index.html"
        return web.FileResponse(start) if start.is_file() else web.Response(text=NO_PAGE, status=404)

    app.router.add_get("/", index)
    if page.is_dir():
        app.router.add_static("/", page)
    return app


def _guard(most_requests: int):
    active = 0

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Strangers' web pages may not use this server, nor anybody more of it than there is."""
        nonlocal active
        if not _is_ours(request):
            return refused(403, "this server answers its own page and programs on this computer")
        if active >= most_requests:
            return refused(503, f"{most_requests} requests are being answered: try again later")
        active += 1
        try:
            return await handler(request)
        except UserError as error:
            return refused(400, str(error))
        except web.HTTPRequestEntityTooLarge:
            return refused(413, f"more than {MOST_BODY_BYTES:,} bytes")
        except web.RequestPayloadError:
            return refused(400, "the body is not what its headers say (Content-Encoding, Transfer-Encoding)")
        except ConnectionError:  # the client has left: nobody reads this, and it is no fault of the server
            return refused(400, "the request ended early")
        except web.HTTPException as error:
            return refused(error.status, error.reason)
        finally:
            active -= 1

    return guard


def _is_ours(request: web.Request) -> bool:
    """A browser says whose page asks; a page of another host must not reach a server on loopback, whatever its name."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    peer = request.transport.get_extra_info("sockname") if request.transport else None
    on_loopback = peer is not None and (peer[0].startswith("127.") or peer[0] == "::1")
    if on_loopback and host not in OWN_NAMES:
        return False
    origin = request.headers.get("Origin")
    return origin is None or origin.split("://", 1)[-1] == request.host


async def _close_sockets(app: web.Application) -> None:
    for socket in list(app[SOCKETS]):
        with suppress(ConnectionError):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"the server ends")


def serve(services: Sequence[Service], host: str, port: int) -> int:
    """Until Ctrl-C or SIGTERM; what is under way may end first."""
    try:
        asyncio.run(_until_told(application(services, PAGE), host, port))
    finally:
        for service in services:
            service.close()
    return 0


def _is_our_fault(record: logging.LogRecord) -> bool:
    """What is wrong with a request is its sender's to read; aiohttp logs it with a traceback as well."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError)


async def _until_told(app: web.Application, host: str, port: int) -> None:
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    log = logging.getLogger(__name__)
    log.addFilter(_is_our_fault)
    runner = web.AppRunner(
        app, access_log=None, logger=log, keepalive_timeout=IDLE_CONNECTION_S, shutdown_timeout=CLOSING_S
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise UserError(f"cannot serve on {host}:{port}: {describe_os_error(error)}: try another --port") from error
        shown, actual = f"[{host}]" if ":" in host else host, runner.addresses[0][1]
        print(f"serving on http://{shown}:{actual}/; Ctrl-C ends it", file=sys.stderr, flush=True)
        await told.wait()
    finally:
        await runner.cleanup()
    print("the server has ended", file=sys.stderr, flush=True)
