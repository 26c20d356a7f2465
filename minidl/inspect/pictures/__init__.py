"""Pictures of models, of their training and of what they compute: each a `matplotlib.figure.Figure`.

    history             the curves of a training
    gradient_flow       the gradient from the loss back to the first layer
    time_gradients      the gradient from the loss back to the first time step
    filters             the weights of a convolution
    feature_maps        what layers make of an image
    gates               the gates and states of a recurrent layer along a sequence
    confusion           which classes are taken for which others
    landscape           the loss around the weights
    gradcheck           which elements of a gradient are wrong
    model               the layers of a model and how they are connected
    canvas              what they share: colours, fonts, scales

A figure shows itself at the end of a notebook's cell; `figure.savefig("name.png")` writes it into a file.
"""

from minidl.inspect.pictures.confusion import plot_confusion_matrix
from minidl.inspect.pictures.feature_maps import plot_feature_maps
from minidl.inspect.pictures.filters import plot_filters
from minidl.inspect.pictures.gates import plot_gates
from minidl.inspect.pictures.gradcheck import plot_gradcheck
from minidl.inspect.pictures.gradient_flow import plot_gradient_flow
from minidl.inspect.pictures.history import plot_history
from minidl.inspect.pictures.landscape import plot_loss_landscape
from minidl.inspect.pictures.model import plot_model
from minidl.inspect.pictures.time_gradients import plot_time_gradients

__all__ = [
    "plot_confusion_matrix", "plot_feature_maps", "plot_filters", "plot_gates", "plot_gradcheck", "plot_gradient_flow",
    "plot_history", "plot_loss_landscape", "plot_model", "plot_time_gradients",
]  # fmt: skip
