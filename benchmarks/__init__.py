"""Edge. The table of SPEC section 14, measured here: `python -m benchmarks`. How to read it: docs/benchmarks.md."""
