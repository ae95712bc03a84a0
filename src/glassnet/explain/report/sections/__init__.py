"""The sections of a report: each yields its part of the page."""
