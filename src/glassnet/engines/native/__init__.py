"""The native engine: a plan of instructions over one arena, run by compiled kernels."""
