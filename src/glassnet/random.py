"""Random tensors, with the names of ``keras.random``; how they are drawn: `glassnet.ops.random`."""

from glassnet.ops.random import Seed as Seed
from glassnet.ops.random import SeedGenerator as SeedGenerator
from glassnet.ops.random import bernoulli as bernoulli
from glassnet.ops.random import categorical as categorical
from glassnet.ops.random import dropout as dropout
from glassnet.ops.random import normal as normal
from glassnet.ops.random import permutation as permutation
from glassnet.ops.random import randint as randint
from glassnet.ops.random import shuffle as shuffle
from glassnet.ops.random import truncated_normal as truncated_normal
from glassnet.ops.random import uniform as uniform
