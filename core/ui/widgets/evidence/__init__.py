"""Is a map true? A button, a badge under each map, and what it rests on; the same on every page that shows maps."""
