"""Losses: how far predictions are from targets, as objects, as functions and by name."""

from glassnet.losses.base import LOSS_FUNCTIONS as LOSS_FUNCTIONS
from glassnet.losses.base import LOSSES as LOSSES
from glassnet.losses.base import FunctionLoss as FunctionLoss
from glassnet.losses.base import Loss as Loss
from glassnet.losses.base import LossFunctionWrapper as LossFunctionWrapper
from glassnet.losses.base import get as get
from glassnet.losses.base import resolve as resolve
from glassnet.losses.regression import MeanSquaredError as MeanSquaredError
from glassnet.losses.regression import MeanAbsoluteError as MeanAbsoluteError
from glassnet.losses.regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from glassnet.losses.regression import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from glassnet.losses.regression import Huber as Huber
from glassnet.losses.regression import LogCosh as LogCosh
from glassnet.losses.regression import CosineSimilarity as CosineSimilarity
from glassnet.losses.regression import mean_squared_error as mean_squared_error
from glassnet.losses.regression import mean_absolute_error as mean_absolute_error
from glassnet.losses.regression import (
    mean_absolute_percentage_error as mean_absolute_percentage_error,
)
from glassnet.losses.regression import (
    mean_squared_logarithmic_error as mean_squared_logarithmic_error,
)
from glassnet.losses.regression import huber as huber
from glassnet.losses.regression import log_cosh as log_cosh
from glassnet.losses.regression import cosine_similarity as cosine_similarity
from glassnet.losses.crossentropy import BinaryCrossentropy as BinaryCrossentropy
from glassnet.losses.crossentropy import CategoricalCrossentropy as CategoricalCrossentropy
from glassnet.losses.crossentropy import (
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from glassnet.losses.crossentropy import binary_crossentropy as binary_crossentropy
from glassnet.losses.crossentropy import categorical_crossentropy as categorical_crossentropy
from glassnet.losses.crossentropy import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from glassnet.losses.focal import BinaryFocalCrossentropy as BinaryFocalCrossentropy
from glassnet.losses.focal import CategoricalFocalCrossentropy as CategoricalFocalCrossentropy
from glassnet.losses.focal import (
    CategoricalGeneralizedCrossEntropy as CategoricalGeneralizedCrossEntropy,
)
from glassnet.losses.focal import binary_focal_crossentropy as binary_focal_crossentropy
from glassnet.losses.focal import categorical_focal_crossentropy as categorical_focal_crossentropy
from glassnet.losses.focal import (
    categorical_generalized_cross_entropy as categorical_generalized_cross_entropy,
)
from glassnet.losses.hinge import Hinge as Hinge
from glassnet.losses.hinge import SquaredHinge as SquaredHinge
from glassnet.losses.hinge import CategoricalHinge as CategoricalHinge
from glassnet.losses.hinge import hinge as hinge
from glassnet.losses.hinge import squared_hinge as squared_hinge
from glassnet.losses.hinge import categorical_hinge as categorical_hinge
from glassnet.losses.distributions import KLDivergence as KLDivergence
from glassnet.losses.distributions import Poisson as Poisson
from glassnet.losses.distributions import Dice as Dice
from glassnet.losses.distributions import Tversky as Tversky
from glassnet.losses.distributions import kl_divergence as kl_divergence
from glassnet.losses.distributions import poisson as poisson
from glassnet.losses.distributions import dice as dice
from glassnet.losses.distributions import tversky as tversky
from glassnet.registry import deserialize as deserialize
from glassnet.registry import serialize as serialize
