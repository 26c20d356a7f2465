"""Sentences where people commonly go wrong, chosen by a layer's options, its sizes and its neighbours.

One file for each family of layers; `hints_of` finds the right ones.
"""

from minidl.inspect.explanation.hints import dense_like, recurrent, simple, windows
from minidl.inspect.explanation.hints.kinds import ONCE, hints_of

__all__ = ["ONCE", "dense_like", "hints_of", "recurrent", "simple", "windows"]
