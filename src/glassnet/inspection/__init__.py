"""What pictures and reports show, as arrays: scores, boundaries, signals, landscapes."""
