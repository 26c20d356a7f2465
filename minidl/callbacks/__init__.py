"""Callbacks: what may happen while a model trains."""

from minidl.callbacks.base import Callback, CallbackList, History
from minidl.callbacks.early_stopping import EarlyStopping

__all__ = ["Callback", "CallbackList", "EarlyStopping", "History"]
