"""The doctor: gradients checked, mistakes named, ailments of training told."""
