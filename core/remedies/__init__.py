"""Remedies: the same question asked in another way, so that the answer rests on the picture. Whether it does is
measured, and what each way costs stands beside it."""
