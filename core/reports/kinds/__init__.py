"""A file for each kind of results: its figures, and the code that makes it."""
