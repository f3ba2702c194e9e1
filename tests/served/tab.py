"""A browser tab without a browser: it speaks Streamlit's protocol with the app's server, and knows what a page shows.

It takes a hundredth of what a real browser does, so that many fit on a small machine. Scripts of the page do not run in
it: what they do is held by the browser tests.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

QUIET = 0.4
"""Seconds after the end of a run in which no other begins: a page that runs again begins at once."""
LARGEST = 256 * 2**20
WRONG = "Something went wrong"

Path = tuple[int, ...]


@dataclass
class Tab:
    """One page of the app, in a session of its own. `errors` are what no page should ever show."""

    address: str
    page: str = "Chat"
    query: str = ""
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._pages: dict[str, str] = {}
        self._elements: dict[Path, Element] = {}
        self._fragments: dict[str, str] = {}
        self._messages: dict[Path, str] = {}
        self._seen: set[Path] = set()
        self._set: dict[str, WidgetState] = {}
        self._running = True
        self._ended = time.monotonic()
        self._socket: ClientConnection = self._connected()

    def _connected(self) -> ClientConnection:
        host = self.address.removeprefix("http://")
        socket = connect(
            f"ws://{host}/_stcore/stream",
            origin=Origin(self.address),
            subprotocols=[Subprotocol("streamlit")],
            max_size=LARGEST,
            open_timeout=60,
        )
        self._socket = socket
        self._ask(page=self.page)
        return socket

    # What a person does

    def reload(self) -> None:
        """Load the page anew, under the address that it has now: another session, as in a browser."""
        self.close()
        self._elements, self._messages, self._seen, self._set, self._fragments = {}, {}, set(), {}, {}
        self._connected()

    def close(self) -> None:
        """As a tab is closed, whatever goes on in it."""
        self._socket.close()

    def say(self, text: str, key: str = "chat_question") -> None:
        """Send a question by the box of the conversation. Raises LookupError where there is none."""
        told = WidgetState(id=self._widget(key))
        told.chat_input_value.data = text
        self._ask(told)

    def click(self, key: str) -> None:
        """Raises LookupError where there is no such button that can be clicked."""
        self._ask(WidgetState(id=self._widget(key), trigger_value=True))

    def choose(self, key: str, values: list[str]) -> None:
        """Choose among buttons that stand together, which keep what was chosen."""
        told = WidgetState(id=self._widget(key))
        told.string_array_value.data.extend(values)
        self._set[told.id] = told
        self._ask(told)

    def go(self, page: str) -> None:
        """To another page, by the app's own link. Raises LookupError."""
        if page not in self._pages:
            raise LookupError(f"no page is called {page}: {sorted(self._pages)}")
        self.page = page
        self._ask(hash_=self._pages[page])

    def _ask(self, told: WidgetState | None = None, page: str = "", hash_: str | None = None) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self.query
        state.page_name = page
        state.page_script_hash = hash_ if hash_ is not None else ("" if page else self._pages.get(self.page, ""))
        state.widget_states.widgets.extend(one for one in self._set.values() if one is not told)
        if told is not None:
            state.fragment_id = self._fragments.get(told.id, "")
            state.widget_states.widgets.append(told)
        self._running = True
        self._socket.send(message.SerializeToString())

    # What the app says

    def settle(self, seconds: float) -> bool:
        """Listen until the page is whole, no longer than this. Whether it is."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._hear(min(0.1, max(0.01, until - time.monotonic())))
            if not self._running and time.monotonic() - self._ended > QUIET:
                return True
        return False

    def until(self, text: str, seconds: float) -> bool:
        """Listen until something on the page says this."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if any(text in said for said in self.texts()):
                return True
            self._hear(0.1)
        return False

    def _hear(self, seconds: float) -> None:
        try:
            while True:
                data = self._socket.recv(timeout=seconds)
                message = ForwardMsg()
                message.ParseFromString(bytes(data) if isinstance(data, bytes) else data.encode())
                self._take(message)
                seconds = 0.0
        except TimeoutError:
            return
        except ConnectionClosed as closed:
            self.errors.append(f"the server ended the connection: {closed}")
            raise

    def _take(self, message: ForwardMsg) -> None:
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._running, self._seen = True, set()
        elif kind == "navigation":
            self._pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "delta":
            self._draw(tuple(message.metadata.delta_path), message)
        elif kind == "script_finished":
            self._running, self._ended = False, time.monotonic()
            status = message.script_finished
            if status == ForwardMsg.FINISHED_SUCCESSFULLY:
                self._elements = {path: one for path, one in self._elements.items() if path in self._seen}
                self._messages = {path: one for path, one in self._messages.items() if path in self._seen}
            elif status == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self._running = True
        if kind in ("new_session", "script_finished") or kind == "delta":
            self._ended = time.monotonic()

    def _draw(self, path: Path, message: ForwardMsg) -> None:
        delta = message.delta
        self._seen.add(path)
        if delta.WhichOneof("type") == "add_block":
            self._elements.pop(path, None)
            if delta.add_block.WhichOneof("type") == "chat_message":
                self._messages[path] = delta.add_block.chat_message.name
            return
        if delta.WhichOneof("type") != "new_element":
            return
        self._elements[path] = element = delta.new_element
        kind = element.WhichOneof("type")
        self._fragments[id_in(element)] = delta.fragment_id
        if kind == "exception":
            self.errors.append(f"{element.exception.type}: {element.exception.message}")
        elif WRONG in text_of(element):
            self.errors.append(text_of(element))

    # What the page shows

    def texts(self) -> list[str]:
        """All that is written, from above to below."""
        return [text for path in sorted(self._elements) if (text := text_of(self._elements[path]))]

    def buttons(self) -> list[str]:
        """The keys of buttons that can be clicked."""
        found = (element.button for element in self._elements.values() if element.WhichOneof("type") == "button")
        return [key for button in found if not button.disabled and (key := key_of(button.id))]

    def conversation(self) -> list[tuple[str, str]]:
        """Who says what first in each message ("user", "assistant")."""
        said = []
        for path in sorted(self._messages):
            inside = [text_of(self._elements[own]) for own in sorted(self._elements) if own[: len(path)] == path]
            said.append((self._messages[path], next(filter(None, inside), "")))
        return said

    def has(self, key: str) -> bool:
        """Whether a widget of this key stands on the page."""
        return any(key_of(id_) == key for id_ in self._ids())

    def _ids(self) -> Iterator[str]:
        return filter(None, map(id_in, self._elements.values()))

    def _widget(self, key: str) -> str:
        found = next((id_ for id_ in self._ids() if key_of(id_) == key), None)
        if found is None:
            raise LookupError(f"nothing on the page has the key {key}")
        return found


def key_of(id_: str) -> str:
    """The key that a widget was given in the app; empty where it has none. Ids are `$$ID-<hash>-<key>`."""
    key = id_.split("-", 2)[2] if id_.count("-") >= 2 else ""
    return "" if key == "None" else key


def id_in(element: Element) -> str:
    """The id of the widget that an element is; empty where it is none."""
    kind = element.WhichOneof("type")
    id_ = getattr(getattr(element, kind), "id", "") if kind else ""
    return id_ if isinstance(id_, str) else ""


def text_of(element: Element) -> str:
    """What an element says in words."""
    kind = element.WhichOneof("type")
    if kind in ("text", "markdown", "alert"):
        body: str = getattr(element, kind).body
        return body
    return element.heading.body if kind == "heading" else ""
