"""The small drawn world: scenes whose every fact is known, questions about them, and the model trained on both."""
