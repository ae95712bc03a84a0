"""Models: layers put together, and the loops that train them."""

from glassnet.models.model import Model as Model
from glassnet.models.sequential import Sequential as Sequential
from glassnet.models.configuration import clone_model as clone_model
from glassnet.models.configuration import model_from_json as model_from_json
from glassnet.models.loading import load_model as load_model
from glassnet.models.saving import save_model as save_model
