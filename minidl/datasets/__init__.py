"""Data sets to try things on, each with `load_data()`.

`mnist` (digits), `fashion_mnist` (clothes) and `cifar10` (ten kinds of things, in colour) are images; `uci_har` is
what a phone at the waist measures while people move, and `synthetic_har` makes up such measurements where there is
no network.
"""

from minidl.datasets import cifar10 as cifar10
from minidl.datasets import fashion_mnist as fashion_mnist
from minidl.datasets import mnist as mnist
from minidl.datasets import synthetic_har as synthetic_har
from minidl.datasets import uci_har as uci_har

__all__ = ["cifar10", "fashion_mnist", "mnist", "synthetic_har", "uci_har"]
