"""Data: records in files, their decoding, readers and providers, and the examples' data sets."""
