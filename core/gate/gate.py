"""What stands before the server: ASGI middleware, which every request and every WebSocket passes first.

What it asks, in this order: by a name of the server (or a foreign name could be made to point here); from the server's
own pages (by Origin, and by what browsers say of who asks and for what); with a token, where the server is opened to
others. A token in an address is taken over into a cookie that scripts cannot read and that ends with the browser, and
the browser is sent on to the same address without it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

from . import pages
from .hosts import is_known, is_local, is_own, name_in
from .opening import Opening
from .tokens import person_of

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PERSON = "x-sightline-person"
"""The header by which a page learns whom it is drawn for. What a browser says there is thrown away."""
LONGEST_FORM = 4096
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# 'unsafe-inline' and 'unsafe-eval' are Streamlit's own needs (styles, charts). What the policy is for: no connection,
# picture, frame or form to anywhere else, and no frame elsewhere around the dashboard.
POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
OF_REFUSALS = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"


class Gate:
    """The middleware."""

    def __init__(self, app: App, opening: Opening) -> None:
        self.app = app
        self.opening = opening

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = _headers(scope)
        trouble = self._trouble(scope, headers)
        if trouble is not None:
            await _refuse(scope, send, 403, trouble)
            return
        person = None
        if self.opening.persons:
            given = _cookies(headers).get(_cookie(scope))
            person = person_of(given, self.opening.persons) if given else None
            if scope["type"] == "http" and await self._taken_over(scope, headers, receive, send):
                return
            if person is None:
                await _refuse(scope, send, 401, pages.WRONG_TOKEN if given else pages.NO_TOKEN)
                return
        await self.app(_for(scope, person), receive, _answering(send, headers) if scope["type"] == "http" else send)

    def _trouble(self, scope: Scope, headers: Mapping[str, str]) -> str | None:
        """Why whoever asks is turned away, token or no token."""
        host = headers.get("host")
        if not is_known(host, self.opening.names, self.opening.to_others):
            return pages.FOREIGN_NAME
        origin = headers.get("origin")
        if origin is not None and not is_own(origin, host):
            return pages.FOREIGN_PAGE
        if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            # A link elsewhere may lead here; nothing elsewhere may load, frame or send anything.
            followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            if scope["type"] != "http" or scope["method"] not in SAFE_METHODS or not followed:
                return pages.FOREIGN_PAGE
        return None

    async def _taken_over(self, scope: Scope, headers: Mapping[str, str], receive: Receive, send: Send) -> bool:
        """Whether a token came with an address or a form, which then is answered."""
        query = scope.get("query_string", b"").decode("latin-1")
        if scope["method"] == "GET" and "token" in parse_qs(query, keep_blank_values=True):
            tokens = parse_qs(query, keep_blank_values=True)["token"]
        elif scope["method"] == "POST" and "application/x-www-form-urlencoded" in headers.get("content-type", ""):
            tokens = parse_qs((await _body(receive)).decode("latin-1")).get("token", [""])
        else:
            return False
        person = person_of(tokens[-1].strip(), self.opening.persons)
        if person is None:
            log.warning("a wrong token came from %s", (scope.get("client") or ("somewhere",))[0])
            await _refuse(scope, send, 401, pages.WRONG_TOKEN)
            return True
        left = urlencode([(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "token"])
        path = "/" + scope.get("raw_path", b"/").decode("latin-1").partition("?")[0].lstrip("/\\")
        cookie = f"{_cookie(scope)}={tokens[-1].strip()}; Path=/; HttpOnly; SameSite=Lax"
        answer = {"location": f"{path}?{left}" if left else path, "set-cookie": cookie + _secure(scope, headers)}
        await _answer(send, 303, b"", answer)
        return True


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by their names; of one that comes twice, both, which then is no value that is let in."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}; {text}" if key in headers else text
    return headers


def _cookies(headers: Mapping[str, str]) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def _cookie(scope: Scope) -> str:
    """What the cookie is called: those of all servers of a machine come to each."""
    return f"sightline_{(scope.get('server') or ('', 0))[1] or 0}"


def _secure(scope: Scope, headers: Mapping[str, str]) -> str:
    secure = scope.get("scheme") == "https" or headers.get("x-forwarded-proto") == "https"
    return "; Secure" if secure else ""


def _for(scope: Scope, person: str | None) -> Scope:
    """The request as the application sees it, with whom it is for."""
    kept = [(name, value) for name, value in scope["headers"] if name.lower() != PERSON.encode()]
    if person is not None:
        kept.append((PERSON.encode(), person.encode("ascii")))
    return {**scope, "headers": kept}


async def _body(receive: Receive) -> bytes:
    """What came with a request, as far as a form with a token is long."""
    body = b""
    while len(body) <= LONGEST_FORM:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    return body[:LONGEST_FORM]


def _answering(send: Send, headers: Mapping[str, str]) -> Send:
    """Answers with what keeps other pages from framing, embedding and reading them, and these from asking elsewhere."""
    held: dict[str, str] = {
        "content-security-policy": POLICY,
        "x-frame-options": "SAMEORIGIN",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
    }
    if is_local(name_in(headers.get("host")) or ""):
        held["cross-origin-opener-policy"] = "same-origin"  # elsewhere browsers want https for it

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name.encode(): value.encode() for name, value in held.items()}
            rest = [(name, value) for name, value in message.get("headers", []) if name.lower() not in own]
            message = {**message, "headers": [*rest, *own.items()]}
        await send(message)

    return sent


async def _refuse(scope: Scope, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    body = pages.page(sentence, form=status == 401)
    await _answer(send, status, body, {"content-type": "text/html; charset=utf-8"})


async def _answer(send: Send, status: int, body: bytes, more: Mapping[str, str]) -> None:
    headers = {
        "content-security-policy": OF_REFUSALS,
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
        "content-length": str(len(body)),
        **more,
    }
    start = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})
