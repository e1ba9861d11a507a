"""Models of words: how they are written (language) and how they sound (pronunciation). Nothing is imported here."""
