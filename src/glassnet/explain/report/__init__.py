"""A training run as one self-contained page."""

from glassnet.explain.report.reporting import report as report
