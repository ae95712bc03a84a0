"""Networks written by hand in plain NumPy, as learners write them, each with a mistake to order.

Nothing here uses the doctor's code: these are the patients.
"""
