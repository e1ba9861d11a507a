"""Sound of a score: stems, the mix, and masters of it or of anybody's mix.

    render     an AudioRequest in, a Sound out; a song's sound for films
    mastering  loudness and a limiter that holds true peaks
    figures    what a person would measure first on a finished sound

Threads: any. Realtime-safe: no.
"""
