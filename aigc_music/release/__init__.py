"""From one brief to a release folder: everything a release needs, labelled, signed and traceable.

brief, toml_lines      what is wished for, and on which line
stages, cuts           what is made of what
store, run             made once, kept, published; taken up again where it stopped
manifest, album        what is in the folder; several songs with one look
"""
