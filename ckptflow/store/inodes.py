"""Pure. Inode numbers as they are kept: file systems of users (FUSE) have larger ones than SQLite and `array` hold."""

MASK = (1 << 63) - 1
"""The bits of an inode's number that count."""
