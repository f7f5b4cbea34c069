"""What both faces of the SDK share: nothing here does I/O, so nothing here waits."""
