"""The asynchronous face. `_sync` is made from it by tools/make_sync.py, all but `io.py`."""
