"""A known cause: of two models that differ in one thing, does a method's map tell which of them looks?"""
