"""Whom the gate lets in, in front of an application that says for whom it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.gate.gate import PERSON, Gate
from core.gate.opening import Opening
from core.gate.tokens import check_token, digest, new_token, person_of

HERE = "127.0.0.1:8501"
ADA, BEN = "ada-0123456789abcdefghijklmnop_~", "ben-0123456789abcdefghijklmnop.-"
SHARED = Opening({"ada": digest(ADA), "ben": digest(BEN)}, ("sight.example.org",), ())
ALONE = Opening()


@dataclass
class Answered:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def _behind(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
    who = dict(scope["headers"]).get(PERSON.encode(), b"nobody")
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    headers = [(b"x-frame-options", b"ALLOWALL"), (b"x-who", who)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"the app"})


def ask(
    opening: Opening = ALONE,
    path: str = "/",
    method: str = "GET",
    kind: str = "http",
    query: str = "",
    body: bytes = b"",
    **headers: str,
) -> Answered:
    """What is answered; a WebSocket that is opened has status 101."""
    given = {"host": HERE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": kind,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "server": ("127.0.0.1", 8501),
        "client": ("192.0.2.7", 5),
    }
    if kind == "http":
        scope["method"] = method
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Gate(_behind, opening)(scope, receive, send))
    first = sent[0]
    if first["type"].startswith("websocket"):
        return Answered(101 if first["type"] == "websocket.accept" else 403)
    told = {name.decode(): value.decode() for name, value in first["headers"]}
    return Answered(first["status"], told, b"".join(message.get("body", b"") for message in sent[1:]))


def opened(**headers: str) -> int:
    """What becomes of a WebSocket."""
    return ask(headers.pop("to", ALONE), "/_stcore/stream", kind="websocket", **headers).status  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1", "127.8.9.1:1", "[::1]:8501", "LOCALHOST.:8501"])
def test_names_of_this_machine_are_answered(host: str) -> None:
    assert ask(host=host).body == b"the app"
    assert opened(host=host, origin=f"http://{host}") == 101


@pytest.mark.parametrize(
    "host",
    [
        *("evil.test:8501", "127.0.0.1.evil.test", "localhost.evil.test", "evil.test@127.0.0.1", "127.0.0.1/evil.test"),
        *("", "192.0.2.1:8501", "127.0.0.1:port", "[::1", "0x7f.1"),
    ],
)
def test_foreign_names_are_not_though_they_lead_here(host: str) -> None:
    refused = ask(host=host, origin=f"http://{host}")
    assert refused.status == 403 and b"the app" not in refused.body
    assert opened(host=host, origin=f"http://{host}") == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "http://127.0.0.1:3000", "http://localhost:8501", "null", "file://", f"ftp://{HERE}"]
)
def test_pages_of_other_origins_open_no_socket_and_send_nothing(origin: str) -> None:
    assert opened(origin=origin) == 403
    assert ask(path="/_stcore/upload_file/a/b", method="PUT", origin=origin).status == 403
    assert opened() == opened(origin=f"http://{HERE}") == 101


@pytest.mark.parametrize(
    ("site", "mode", "dest", "method", "status"),
    [
        ("cross-site", "navigate", "document", "GET", 200),
        ("cross-site", "navigate", "document", "POST", 403),
        ("cross-site", "navigate", "iframe", "GET", 403),
        ("same-site", "navigate", "iframe", "GET", 403),
        ("same-site", "no-cors", "image", "GET", 403),
        ("cross-site", "no-cors", "script", "GET", 403),
        ("same-origin", "navigate", "iframe", "GET", 200),
        ("none", "navigate", "document", "GET", 200),
    ],
)
def test_a_link_elsewhere_may_lead_here_and_nothing_else(
    site: str, mode: str, dest: str, method: str, status: int
) -> None:
    given = {"sec_fetch_site": site, "sec_fetch_mode": mode, "sec_fetch_dest": dest}
    assert ask(method=method, **given).status == status


def test_answers_say_who_may_frame_and_read_them() -> None:
    headers = ask().headers
    assert "frame-ancestors 'self'" in headers["content-security-policy"] and headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["cross-origin-resource-policy"] == "same-origin"


PATHS = ("/", "/Chat", "/media/x.png", "/component/a/b", "/static/js/a.js")
OF_STREAMLIT = ("health", "host-config", "metrics", "upload_file/a/b", "bidi-components/a/b", "agent/interact")


@pytest.mark.parametrize(
    "path", [*PATHS, "/_stcore/upload_file/a/b", "/_stcore/bidi-components/a/b", "/_stcore/metrics"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_without_a_token_nothing_is_answered(path: str, method: str) -> None:
    for cookie in ("", "sightline_8501=", f"sightline_8501={ADA}x", f"sightline_9={ADA}", "sightline_8501=é"):
        refused = ask(SHARED, path, method, cookie=cookie)
        assert refused.status == 401 and b"the app" not in refused.body and b"Sightline" in refused.body
        assert opened(to=SHARED, cookie=cookie) == 403  # type: ignore[arg-type]


def test_a_token_in_the_address_is_taken_over_and_the_address_goes_on_without_it() -> None:
    taken = ask(SHARED, "/Chat", query=f"scene=27&token={ADA}&q=a%20b")
    assert taken.status == 303 and taken.headers["location"] == "/Chat?scene=27&q=a+b"
    cookie = taken.headers["set-cookie"]
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax") and taken.headers["cache-control"] == "no-store"
    kept = cookie.partition(";")[0]
    assert ask(SHARED, cookie=kept).headers["x-who"] == "ada"
    assert opened(to=SHARED, cookie=kept, origin=f"http://{HERE}") == 101  # type: ignore[arg-type]
    # Somebody else's address is followed as theirs.
    assert BEN in ask(SHARED, query=f"token={BEN}", cookie=kept).headers["set-cookie"]
    assert "Secure" in ask(SHARED, query=f"token={ADA}", x_forwarded_proto="https").headers["set-cookie"]


def test_it_goes_on_to_no_other_machine() -> None:
    assert ask(SHARED, "//evil.test/", query=f"token={ADA}").headers["location"] == "/evil.test/"
    assert ask(SHARED, "/\\evil.test", query=f"token={ADA}").headers["location"] == "/evil.test"


def test_a_token_may_be_typed() -> None:
    form = {"content_type": "application/x-www-form-urlencoded", "origin": f"http://{HERE}"}
    assert ask(SHARED, "/Chat", "POST", body=f"token={ADA}".encode(), **form).headers["location"] == "/Chat"
    assert ask(SHARED, "/", "POST", body=b"token=nothing", **form).status == 401
    assert ask(SHARED, "/", "POST", body=b"x" * 10**5, **form).status == 401


@pytest.mark.parametrize("token", ["", "x", ADA[:-1], ADA + ADA, "é" * 40, "%00"])
def test_a_wrong_token_is_a_sentence(token: str) -> None:
    refused = ask(SHARED, query=f"token={token}")
    assert refused.status == 401 and b"not a token of this Sightline" in refused.body
    assert ("set-cookie" not in refused.headers and token.encode() not in refused.body.replace(b"x", b"")) or not token


def test_new_tokens_are_nobody_elses() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100 and all(person_of(token, SHARED.persons) is None for token in made)
    for token in made:
        check_token("ada", token)


def test_nobody_says_who_they_are() -> None:
    cookie = f"sightline_8501={BEN}"
    assert ask(SHARED, cookie=cookie, x_sightline_person="ada").headers["x-who"] == "ben"
    assert ask(ALONE, x_sightline_person="ada").headers["x-who"] == "nobody"


def test_one_that_is_open_answers_to_numbers_and_its_names_but_to_no_foreign_one() -> None:
    cookie = f"sightline_8501={ADA}"
    for host in ("192.0.2.1:8501", "[2001:db8::1]:8501", "sight.example.org", "localhost:8501"):
        assert ask(SHARED, host=host, cookie=cookie).status == 200
    assert ask(SHARED, host="evil.test:8501", cookie=cookie).status == 403
