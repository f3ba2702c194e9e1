"""The History page: the runs that are kept, two of them side by side, their trash and their limits."""
