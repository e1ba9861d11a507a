"""Covers: sleeves for releases, drawn from the song's own notes and set in type, and the rules of stores.

    motif     what a picture may know of a song, as plain arrays between 0 and 1
    palettes  the colours; colour: the arithmetic behind them
    fonts     faces and what they lack; lettering: words fitted into boxes
    sleeve    the surface that the families in `families` draw on
    legible   contrast under the words, measured on the drawn pixels and mended
    measure   figures of a finished cover; rules: what stores refuse

Threads: any. Realtime-safe: no.
"""
