"""From texts to numbers, as Keras 2 did it: cut into words, number the words, write texts as lists of numbers.

>>> tokenizer = Tokenizer()
>>> tokenizer.fit_on_texts(["The cat sat.", "The cat ran!"])
>>> tokenizer.word_index
{'the': 1, 'cat': 2, 'sat': 3, 'ran': 4}
>>> tokenizer.texts_to_sequences(["the cat ran"])
[[1, 2, 4]]
"""

from minidl.preprocessing.text.saving import tokenizer_from_json as tokenizer_from_json
from minidl.preprocessing.text.tokenizer import Tokenizer as Tokenizer
from minidl.preprocessing.text.words import hashing_trick as hashing_trick
from minidl.preprocessing.text.words import one_hot as one_hot
from minidl.preprocessing.text.words import text_to_word_sequence as text_to_word_sequence

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]
