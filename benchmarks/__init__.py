"""Timings, side by side with peers in one run. No test depends on them."""
