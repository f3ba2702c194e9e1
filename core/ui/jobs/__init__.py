"""Work that a page starts: done on the model, one at a time, stoppable, and kept."""

from .run import STOPPED, Report, Unfinished, attempt, compute, forget, made, obstacle, obtain

__all__ = ["STOPPED", "Report", "Unfinished", "attempt", "compute", "forget", "made", "obstacle", "obtain"]
