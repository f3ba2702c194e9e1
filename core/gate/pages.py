"""What is answered to whom is not let in. Nothing of a request stands in it."""

from __future__ import annotations

FOREIGN_NAME = (
    "This Sightline does not answer to the name by which it was asked for. Open it by the address that it told when it "
    "was started, or start it with `sightline --name` and that name."
)
FOREIGN_PAGE = "This Sightline answers to its own pages alone, and another page asked. Open its address in a tab."
NO_TOKEN = "This Sightline asks for a token. Open the address that you were given, with the token in it."
WRONG_TOKEN = "This is not a token of this Sightline, or no more. Ask whoever started it for your address."

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sightline</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 30rem; margin: 12vh auto; padding: 0 1.5rem; }
form { display: flex; flex-wrap: wrap; gap: 0.5rem; }
input { flex: 1 1 12rem; } input, button { font: inherit; padding: 0.4rem 0.7rem; }
</style>
</head>
<body>
<h1>Sightline</h1>
<p>SENTENCE</p>
FORM</body>
</html>
"""
_FORM = """<form method="post">
<input name="token" type="password" autocomplete="off" aria-label="Token" placeholder="Token" required autofocus>
<button>Open</button>
</form>
"""


def page(sentence: str, form: bool) -> bytes:
    """A page that says one sentence of the above, with a field for a token or without."""
    return _PAGE.replace("SENTENCE", sentence).replace("FORM", _FORM if form else "").encode()
