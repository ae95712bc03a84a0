"""Training steps and calls of `predict` against the frameworks, interleaved in one run.

    python -m benchmarks.peers            # or: make bench

Each peer lives in a process of its own, first shows that it computes the same losses from the same
weights, then runs whole epochs when its turn comes, one peer at a time. What counts is the ratio.
"""
