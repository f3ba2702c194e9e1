"""The Attention Explorer's parts."""
