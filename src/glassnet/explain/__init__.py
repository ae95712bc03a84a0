"""Explanation: the derivation, the notations, the code, the stability of a network."""
