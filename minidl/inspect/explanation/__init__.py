"""explain(layer_or_model): equations with their own sizes, where each number comes from, and what is easily mistaken.

    facts        what an explanation consists of: every printed number is one of its fields
    explaining   putting it together: `explain`
    subject, places, weights, memory, hints     where the facts come from
    text, html, words, columns                  how they are shown, in English and in Korean

>>> from minidl.layers import MaxPooling2D
>>> print(explain(MaxPooling2D(name="pool"), (13, 13, 64)).layers[0].shape_formulas[0])
⌊(13 − 2 + 2·0)/2⌋ + 1 = 6
"""

from minidl.inspect.explanation.explaining import explain
from minidl.inspect.explanation.explanation import Explanation
from minidl.inspect.explanation.facts import Hint, LayerExplanation, Memory, WeightExplanation

__all__ = ["Explanation", "Hint", "LayerExplanation", "Memory", "WeightExplanation", "explain"]
