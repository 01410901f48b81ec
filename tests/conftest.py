"""What all tests may ask for: servers that are started when a test first wants them."""

from __future__ import annotations

pytest_plugins = ["tests.servers.fixtures"]
