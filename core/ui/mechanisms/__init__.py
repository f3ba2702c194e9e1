"""The Mechanisms page: which heads write a word, what positions say, and what happens when they are cut."""
