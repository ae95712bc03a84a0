"""The kernels: Python functions on raw memory, compiled by Numba where they are first needed.

A module is a family; a function in it is a *template*: given the dtypes it is asked for, it returns
the Python function to be compiled. All arguments of that function are 64-bit integers: addresses,
sizes, bits of numbers. ``SIGNATURES`` of a family says how many a template's function takes.

Nothing but the compiler imports these modules, so a run whose kernels stand in the cache never
imports Numba.
"""
