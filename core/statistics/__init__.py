"""Figures over many cases and how sure they are: proportions, means, rank correlations, each an `Estimate`.

What SciPy computes is computed by SciPy, which is imported where it is first needed: `scipy.stats` takes a second to
load, and no page should wait for it that shows no interval.
"""
