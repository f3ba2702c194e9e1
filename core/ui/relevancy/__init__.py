"""The Relevancy page: maps of one target by several methods, and what they say beside each other."""
