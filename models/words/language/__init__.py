"""Small language models for the words of songs, each line written from its rhyme word leftwards.

    text          lines of words or characters as tokens, right to left, and back
    modern        words that belong to old verse or to a dialect, for a decoder that shall leave them out
    corpus        pieces of verse from the data sets, or from a folder of own texts
    vocabulary    which words a model knows, and their vectors from counts
    streams       pieces as the streams that a network is trained on
    network       the network in torch; train: the training run
    model         the trained model at play time: numba kernels, int8 weights, no torch
    tiny          a model with random weights, for tests
    originality   which phrases stand in the training texts
    forms         the shapes of Chinese song tunes (cipai): line lengths, rhymes, level and oblique places
    ngram         Kneser-Ney trigrams, the baseline; evaluate: the figures

Threads: offline, imports only. Realtime-safe: no.
"""
