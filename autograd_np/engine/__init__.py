"""The engine: a tape of NumPy operations, and the walk that differentiates it. Nothing here knows a rule of NumPy.

Read it in this order, an evening's worth:

1. :mod:`.clock` positions on the tape; :mod:`.errors` the errors and their words; :mod:`.pytree` nested containers
2. :mod:`.modes` ``no_grad`` and those that look on; :mod:`.hooks` the few questions that the engine asks of a trace
3. :mod:`.write_guards` arrays that change between forward and backward; :mod:`.accumulators` contributions summed later
4. :mod:`.tape` nodes, and the one backward walk; :mod:`.fitting` gradients held to their operands; :mod:`.zero_cotangents` zeros that stay zero
5. :mod:`.tensor` the array and its place on the tape; :mod:`.python_values` what it is to Python (``declarations.pyi``: to a type checker)
6. :mod:`.slots` and :mod:`.registry` operations and their rules; :mod:`.record` and :mod:`.codegen` the functions that record a call;
   :mod:`.tree_operations` operations on trees
7. :mod:`.protocols` NumPy's functions and ufuncs on Tensors; :mod:`.operands`, :mod:`.sparse_operands` and :mod:`.conversions` what stands
   beside a Tensor, and what it refuses to become
8. :mod:`.scopes`, :mod:`.random`, :mod:`.glibc`, :mod:`.files`: names of parts, chance, memory, atomic writes

An operation has *operands* (differentiable parameters) and *options*. A *slot* is a value that the tape keeps because a rule
names it. An operation may have several outputs: the node is that of the first, a *pick* that of another; those that the caller
does not see are *hidden*.
"""
