"""Fragments of kernels: functions that compiled code calls and Python never does.

Numba makes a finished thing of every function: it is optimised, turned into machine code, and gets a wrapper
through which Python can call it. The code of a function that is called is copied into the one that calls it, and goes
through all of this again there; the tile below three levels of functions did so nine times. A fragment stays in
the compiler's own language until the kernel that it belongs to is whole. Then all of it is optimised at once, which is
as fast to run, and compiles in half of the time.

A fragment is not kept on disk either: the file of the kernel has it inside. `choice` makes several fragments one
function, of which a kernel gets only the one for its types.
"""

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.types import unliteral
from numba.extending import overload

from minidl_kernels.cpu.cache import OPTIONS

__all__ = ["choice", "fragment"]


def fragment(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: compile for the types of each call in a kernel, as a piece of that kernel."""
    dispatcher: Any = njit(**OPTIONS, no_cpython_wrapper=True, pipeline_class=_Pipeline)(function)
    if hasattr(dispatcher, "overloads"):  # with NUMBA_DISABLE_JIT=1 it is the plain function

        def refuse(*arguments: Any, **named: Any) -> Any:
            raise TypeError(f"{function.__name__} is a fragment of a kernel: only compiled code can call it.")

        # A number written in the code of the caller is a number like others: no code of its own for 0, 1 and 2.
        def template(kinds: Any, named: Any) -> Any:
            return of_types(tuple(map(unliteral, kinds)), {n: unliteral(kind) for n, kind in named.items()})

        of_types, dispatcher.get_call_template = dispatcher.get_call_template, template
        # Python is never told of what was compiled: there would be nothing behind the address.
        dispatcher.add_overload = lambda made: dispatcher.overloads.update({tuple(made.signature.args): made})
        dispatcher._compile_for_args = refuse
    return dispatcher


def choice(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a function that is given the types of a call, and returns what compiled code runs for `function`."""
    return overload(function, jit_options={**OPTIONS, "pipeline_class": _Pipeline})


class _Library(JITCodeLibrary):  # type: ignore[misc]
    """The code of a fragment: ready to be linked into a kernel, and no further."""

    def _optimize_final_module(self) -> None:
        """The kernel will do it."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """There is no machine code, so no address."""
        self._ensure_finalized()
        return 0

    @property
    def codegen(self) -> Any:
        """Numba asks it to note where the fragment's Python objects are, next to its machine code."""
        return self

    def set_env(self, name: str, environment: Any) -> None:
        """Nowhere to note it, and no fragment uses any."""


class _Pipeline(Compiler):  # type: ignore[misc]
    """Numba's steps from Python to the compiler's language, with a library of our kind at the end."""

    def define_pipelines(self) -> Any:
        self.state.library = _Library(self.state.targetctx.codegen(), "fragment")
        return super().define_pipelines()
