"""Callbacks: what is called while a model trains."""

from glassnet.callbacks.backup import BackupAndRestore as BackupAndRestore
from glassnet.callbacks.averages import SwapEMAWeights as SwapEMAWeights
from glassnet.callbacks.base import CALLBACKS as CALLBACKS
from glassnet.callbacks.base import Callback as Callback
from glassnet.callbacks.base import CallbackList as CallbackList
from glassnet.callbacks.checkpoint import ModelCheckpoint as ModelCheckpoint
from glassnet.callbacks.csv_logger import CSVLogger as CSVLogger
from glassnet.callbacks.early_stopping import EarlyStopping as EarlyStopping
from glassnet.callbacks.functions import LambdaCallback as LambdaCallback
from glassnet.callbacks.functions import TerminateOnNaN as TerminateOnNaN
from glassnet.callbacks.history import History as History
from glassnet.callbacks.learning_rate import LearningRateScheduler as LearningRateScheduler
from glassnet.callbacks.learning_rate import ReduceLROnPlateau as ReduceLROnPlateau
from glassnet.callbacks.progress import ProgbarLogger as ProgbarLogger
from glassnet.callbacks.recorder import Frame as Frame
from glassnet.callbacks.recorder import Recorder as Recorder
from glassnet.callbacks.tensorboard import TensorBoard as TensorBoard
