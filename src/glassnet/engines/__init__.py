"""Engines: what turns a graph into values. They know no op by name."""

from glassnet.engines.program import Program as Program
