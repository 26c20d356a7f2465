"""Models: layers connected, trained and shown."""

from minidl.models.cloning import clone_model
from minidl.models.functional import Functional
from minidl.models.model import Model
from minidl.models.sequential import Sequential
from minidl.saving import load_model, model_from_json, save_model

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
