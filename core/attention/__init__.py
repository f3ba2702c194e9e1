"""What attention rows say: where heads look, how much, at whom, and which positions only soak it up.

Everything here reads softmax rows that were recorded; nothing runs a model. Layers, heads and positions count from 0.
"""
