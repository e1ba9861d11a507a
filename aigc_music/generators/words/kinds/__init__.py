"""The texts beside lyrics: titles, stories, news, scripts, album notes, and characters, quests and scenes of games.

    writer        a request becomes a text: the best of a few drafts
    grammar       slots, facts that stay, shapes; forms: pronouns, plurals, tenses, measure words
    subject       theme, mood and the music's true facts, for the grammar
    tables        LANGUAGE/KIND.json: the shape of each kind and its productions; common.json: shared words
    schemas       KIND.json: the JSON schema of each kind's document; schema: reads and checks them
    plain         a document for people to read
    figures       variety, readability, nearness to the theme

Threads: any. Realtime-safe: no.
"""

from __future__ import annotations

from .plain import plain
from .schema import asked_schema, complaints, schema
from .writer import BuiltinKinds, finished, needs_music

__all__ = ["BuiltinKinds", "asked_schema", "complaints", "finished", "needs_music", "plain", "schema"]
