"""Which brick of the library a person's brick is meant to be: the candidates that are tried."""
