"""Which outputs depend on which inputs, and how few products with a Jacobian tell all its entries.

:mod:`.pool` holds sets of inputs by number. :mod:`.arrays` is one more kind of array under the unchanged rules: each
element has its number, and the number of the set of inputs that it depends on. What NumPy's functions do with the sets
stands in :mod:`.unions` (ufuncs, reductions, products) and :mod:`.table` (all other functions), and in :mod:`.walk`
what the engine asks. :mod:`.colouring` groups the rows and columns of a pattern.
"""
