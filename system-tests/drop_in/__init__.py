"""The parts of system-tests/drop_in.py that run with vt-py installed."""
