"""The first call for a form of the arguments: run the function traced, make its program, run the function once more."""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..engine import modes, write_guards
from ..engine.clock import LAST_WRITE, next_position
from ..engine.errors import CompileError
from ..engine.tensor import Tensor
from .cached_program import Entry
from .ir import Program, Value
from .pipeline import optimize
from .second_run import Seen, until_compared
from .trace.arguments import arrays_of, dynamic, rebuilt, structure
from .trace.array import Traced
from .trace.effects import effects
from .trace.generator_proxy import GeneratorProxy
from .trace.provenance import Story, argument_names
from .trace.reachable import reach
from .trace.record import Trace
from .trace.results import outputs_of

__all__ = ["FirstCall"]


class FirstCall:
    """One call of a function that is compiled: :meth:`run`, then :meth:`make_entry`, then :meth:`run_again` or :meth:`commit`.

    Args:
        function: what is compiled.
        args: of the call.
        kwargs: of the call.
        state: objects whose arrays the function reads or writes unseen.
        reads_gradients: whether it may matter what gradients the leaves hold before.
    """

    def __init__(
        self, function: Callable[..., Any], args: Any, kwargs: Any, state: Sequence[Any], reads_gradients: bool
    ) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.leaves: list[Any] = []
        structure((args, kwargs), self.leaves)
        self.trace = Trace()
        self.story = self.trace.story = Story(self.trace)
        self.reached = reach(function, [*state, *[x for x in self.leaves if not dynamic(x)]])
        self.arguments: list[Value] = []
        # (leaf, the gradient that it holds before, which is an argument that nobody passes)
        self.held: list[tuple[Any, Any]] = []
        self.lifted: list[tuple[Any, Any, Any, str]] = []  # (Tensor, its array, the traced one, its name)
        self.hidden: list[tuple[Any, np.random.Generator]] = []  # (put, generator)
        tensors = [t for _, t in self.reached.tensors.values()]
        # (A leaf that is frozen and thawed has another node: the program is for the Tensor.)
        self.tensor_of = {id(t._node): t for t in tensors}
        leaves = {id(t._node): t for t in tensors if t._node is not None and t._node.primitive is None}
        self.gradients = [(t._node, t._node.grad) for t in leaves.values()] if reads_gradients else []
        self.layouts = [(t, _layout(t)) for t in leaves.values()] if reads_gradients else []
        self.outputs: list[Value] = []
        self.rebuild: Callable[[Any], Any] = tuple
        self.concrete: list[Any] = []  # what the traced run returned
        self.effects: list[tuple[Any, int | None]] = []
        self.noted: list[str] = []  # in words, what the traced run did besides computing
        self.drawn = ""  # in words, from which generators numbers were drawn that everybody shares

    # ---------------------------------------------------------------- the traced run

    def run(self) -> None:
        """Run the function traced. Where it raises, everything is as it was."""
        trace, reached = self.trace, self.reached
        try:
            with trace, modes.follow(self.story.operation, self.story), effects() as self.noted:
                self.story.modules(reached.modules)
                args, kwargs = self._enter_arguments()
                reached.enter(trace)
                self._hide_generators()
                self._lift_tensors()
                result = self.function(*args, **kwargs)
                trace.check_refusals()
                self.drawn = reached.drawn()
                self._check_lifted()
                self.outputs, self.rebuild, self.concrete, self.effects = outputs_of(trace, result, reached, self.held)
                trace.check_captured()
                trace.check_picked(self.outputs)
                reached.leave(False)
        except BaseException:
            trace.roll_back()
            for node, array in self.held:
                node.grad = array
            raise
        finally:
            self._put_back()

    def _enter_arguments(self) -> tuple[Any, Any]:
        """The arguments with traced arrays in them, which have names."""

        def enter(item: Any) -> Any:
            if not dynamic(item):
                return GeneratorProxy(item, self.trace) if isinstance(item, np.random.Generator) else item
            traced = self.trace.external(item._values if isinstance(item, Tensor) else item, "argument")
            self.arguments.append(traced.value)
            return Tensor.at(traced, None, True) if isinstance(item, Tensor) else traced

        given: tuple[Any, Any] = rebuilt((self.args, self.kwargs), [enter(item) for item in self.leaves])
        words = argument_names(self.function, self.args, self.kwargs)
        named = [word for word, x in zip(words, self.leaves, strict=False) if dynamic(x)]
        for value, word in zip(self.arguments, named, strict=False):
            self.story.name(value, word)
        return given

    def _hide_generators(self) -> None:
        for _, put, generator in self.reached.generators:
            self.hidden.append((put, generator))
            put(GeneratorProxy(generator, self.trace))

    def _lift_tensors(self) -> None:
        """Put traced arrays into the Tensors that the function reaches, and in the place of the gradients that they hold."""
        read = {id(node) for node, _ in self.gradients}
        for name, t in self.reached.tensors.values():
            if t._values.__class__ is np.ndarray:
                traced = self.trace.external(t._values, "state")
                self.story.parameter(t, name, traced.value)
                self.lifted.append((t, t._values, traced, name))
                t._values = traced
            if id(t._node) in read and t._node.grad.__class__ is np.ndarray:
                traced = self.trace.external(t._node.grad, "argument")
                self.story.name(traced.value, f"{name}_grad")
                self.arguments.append(traced.value)
                self.held.append((t._node, t._node.grad))
                t._node.grad = traced

    def _check_lifted(self) -> None:
        for t, array, traced, name in self.lifted:
            if t._values is not traced and t._values is not array:
                raise CompileError(
                    f"compile: the function puts another array in the place of {name}.data, where the next run would not put a new one; "
                    "write into the one that is there (t.writable()[...] = values, t.data -= ...)"
                )

    def _put_back(self) -> None:
        self.reached.leave(True)
        for t, array, _, _ in self.lifted:
            t._values = array
        for node, array in self.held:
            if isinstance(node.grad, Traced) and node.grad.array is array:
                node.grad = array
        for put, generator in self.hidden:
            put(generator)
        for _, t in self.reached.tensors.values():
            if t._node is not None and isinstance(getattr(t._node, "grad", None), Traced):
                t._node.grad = t._node.grad.array.copy()

    # ---------------------------------------------------------------- the program

    def make_entry(self, backend: str) -> Entry:
        """The program of the run, and what it is made for. Where it is refused, everything is as it was."""
        self.reached.settle()
        try:
            touched = self.reached.touched() or " and ".join(dict.fromkeys(self.noted))
            # (A second run tells whether it was the function that drew.)
            if self.drawn and (touched or self.trace.raised):
                raise CompileError(self.drawn)
            with _collector_paused():
                self.story.settle(self.trace.ops)
                program = Program(self.trace.ops, self.arguments, self.outputs)
                optimize(program, backend)
                self._drop_unread_gradients(program)
                effects = [(self.tensor_of[id(node)], i) for node, i in self.effects]
                entry = Entry(self.trace, program, self.reached, self.rebuild, effects, self.arrays())
            entry.held = [(self.tensor_of[id(node)], array) for node, array in self.held]
            entry.conditions += [(functools.partial(_layout, t), layout) for t, layout in self.layouts]
            # What the function does besides computing, and what it makes of an error of NumPy's, is done by running it.
            if self.trace.raised:
                touched = touched or "handles an error"
            entry.besides = touched
        except BaseException:
            self.trace.roll_back()
            raise
        return entry

    def _drop_unread_gradients(self, program: Program) -> None:
        used = {value.storage.index for op in program.ops for value in op.inputs()}
        used |= {value.storage.index for value in program.outputs}
        used |= {storage.index for op in program.ops for storage in op.writes}
        first = len(self.arguments) - len(self.held)
        rows = [*zip(self.held, self.arguments[first:], strict=True)]
        rows = [row for row in rows if row[1].storage.index in used]
        self.held = [pair for pair, _ in rows]
        self.arguments[first:] = [value for _, value in rows]

    def arrays(self) -> list[Any]:
        """What the program is run with."""
        return [*arrays_of(self.leaves), *[array for _, array in self.held]]

    # ---------------------------------------------------------------- the end

    def commit(self, entry: Entry) -> Any:
        """Let the traced run be the call. Returns what the function returned."""
        self.mark_written(entry)
        for hook in self.trace.after:
            hook()
        return self.rebuild(self.concrete)

    def mark_written(self, entry: Entry) -> None:
        """Tell the tape that the arrays which the function writes have been written."""
        if entry.writes:
            entry.clock[0] = LAST_WRITE[0] = next_position()
        arrays = self.arrays()
        for k in entry.written_arguments:
            write_guards.mark_written(arrays[k])

    def run_again(self) -> tuple[Any, str]:
        """Undo the traced run, and run the function itself: to its end, or to where it says that it may be compared.

        Returns:
            What it returned, and in words what was different; empty if nothing was.

        Raises:
            CompileError: it draws random numbers from the generators that everybody shares.
        """
        trace, reached = self.trace, self.reached
        left = [(node, node.grad) for node, _ in self.gradients]
        seen = trace.seen or Seen(self.rebuild(self.concrete), trace.written(), left)
        self.rewind()
        if self.drawn:
            reached.disturb()
        result = until_compared(lambda: self.function(*self.args, **self.kwargs))
        different = seen.differs(result)
        if self.drawn and (different or reached.seeded()):
            self.rewind()
            raise CompileError(self.drawn)
        reached.settled()
        return result, different

    @property
    def is_done(self) -> bool:
        """Whether the second run was one to the end."""
        return self.trace.seen is None

    def rewind(self) -> None:
        """Undo a run: arrays, generators, gradients."""
        self.trace.rewind()
        for node, before in self.gradients:
            node.grad = before

    def replay(self, entry: Entry) -> Any:
        """Undo what was run, and run the program."""
        self.rewind()
        results = entry.run(self.arrays())
        if len(entry.program.outputs) == 1:
            results = [results]
        for t, i in entry.effects:
            t._node.grad = None if i is None else results[i]
        return self.rebuild(results)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Without the cyclic collector, which would go through all that a trace has made again and again: a third of the time to compile."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _layout(t: Tensor) -> Any:
    """Of the gradient that a leaf holds, what a program is made for."""
    grad = t.grad
    return grad if grad is None else getattr(grad, "strides", ())
