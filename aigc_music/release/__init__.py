"""From one brief to a release folder: everything a release needs, labelled, signed and traceable.

brief, keys, toml_lines         what is wished for, what may be, and on which line
stages, cuts                    what is made of what, and which stretch of a song stands for it
store, run                      made once and kept; stage by stage, taken up again where it stopped
publish, manifest, page         files to their places, what tells of them, a page to look at all
album, catalogue, hands         several songs with one look; hundreds of briefs on many machines
labels, visible, credits        how much a machine did, in every language that asks for it
signing, claims, sealing        C2PA, with
signature, certificate          what is read of it, and whose name it bears
originality, verify             what was copied; whether all of it holds
"""
