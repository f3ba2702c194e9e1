"""How a published claim is told, on whichever page: what it says, how it is measured again, and what came of it."""
