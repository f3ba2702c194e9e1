"""Does a model know what it does not say? Probes of its states, beside what it answers to the same cases."""
