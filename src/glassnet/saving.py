"""Bricks as plain data, and bricks of one's own known by name; Keras's ``keras.saving``."""

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
    "register_keras_serializable",
    "serialize_keras_object",
]
