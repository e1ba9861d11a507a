"""The realtime half: ports, clocks, the note ledger, the player process and the built-in synth.

Imports aigc_music.core and aigc_music.files only; never torch, the models or the engine, so that nothing
heavy can delay a note. Start with `player` (what happens in one turn of the loop) and `process` (the loop).
"""
