"""Models and weights in files, in the formats of Keras 3 and in others. Start reading in `model_files`.

    .keras          a whole model: description, weights, state of the optimizer      keras_file
    .weights.h5     the weights alone, as Keras writes them                          weights_h5
    .h5             the weights of Keras 1 and 2, read only                          legacy_h5
    .npz            the weights alone, for NumPy                                     npz
    .safetensors    the weights alone, for everybody                                 safetensors_file
    .pt             weights of PyTorch, read only                                    torch_weights

A file may come from anywhere. So nothing in it is run or imported, everything is measured before memory is taken for
it, and a model changes only when all of a file was read and found in order. A file that is written is there
completely or not at all.
"""

from minidl.saving.keras_file import model_from_json
from minidl.saving.model_files import load_model, load_weights, save_model, save_weights
from minidl.saving.registration import custom_object_scope, register_keras_serializable
from minidl.saving.torch_weights import load_torch_weights

__all__ = [
    "custom_object_scope", "load_model", "load_torch_weights", "load_weights", "model_from_json",
    "register_keras_serializable", "save_model", "save_weights",
]  # fmt: skip
