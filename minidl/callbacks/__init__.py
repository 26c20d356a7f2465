"""Callbacks: what may happen while a model trains."""

from minidl.callbacks.base import Callback, CallbackList, History
from minidl.callbacks.csv_logger import CSVLogger
from minidl.callbacks.early_stopping import EarlyStopping
from minidl.callbacks.lambda_callback import LambdaCallback
from minidl.callbacks.learning_rate_scheduler import LearningRateScheduler
from minidl.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from minidl.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback", "LearningRateScheduler",
    "ReduceLROnPlateau", "TerminateOnNaN",
]  # fmt: skip
