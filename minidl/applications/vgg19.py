"""VGG19 under the name that Keras gives its module. How it is built is in `minidl.applications.vgg`."""

from minidl.applications.imagenet_utils import decode_predictions
from minidl.applications.imagenet_utils import preprocess_caffe as preprocess_input
from minidl.applications.vgg import VGG19

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]
