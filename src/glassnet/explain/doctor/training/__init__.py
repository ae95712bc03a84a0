"""First aid for training: what is wrong with a run, with evidence and a change to try."""

from glassnet.explain.doctor.training import data as data
from glassnet.explain.doctor.training import flow as flow
from glassnet.explain.doctor.training import labels as labels
from glassnet.explain.doctor.training import outcome as outcome
from glassnet.explain.doctor.training import outputs as outputs
from glassnet.explain.doctor.training import rate as rate
from glassnet.explain.doctor.training import settings as settings
from glassnet.explain.doctor.training import units as units
from glassnet.explain.doctor.training.diagnosis import diagnose_training as diagnose_training
from glassnet.explain.doctor.training.report import Finding as Finding
from glassnet.explain.doctor.training.report import TrainingReport as TrainingReport
