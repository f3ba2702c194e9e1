"""Where image tokens are in the picture, measured for families that nobody has described: strips of a picture are
inverted, and the tokens that move say where they lie."""
