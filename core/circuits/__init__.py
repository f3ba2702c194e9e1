"""Circuits: the edges between heads, MLPs and tokens over which an answer comes about, and what they alone carry."""
