"""All entries."""

from registry import activations, functions, layers, losses, others, primitives
from registry.entry import Entry

ENTRIES: list[Entry] = [
    *primitives.ENTRIES, *functions.ENTRIES, *activations.ENTRIES, *layers.ENTRIES, *losses.ENTRIES, *others.ENTRIES,
]  # fmt: skip
