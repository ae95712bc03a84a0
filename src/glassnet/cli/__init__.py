"""The command ``glassnet``: thin; it parses, calls the public interface, prints."""
