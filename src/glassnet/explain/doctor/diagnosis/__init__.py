"""Diagnosis: wrong gradients, and the mistake that gives exactly these."""

from glassnet.explain.doctor.diagnosis.diagnosis import diagnose as diagnose
from glassnet.explain.doctor.diagnosis.report import Diagnosis as Diagnosis
from glassnet.explain.doctor.diagnosis.report import Mistake as Mistake
