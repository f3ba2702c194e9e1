"""The Case Studies page: published cases, phrasings, benchmarks from a folder, two models, the league of methods."""
