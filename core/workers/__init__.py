"""Who does the work of a long run: this process, or models elsewhere."""
