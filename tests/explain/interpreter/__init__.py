"""An interpreter of printed formulas: it reads ``docs/formula-grammar.md`` and nothing else.

It is the other witness. The library prints a derivation; this package, which imports NumPy and
no line of the library, computes what is printed. So what is printed must say everything.
"""
