"""What people reach for around a network: labels, sizes, splits, the seed. Keras's names."""

from glassnet.config import set_random_seed as set_random_seed
from glassnet.utils.arrays import normalize as normalize
from glassnet.utils.arrays import pad_sequences as pad_sequences
from glassnet.utils.arrays import split_dataset as split_dataset
from glassnet.utils.arrays import to_categorical as to_categorical
from glassnet.utils.batches import PyDataset as PyDataset
from glassnet.utils.custom import custom_object_scope as custom_object_scope
from glassnet.utils.custom import get_custom_objects as get_custom_objects
from glassnet.utils.custom import register_keras_serializable as register_keras_serializable
from glassnet.utils.pictures import plot_model as plot_model
from glassnet.utils.session import clear_session as clear_session
from glassnet.utils.session import is_keras_tensor as is_keras_tensor

Sequence = PyDataset
