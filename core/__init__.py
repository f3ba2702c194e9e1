"""Sightline: what an answer of a vision-language model rests on, and the tests that say so."""
