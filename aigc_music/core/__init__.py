"""The vocabulary every other folder speaks: notes, time, theory, parts, styles, controls, errors.

Standard library and numpy only; nothing here opens a port, a file or a model.
"""
