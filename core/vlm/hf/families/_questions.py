"""Prompt forms of checkpoints that come without a chat template, as Jinja."""

from __future__ import annotations

IMAGES_FIRST = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% endif %}{% endfor %}{% endfor %}"
)

QUESTION_ANSWER = (
    "{% for message in messages %}{{ ' ' if not loop.first else '' }}"
    "{{ 'Question:' if message['role'] == 'user' else 'Answer:' }}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %} {{ part['text'] }}{% endif %}{% endfor %}"
    "{% endfor %}{% if add_generation_prompt %} Answer:{% endif %}"
)
"""Li et al. 2023, "BLIP-2", section 4.1: "Question: {} Answer:"."""

WORDS_ALONE = (
    "{% for message in messages %}{{ '\n' if not loop.first else '' }}"
    "{% for part in message['content'] %}{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}"
    "{% endfor %}"
)
