"""The tests. A package by name, so that `tests.servers` is this project's whatever else is installed."""
