"""The front door: what Home says."""
