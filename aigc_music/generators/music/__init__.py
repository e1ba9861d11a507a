"""Music: the planner that decides notes ahead of time, for the stage (`live`) and for whole pieces (`piece`).

planner   two streams of the model, rewind, epochs: answers messages with notes
harmony   the chord plan
groove    the pocket that drums stay in
roles     who plays when
piece     a MusicRequest in, a Score out
"""
