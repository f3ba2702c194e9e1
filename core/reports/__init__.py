"""Handing over: what was computed about an answer as figures with captions, sources and the code that makes them."""
