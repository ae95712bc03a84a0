"""Metrics: numbers about predictions, gathered over batches of any size."""

from glassnet.metrics.base import METRIC_FUNCTIONS as METRIC_FUNCTIONS
from glassnet.metrics.base import METRICS as METRICS
from glassnet.metrics.base import Metric as Metric
from glassnet.metrics.finding import get as get
from glassnet.metrics.finding import resolve as resolve
from glassnet.metrics.reduction import Sum as Sum
from glassnet.metrics.reduction import Mean as Mean
from glassnet.metrics.reduction import MeanMetricWrapper as MeanMetricWrapper
from glassnet.metrics.accuracy import Accuracy as Accuracy
from glassnet.metrics.accuracy import BinaryAccuracy as BinaryAccuracy
from glassnet.metrics.accuracy import CategoricalAccuracy as CategoricalAccuracy
from glassnet.metrics.accuracy import SparseCategoricalAccuracy as SparseCategoricalAccuracy
from glassnet.metrics.accuracy import TopKCategoricalAccuracy as TopKCategoricalAccuracy
from glassnet.metrics.accuracy import SparseTopKCategoricalAccuracy as SparseTopKCategoricalAccuracy
from glassnet.metrics.accuracy import accuracy as accuracy
from glassnet.metrics.accuracy import binary_accuracy as binary_accuracy
from glassnet.metrics.accuracy import categorical_accuracy as categorical_accuracy
from glassnet.metrics.accuracy import sparse_categorical_accuracy as sparse_categorical_accuracy
from glassnet.metrics.accuracy import top_k_categorical_accuracy as top_k_categorical_accuracy
from glassnet.metrics.accuracy import (
    sparse_top_k_categorical_accuracy as sparse_top_k_categorical_accuracy,
)
from glassnet.metrics.confusion import TruePositives as TruePositives
from glassnet.metrics.confusion import TrueNegatives as TrueNegatives
from glassnet.metrics.confusion import FalsePositives as FalsePositives
from glassnet.metrics.confusion import FalseNegatives as FalseNegatives
from glassnet.metrics.confusion import Precision as Precision
from glassnet.metrics.confusion import Recall as Recall
from glassnet.metrics.tradeoffs import SensitivityAtSpecificity as SensitivityAtSpecificity
from glassnet.metrics.tradeoffs import SpecificityAtSensitivity as SpecificityAtSensitivity
from glassnet.metrics.tradeoffs import PrecisionAtRecall as PrecisionAtRecall
from glassnet.metrics.tradeoffs import RecallAtPrecision as RecallAtPrecision
from glassnet.metrics.auc import AUC as AUC
from glassnet.metrics.fscore import FBetaScore as FBetaScore
from glassnet.metrics.fscore import F1Score as F1Score
from glassnet.metrics.classes import ConfusionMatrix as ConfusionMatrix
from glassnet.metrics.classes import confusion_matrix as confusion_matrix
from glassnet.metrics.classes import IoU as IoU
from glassnet.metrics.classes import BinaryIoU as BinaryIoU
from glassnet.metrics.classes import MeanIoU as MeanIoU
from glassnet.metrics.classes import OneHotIoU as OneHotIoU
from glassnet.metrics.classes import OneHotMeanIoU as OneHotMeanIoU
from glassnet.metrics.probabilistic import BinaryCrossentropy as BinaryCrossentropy
from glassnet.metrics.probabilistic import CategoricalCrossentropy as CategoricalCrossentropy
from glassnet.metrics.probabilistic import (
    SparseCategoricalCrossentropy as SparseCategoricalCrossentropy,
)
from glassnet.metrics.probabilistic import KLDivergence as KLDivergence
from glassnet.metrics.probabilistic import Poisson as Poisson
from glassnet.metrics.probabilistic import Hinge as Hinge
from glassnet.metrics.probabilistic import SquaredHinge as SquaredHinge
from glassnet.metrics.probabilistic import CategoricalHinge as CategoricalHinge
from glassnet.metrics.regression import MeanSquaredError as MeanSquaredError
from glassnet.metrics.regression import RootMeanSquaredError as RootMeanSquaredError
from glassnet.metrics.regression import MeanAbsoluteError as MeanAbsoluteError
from glassnet.metrics.regression import MeanAbsolutePercentageError as MeanAbsolutePercentageError
from glassnet.metrics.regression import MeanSquaredLogarithmicError as MeanSquaredLogarithmicError
from glassnet.metrics.regression import LogCoshError as LogCoshError
from glassnet.metrics.regression import CosineSimilarity as CosineSimilarity
from glassnet.metrics.regression import PearsonCorrelation as PearsonCorrelation
from glassnet.metrics.regression import ConcordanceCorrelation as ConcordanceCorrelation
from glassnet.metrics.regression import R2Score as R2Score
from glassnet.metrics.regression import pearson_correlation as pearson_correlation
from glassnet.metrics.regression import concordance_correlation as concordance_correlation
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
from glassnet.losses.crossentropy import binary_crossentropy as binary_crossentropy
from glassnet.losses.crossentropy import categorical_crossentropy as categorical_crossentropy
from glassnet.losses.crossentropy import (
    sparse_categorical_crossentropy as sparse_categorical_crossentropy,
)
from glassnet.losses.focal import binary_focal_crossentropy as binary_focal_crossentropy
from glassnet.losses.focal import categorical_focal_crossentropy as categorical_focal_crossentropy
from glassnet.losses.hinge import hinge as hinge
from glassnet.losses.hinge import squared_hinge as squared_hinge
from glassnet.losses.hinge import categorical_hinge as categorical_hinge
from glassnet.losses.distributions import kl_divergence as kl_divergence
from glassnet.losses.distributions import poisson as poisson
from glassnet.registry import deserialize as deserialize
from glassnet.registry import serialize as serialize
