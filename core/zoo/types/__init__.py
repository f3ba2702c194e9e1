"""The recipes, a function for each tiny model, in the order of how their images become tokens."""
