"""Callbacks: what may happen while a model trains."""

from minidl.callbacks.backup_and_restore import BackupAndRestore
from minidl.callbacks.base import Callback, CallbackList, History
from minidl.callbacks.csv_logger import CSVLogger
from minidl.callbacks.early_stopping import EarlyStopping
from minidl.callbacks.lambda_callback import LambdaCallback
from minidl.callbacks.learning_rate_scheduler import LearningRateScheduler
from minidl.callbacks.live_plot import LivePlot
from minidl.callbacks.model_checkpoint import ModelCheckpoint
from minidl.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from minidl.callbacks.tensorboard import TensorBoard
from minidl.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore", "CSVLogger", "Callback", "CallbackList", "EarlyStopping", "History", "LambdaCallback",
    "LearningRateScheduler", "LivePlot", "ModelCheckpoint", "ReduceLROnPlateau", "TensorBoard", "TerminateOnNaN",
]  # fmt: skip
