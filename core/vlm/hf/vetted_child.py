"""Run by itself, in a process of its own: reads a tokenizer and renders chat templates, under limits.

`python -I vetted_child.py SECONDS BYTES` and on its standard input, as JSON, {"templates": [text, ...]} and, where
there are, "tokenizer": the path of a tokenizer.json, or "folder": one whose tokenizer has none, and "values": what
templates are rendered with, in place of a short conversation. What it is about to do is written to its standard output,
line by line, and "done" at the end: when the system ends it, the last line says during what. "grows 1e6" says that a
tokenizer makes so much of a text. What a parser refuses is no matter here: whoever reads it then says it.
"""

import contextlib
import datetime
import importlib
import json
import os
import sys
import time
from typing import Any

MESSAGES = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is there?"}]}]
TEXTS = ("The cat's hat, 12.5 % off!\n\n\t", "Ça va? 你好,世界 🐶 مرحبا", "aAbBzZ 0189 _-./\\@#<|>[]{}" * 8, "   ", "")


def limit(seconds: int, memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has none: the time is limited from outside
        return
    # What it took so far, with imports, is no matter. A process that does not end at the first limit of time is ended
    # at the second.
    used = int(time.process_time()) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, used + seconds + 1))
    with contextlib.suppress(ValueError, OSError):  # some systems limit no addresses
        with open("/proc/self/statm") as told:
            memory += int(told.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def read_tokenizer(path: str) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for text in TEXTS:
        tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False)


def read_folder(folder: str) -> None:
    """A tokenizer as `transformers` makes it of other files."""
    from transformers import AutoTokenizer

    made = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    growth = importlib.import_module("tokenizer_growth")
    described = json.loads(made.backend_tokenizer.to_str())
    times = max(growth.growth(described.get(part)) for part in ("normalizer", "decoder"))
    if times > growth.MOST:
        print(f"grows {times}", flush=True)
        return
    for text in TEXTS:
        made.decode(made.encode(text))


def environment() -> Any:
    """As `transformers` renders chat templates."""
    import jinja2
    import jinja2.debug  # which it imports where a template fails, while the clock runs
    import jinja2.ext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(jinja2.ext.Extension):
        tags = {"generation"}  # noqa: RUF012 (as its base has it)

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("written"), [], [], body).set_lineno(line)

        def written(self, caller: Any) -> Any:
            return caller()

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(value: object, ensure_ascii: bool = False, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **options)

    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return made


def render(template: str, values: dict[str, Any], seconds: float) -> None:
    """What never ends is ended: that is done where templates are used, too."""
    clock = importlib.import_module("render_clock")
    compiled = environment().from_string(template)
    with clock.for_seconds(seconds):
        compiled.render(**values)


def main() -> None:
    # What stands beside this file, after all that is installed.
    sys.path.append(os.path.dirname(os.path.abspath(sys.argv[0])))
    seconds, memory = int(sys.argv[1]), int(sys.argv[2])
    wanted = json.load(sys.stdin)
    if wanted.get("folder") is not None:
        with contextlib.suppress(Exception):
            importlib.import_module("transformers").AutoTokenizer  # noqa: B018 (what is imported when it is asked for)
    limit(seconds, memory)
    if wanted.get("folder") is not None:
        print("tokenizer", flush=True)
        with contextlib.suppress(Exception):
            read_folder(wanted["folder"])
    if wanted.get("tokenizer") is not None:
        print("tokenizer", flush=True)
        with contextlib.suppress(Exception):
            read_tokenizer(wanted["tokenizer"])
    values = wanted.get("values") or {"messages": MESSAGES, "add_generation_prompt": True}
    for template in wanted["templates"]:
        print("chat template", flush=True)
        try:
            render(template, {"tools": None, "documents": None, **values}, seconds / 10)
        except MemoryError:
            return
        except Exception as error:
            if "values" in wanted and type(error).__name__ == "TooLong":
                return
    print("done", flush=True)


if __name__ == "__main__":
    main()
