"""The performance: a model that plans, a player that plays, a face that shows.

performance    the face's side: starts the player process, sends wishes, reads snapshots
model_process  the model's side: a process that answers the player's messages
rehearsal      player and planner in one process, on a clock held in the hand
replay         a journal played again: the same messages give the same notes
screen         what the terminal shows while playing; keyboard: what its keys do
verdicts       keep and discard of what was just played
takes          journals become files; settings: what survives a session
"""
