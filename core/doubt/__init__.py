"""Doubt: signals that a word of an answer may be wrong, measured where right answers are known, and never fitted in
secret."""
