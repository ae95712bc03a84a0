"""Models in files, bricks as plain data, own bricks known by name: Keras's ``keras.saving``."""

from glassnet.models import load_model as load_model
from glassnet.models import save_model as save_model
from glassnet.registry import deserialize as deserialize_keras_object
from glassnet.registry import serialize as serialize_keras_object
from glassnet.utils.custom import custom_object_scope as custom_object_scope
from glassnet.utils.custom import get_custom_objects as get_custom_objects
from glassnet.utils.custom import register_keras_serializable as register_keras_serializable

CustomObjectScope = custom_object_scope

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "load_model",
    "register_keras_serializable",
    "save_model",
    "serialize_keras_object",
]
