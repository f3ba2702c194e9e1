"""Causal discovery over the attention of one head: a graph over tokens, what it says of a target, and its test."""
