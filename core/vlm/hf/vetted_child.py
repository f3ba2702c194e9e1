"""Run by itself, in a process of its own: reads a tokenizer and renders chat templates, under limits.

`python -I vetted_child.py SECONDS BYTES` and on its standard input, as JSON, {"tokenizer": path or null, "templates":
[text, ...]}. What it is about to do is written to its standard output, line by line, and "done" at the end: when the
system ends it, the last line says during what. What a parser refuses is no matter here: whoever reads it then says it.
"""

import contextlib
import importlib
import json
import os
import sys

MESSAGES = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is there?"}]}]
TEXTS = ("The cat's hat, 12.5 % off!\n\n\t", "Ça va? 你好,世界 🐶 مرحبا", "aAbBzZ 0189 _-./\\@#<|>[]{}" * 8, "   ", "")


def limit(seconds: int, memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has none: the time is limited from outside
        return
    # A process that does not end at the first limit of time is ended at the second.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    with contextlib.suppress(ValueError, OSError):  # some systems limit no addresses
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def read_tokenizer(path: str) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    for text in TEXTS:
        tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False)


def render(template: str, seconds: float) -> None:
    """As `transformers` does, tags of its own extension aside. What never ends is ended: that is done where templates
    are used, too."""
    import jinja2.ext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
    )
    clock = importlib.import_module("render_clock")
    compiled = environment.from_string(template)
    with clock.for_seconds(seconds):
        compiled.render(messages=MESSAGES, add_generation_prompt=True)


def main() -> None:
    # What stands beside this file, after all that is installed.
    sys.path.append(os.path.dirname(os.path.abspath(sys.argv[0])))
    limit(int(sys.argv[1]), int(sys.argv[2]))
    wanted = json.load(sys.stdin)
    if wanted["tokenizer"] is not None:
        print("tokenizer", flush=True)
        with contextlib.suppress(Exception):
            read_tokenizer(wanted["tokenizer"])
    for template in wanted["templates"]:
        print("chat template", flush=True)
        try:
            render(template, int(sys.argv[1]) / 10)
        except MemoryError:
            return
        except Exception:
            continue
    print("done", flush=True)


if __name__ == "__main__":
    main()
