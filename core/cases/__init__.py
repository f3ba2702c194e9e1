"""Questions whose right answer is known: drawn streets, published benchmarks and folders of one's own."""
