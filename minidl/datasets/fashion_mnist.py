"""Fashion-MNIST: 70,000 photographs of clothes, made like MNIST and harder.

H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", 2017, arXiv:1708.07747. Licence: MIT.

Labels: 0 T-shirt/top, 1 Trouser, 2 Pullover, 3 Dress, 4 Coat, 5 Sandal, 6 Shirt, 7 Sneaker, 8 Bag, 9 Ankle
boot.
"""

from minidl.datasets import files
from minidl.datasets.formats import SHAPES, Split, read_idx, read_npz
from minidl.messages import say

__all__ = ["load_data"]

# fmt: off
_PUBLISHED = {
    "x_train": files.Published("train-images-idx3-ubyte.gz", 26421880,
                               "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    "y_train": files.Published("train-labels-idx1-ubyte.gz", 29515,
                               "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    "x_test": files.Published("t10k-images-idx3-ubyte.gz", 4422102,
                              "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    "y_test": files.Published("t10k-labels-idx1-ubyte.gz", 5148,
                              "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
}
# fmt: on


def load_data() -> Split:
    """The Fashion-MNIST photographs: `(x_train, y_train), (x_test, y_test)`.

    Taken from `fashion_mnist.npz` in `$MINIDL_HOME/datasets` (`~/.minidl/datasets`) where there is such a
    file, otherwise from the four original files in `fashion-mnist/` beside it, which are downloaded the first
    time (30 MB).

    Returns:
        x_train (60000, 28, 28), y_train (60000,), x_test (10000, 28, 28), y_test (10000,), all uint8: pixels
        from 0 (background) to 255, labels from 0 to 9.

    Raises:
        OSError: a file is missing and cannot be downloaded, or cannot be read.
        ValueError: `fashion_mnist.npz` holds something else.
    """
    archive = files.locate("fashion_mnist.npz")
    if archive.exists():
        return read_npz(archive)
    arrays = {}
    for key, published in _PUBLISHED.items():
        file = files.locate(f"fashion-mnist/{published.name}")
        if not file.exists():
            files.download(published, file, wanted="fashion_mnist.npz")
        elif files.checksum(file) != published.sha256:
            raise OSError(say(f"{file} is damaged (wrong checksum). Delete it to have it downloaded anew."))
        arrays[key] = read_idx(file, SHAPES[key])
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
