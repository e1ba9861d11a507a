"""Reading and writing: one file per format family, each free of ports, models and the network.

midi.py (standard MIDI files), pretty.py (pretty_midi objects), wav.py (audio), lyrics (timed lyrics, eleven formats),
pictures.py (JPEG and PNG with XMP), safe_xml.py (XML from strangers), atomic.py (no half files).
"""
