"""The batched array: one more kind of array under the unchanged rules, and what NumPy's functions do with it.

:mod:`.array` is the class; :mod:`.ufuncs`, :mod:`.indexing` and :mod:`.functions` say how a ufunc, an index and each of NumPy's functions
treat the batch axis; :mod:`.fallback` runs what has no such rule once per element. Nothing here knows of gradients: a rule that is
made of NumPy calls is a batched rule.
"""
