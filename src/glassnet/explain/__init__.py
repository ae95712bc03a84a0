"""Explanation: the derivation, the notations, the code, the stability of a network."""

from glassnet.explain import surfaces as surfaces
from glassnet.explain.code import code_of as code_of
from glassnet.explain.comparing import compare_optimizers as compare_optimizers
from glassnet.explain.comparison import Comparison as Comparison
from glassnet.explain.curvature import CurvatureReport as CurvatureReport
from glassnet.explain.curvature import curvature as curvature
from glassnet.explain.derivation import Derivation as Derivation
from glassnet.explain.derivation import derive as derive
from glassnet.explain.doctor.diagnosis import Diagnosis as Diagnosis
from glassnet.explain.doctor.diagnosis import Mistake as Mistake
from glassnet.explain.doctor.diagnosis import diagnose as diagnose
from glassnet.explain.doctor.gradient_report import GradientFinding as GradientFinding
from glassnet.explain.doctor.gradient_report import GradientReport as GradientReport
from glassnet.explain.doctor.gradients import check_gradients as check_gradients
from glassnet.explain.doctor.gradients import true_gradients as true_gradients
from glassnet.explain.notebook import model_html as model_html
from glassnet.explain.notebook import tensor_html as tensor_html
from glassnet.explain.notation import Notation as Notation
from glassnet.explain.notation import convert_weights as convert_weights
from glassnet.explain.notation import get_notation as get_notation
from glassnet.explain.notation import notation_table as notation_table
from glassnet.explain.notation import shape as shape
from glassnet.explain.stability import stability as stability
from glassnet.explain.stability_report import StabilityReport as StabilityReport
