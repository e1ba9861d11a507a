"""Words: lyrics that fit a melody, verses without one, and the other texts that go with music.

melody, verse    what the words have to fit (see template)
decode           lines by beam search over a language model of ours; lexicon, grammar, themes: what it knows
builtin          the generator that joins them; hub and server ask larger models; kinds: stories, game content ...
scorer           how well given lines fit; sounds, stress: by what
sheet            lines as a document, words to read, and lyrics in time
measure          the figures over many songs
"""
