"""The synchronous face, made by tools/make_sync.py from `_async`; only `io.py` is written by hand."""
