"""Published benchmarks and folders of one's own: one file a format, which says what its folder must look like."""
