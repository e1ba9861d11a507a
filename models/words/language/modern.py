"""Words that mark old verse, dialect or the pulpit: a decoder that shall sound of today leaves them out.

Facts of the language, by hand: old pronouns and their verbs, clipped forms of the metre, Scots and stage dialect.
Verbs in -eth and -est of old grammar are known by their ending, with the modern words of that ending as exceptions.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

__all__ = ["OLD", "is_old"]

OLD = frozenset(
    # pronouns and their verbs
    "thee thou thy thine thyself ye art wert wast hast hath hadst dost doth didst wilt shalt canst couldst wouldst "
    "shouldst mayst mightst mayest saith quoth quo' sayst know'st seest has't may'st can'st did'st dar'st "
    # clipped for the metre
    "'tis 'twas 'twere 'twill 'twould 'twixt 'neath 'mid 'mong 'mongst 'gainst 'gin 'ere 'pon 'scape o'er ne'er e'er "
    "e'en ev'n ev'ry heav'n heav'nly giv'n pow'r pow'rs flow'r flow'rs hour's whate'er where'er whene'er howe'er ta'en "
    "th' thro' tho' altho' i'th o'th tho thro oft ofttimes oft' morn eve ope wond'ring op'ning wand'ring ev'ning "
    # old words
    "ere erst erstwhile whilst whilom anon betwixt amidst amongst athwart unto thereto therein thereof whereof wherein "
    "whereon whereto thereon hither thither whither hence thence whence nay yea aye verily forsooth prithee lo alas "
    "alack ah behold hark yonder yon methinks methought perchance mayhap haply nought naught aught albeit fain lief "
    "swain swains damsel maiden maidens maid maids nymph nymphs fay fays steed steeds bosom breast beauteous wondrous "
    "bade spake sware bare clave hied hie hies wight knave varlet sire dame hoary vernal zephyr zephyrs welkin vale "
    "mead meads lea dell bower bowers glade ween wot wist wrought begat slay slain smite smote nigh save twain thrice "
    "doth doeth morrow yore tarry tarried weal woe woes wroth sate forth henceforth bliss blest plaintive hallowed "
    # Scots and dialect
    "wi' o' an' a' ha' ca' fa' wa' gi' i' frae auld bonnie bonny lass lassie lad laddie bairn bairns wee nae na no' "
    "sae mair hame gude guid wha whar whare aye ilka ain kirk ken kens kent dinna canna wadna winna didna maun sic "
    "gae gaed gang gie gies gied mony muckle owre ower doun toun oot aboot noo doon weel een braw burn brae braes "
    "thegither syne lang sair hae amang tae baith dee deil wad fu' jist mither faither ither anither o'that thae "
    "massa dat dis de dey dem den gwine yo' yer ye's ole wid fer jes' jest hyeah dah whut wuz ez git "
    # the pulpit
    "lord lord's jehovah saviour saviour's hosanna hallelujah psalm psalms".split()
)

_MODERN_ETH = frozenset(
    "teeth beneath death breath seth beth elizabeth heath wreath sheath twentieth bequeath".split()
)
_MODERN_EST = frozenset(
    "best rest west east nest test guest chest quest forest harvest honest modest earnest tempest conquest request "
    "protest arrest suggest invest interest contest latest greatest dearest sweetest fairest brightest deepest "
    "highest darkest longest softest nearest wildest strongest oldest youngest loudest coldest richest rarest purest "
    "finest kindest truest bravest clearest dimmest lowest smallest largest lightest warmest noblest simplest "
    "loveliest happiest merriest saddest fullest gentlest proudest sternest tallest tenderest blackest whitest "
    "greenest bluest smoothest swiftest safest hardest poorest shortest slightest sharpest fiercest freshest "
    "furthest farthest humblest meanest mightiest vilest wisest worst lest crest breast feast beast least yeast "
    "priest detest digest molest unrest behest blest zest vest pest jest attest manifest divest bequest est "
    "driest earliest heaviest holiest quickest quietest rudest slowest stillest boldest ripest choicest".split()
)


def is_old(word: str) -> bool:
    """Whether a word (lower case) marks old verse or dialect."""
    if word in OLD:
        return True
    if word.endswith("eth"):
        return word not in _MODERN_ETH
    if word.endswith("'st"):
        return True
    return len(word) > 4 and word.endswith("est") and word not in _MODERN_EST
