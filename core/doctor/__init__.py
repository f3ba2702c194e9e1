"""Is everything there that Sightline needs, and does it work? As text for a bug report, which names no folder and no
account. It runs where torch or any other package cannot be imported, and says so."""
