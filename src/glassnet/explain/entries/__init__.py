"""Equations entry by entry: one number at a time, as a course in calculus writes them."""
