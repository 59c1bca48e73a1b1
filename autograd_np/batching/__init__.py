"""The batched array: one more kind of array under the unchanged rules, and what NumPy's functions do with it.

:mod:`.values`, :mod:`.methods` and :mod:`.array` are the class. How the batch axis is treated stands in :mod:`.ufuncs`, :mod:`.indexing` and in the
:mod:`.table` of NumPy's functions, which :mod:`.reductions`, :mod:`.shapes`, :mod:`.joining` and :mod:`.products` fill; :mod:`.fallback`
runs what has no such entry once per element. Rules are made of NumPy calls, so they are batched too; :mod:`.walk` opens
a batch and answers what the backward walk asks, and :mod:`.axis` leads into a batch and out of it. :mod:`.randomness` says what becomes
of random numbers inside.
"""
