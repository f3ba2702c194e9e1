"""Numbers in, figure out. Nothing here knows a model."""
