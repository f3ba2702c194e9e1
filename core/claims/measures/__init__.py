"""What several claims measure: the same question seen and read, heads in common, the ways to a word, drawn masks."""
