"""Models: layers put together, and the loops that train them."""

from glassnet.models.model import Model as Model
from glassnet.models.sequential import Sequential as Sequential
