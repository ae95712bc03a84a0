"""Saving and loading, under the names that stand for files.

The format itself is in `glassnet.storage`, what a model writes into it in `glassnet.models.saving`.
"""

from glassnet.errors import FileFormatError as FileFormatError
from glassnet.models.loading import load_model as load_model
from glassnet.models.saving import save_model as save_model
from glassnet.storage import read_tensors as read_tensors
from glassnet.storage import write_tensors as write_tensors

load = load_model
