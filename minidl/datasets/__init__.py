"""Data sets to try things on: `mnist` (digits) and `fashion_mnist` (clothes), each with `load_data()`."""

from minidl.datasets import fashion_mnist as fashion_mnist
from minidl.datasets import mnist as mnist

__all__ = ["fashion_mnist", "mnist"]
