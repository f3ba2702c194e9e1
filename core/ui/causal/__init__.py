"""The Causal Graph page: a head's graph for one answer token, what it says explains the token, and the test of that."""
