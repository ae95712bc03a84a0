"""The check of a layer: what every brick, the library's own and a person's, must fulfil."""

from glassnet.testing.layer.report import LayerReport as LayerReport
from glassnet.testing.layer.report import Result as Result
from glassnet.testing.layer.specimen import Specimen as Specimen
from glassnet.testing.layer.registry import LAYER_CHECKS as LAYER_CHECKS
from glassnet.testing.layer.registry import failed as failed
from glassnet.testing.layer.registry import layer_check as layer_check
from glassnet.testing.layer.registry import passed as passed
from glassnet.testing.layer.registry import skipped as skipped
from glassnet.testing.layer.checking import check_layer as check_layer
