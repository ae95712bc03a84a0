"""Data to learn from: embedded, generated, or fetched with hash check and cache.

Each module has ``load_data``, which returns ``((x_train, y_train), (x_test, y_test))`` as NumPy
arrays, as Keras's does.

| module | what it holds | comes |
| --- | --- | --- |
| `mnist` | 10,000 digits of MNIST; the full set with ``full=True`` | embedded; fetched |
| `digits01` | the zeros and ones of these, 28×28 or 20×20 | embedded |
| `fashion_mnist` | 70,000 pictures of clothes | fetched |
| `iris` | 150 flowers, four measures, three species | embedded |
| `penguins` | 344 birds; measures, categories, missing values | embedded |
| `diabetes` | 442 patients, ten measures; a regression | embedded |
| `xor`, `moons`, `circles`, `spirals` | two classes in the plane | generated |
| `multilabel` | three overlapping discs in the plane | generated |
"""

from glassnet.datasets import circles as circles
from glassnet.datasets import diabetes as diabetes
from glassnet.datasets import digits01 as digits01
from glassnet.datasets import fashion_mnist as fashion_mnist
from glassnet.datasets import iris as iris
from glassnet.datasets import mnist as mnist
from glassnet.datasets import moons as moons
from glassnet.datasets import multilabel as multilabel
from glassnet.datasets import penguins as penguins
from glassnet.datasets import spirals as spirals
from glassnet.datasets import xor as xor
from glassnet.datasets.download import DatasetUnavailable as DatasetUnavailable
from glassnet.datasets.idx import IdxError as IdxError
from glassnet.datasets.idx import read_idx as read_idx
