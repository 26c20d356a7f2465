"""Callbacks: what may happen while a model trains."""

from minidl.callbacks.base import Callback, CallbackList, History

__all__ = ["Callback", "CallbackList", "History"]
