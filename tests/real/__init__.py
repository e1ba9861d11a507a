"""What the tests against foreign programs share: a co-player in a process of its own, Ardour, recorders, campaigns.

Everything runs in a JACK world of its own (tests.jack_world). The long campaigns are commands:
python -m tests.real.campaign --help
"""
