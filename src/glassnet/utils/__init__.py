"""What people reach for around a network: labels, sizes, splits, the seed. Keras's names."""

from glassnet.config import set_random_seed as set_random_seed
from glassnet.utils.arrays import normalize as normalize
from glassnet.utils.arrays import pad_sequences as pad_sequences
from glassnet.utils.arrays import split_dataset as split_dataset
from glassnet.utils.arrays import to_categorical as to_categorical
