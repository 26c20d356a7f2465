"""ResNet50 under the name that Keras gives its module. How it is built is in `minidl.applications.resnet`."""

from minidl.applications.imagenet_utils import decode_predictions
from minidl.applications.imagenet_utils import preprocess_caffe as preprocess_input
from minidl.applications.resnet import ResNet50

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
