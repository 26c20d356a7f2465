"""Famous networks for pictures, built from minidl's own layers, to read, to train and to fine-tune.

vgg             VGG16, VGG19: 3x3 convolutions, and many of them
resnet          ResNet50, ResNet101, ResNet152: blocks that add something to what they are given
alexnet         AlexNet: where it began
imagenet_utils  what pictures and predictions look like to networks trained on ImageNet

`vgg16`, `vgg19`, `resnet50` and `resnet` hold these under the names that Keras scripts import. Nothing is
downloaded: pass `weights=None` for a new network, or the path of a file of weights that you have.
"""

from minidl.applications import alexnet as alexnet
from minidl.applications import imagenet_utils as imagenet_utils
from minidl.applications import resnet as resnet
from minidl.applications import resnet50 as resnet50
from minidl.applications import vgg16 as vgg16
from minidl.applications import vgg19 as vgg19
from minidl.applications.alexnet import AlexNet
from minidl.applications.resnet import ResNet50, ResNet101, ResNet152
from minidl.applications.vgg import VGG16, VGG19

__all__ = [
    "VGG16", "VGG19", "AlexNet", "ResNet50", "ResNet101", "ResNet152", "alexnet", "imagenet_utils", "resnet",
    "resnet50", "vgg16", "vgg19",
]  # fmt: skip
