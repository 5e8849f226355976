"""The viewer in a browser: real MRML on trame-slicer, on this machine only; the edit runs in a
worker process."""
