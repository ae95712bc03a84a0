"""Files: arrays and texts in the safetensors layout, read with distrust, written whole."""

from glassnet.storage.plain import parse_json as parse_json
from glassnet.storage.tensors import read_metadata as read_metadata
from glassnet.storage.tensors import read_tensors as read_tensors
from glassnet.storage.tensors import write_tensors as write_tensors
