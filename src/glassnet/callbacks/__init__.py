"""Callbacks: what is called while a model trains."""

from glassnet.callbacks.base import CALLBACKS as CALLBACKS
from glassnet.callbacks.base import Callback as Callback
from glassnet.callbacks.base import CallbackList as CallbackList
from glassnet.callbacks.history import History as History
