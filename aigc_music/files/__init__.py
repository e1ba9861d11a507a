"""Reading and writing: one file per format family, each free of ports, models and the network.

midi.py (standard MIDI files), pretty.py (pretty_midi objects), wav.py (audio), atomic.py (no half files).
"""
