"""The engine: a tape of NumPy operations, and the walk that differentiates it. Nothing here knows a rule of NumPy.

Read it in this order, an evening's worth:

1. :mod:`.suggestions` what to write instead of a name that is not there; :mod:`.clock` positions on the tape; :mod:`.locks` locks that
   a forked process finds free; :mod:`.hooks` the few questions that the engine asks of a trace; :mod:`.errors` the errors and their
   words; :mod:`.pytree` nested containers
2. :mod:`.modes` ``no_grad`` and those that look on
3. :mod:`.write_guards` arrays that change between forward and backward; :mod:`.accumulators` contributions summed later
4. :mod:`.fitting` gradients held to their operands; :mod:`.tape` nodes, and the one backward walk
5. :mod:`.sparse_operands` and :mod:`.operands` what stands beside a Tensor, :mod:`.conversions` and :mod:`.python_values` what it is to Python
   and what it refuses to become, :mod:`.glibc` memory, :mod:`.html` what a notebook shows, :mod:`.held` the Tensors that pictures look for; :mod:`.tensor` the array and its place on the tape (``declarations.pyi``: what a type
   checker sees of it); :mod:`.zero_cotangents` zeros that stay zero on the walk
6. :mod:`.slots` what the tape keeps; :mod:`.record` and :mod:`.codegen` the functions that record a call; :mod:`.primitive`,
   :mod:`.tree_operations` (operations on trees) and :mod:`.registry` operations and their rules
7. :mod:`.protocols` NumPy's functions and ufuncs on Tensors
8. :mod:`.scopes`, :mod:`.random`, :mod:`.files`: names of parts, chance, atomic writes

Each file imports only what stands before it.

An operation has *operands* (differentiable parameters) and *options*. A *slot* is a value that the tape keeps because a rule
names it. An operation may have several outputs: the node is that of the first, a *pick* that of another; those that the caller
does not see are *hidden*.
"""
