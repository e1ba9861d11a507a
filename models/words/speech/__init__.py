"""How words sound: English read from its spelling, Chinese by pypinyin; syllables, stress, rhyme.

Nothing is imported here: see english, chinese and rhyme.
"""
