"""Tests of the tests: do metrics of maps, and the maps themselves, behave as they must where it is known how?"""
