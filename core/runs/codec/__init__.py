"""Values of the house as JSON and tensors, and back, by their type hints: no pickle, no code.

A *form* (`form.Form`) knows one kind of value. `form_of` finds the form of a type hint: of a frozen dataclass it is a
record of the forms of its fields, and so on down to numbers, texts, arrays and pictures. What a file may hold is
therefore decided by the hint it is read with; it names no class that the hint does not, and calls nothing.
"""
