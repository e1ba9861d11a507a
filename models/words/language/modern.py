"""Words that mark old verse, dialect or the pulpit: a decoder that shall sound of today leaves them out.

Facts of the language, by hand: old pronouns and their verbs, clipped forms of the metre, Scots and stage dialect.
Verbs in -eth and -est of old grammar are known by their ending, with the modern words of that ending as exceptions.

Threads: pure. Realtime-safe: no.
"""

from __future__ import annotations

__all__ = ["BARRED", "OLD", "is_old"]

_PRONOUNS = """
thee thou thy thine thyself ye art wert wast hast hath hadst dost doth didst wilt shalt canst couldst wouldst
shouldst mayst mightst mayest saith quoth quo' sayst know'st seest has't may'st can'st did'st dar'st
"""
_CLIPPED = """
'tis 'twas 'twere 'twill 'twould 'twixt 'neath 'mid 'mong 'mongst 'gainst 'gin 'ere 'pon 'scape o'er ne'er
e'er e'en ev'n ev'ry heav'n heav'nly giv'n pow'r pow'rs flow'r flow'rs hour's whate'er where'er whene'er
howe'er ta'en th' thro' tho' altho' i'th o'th tho thro oft ofttimes oft' morn eve ope wond'ring op'ning
wand'ring ev'ning
"""
_OLD_WORDS = """
ere erst erstwhile whilst whilom anon betwixt amidst amongst athwart unto thereto therein thereof whereof
wherein whereon whereto thereon hither thither whither hence thence whence nay yea aye verily forsooth prithee
lo alas alack ah behold hark yonder yon methinks methought perchance mayhap haply nought naught aught albeit
fain lief swain swains damsel maiden maidens maid maids nymph nymphs fay fays steed steeds bosom breast
beauteous wondrous bade spake sware bare clave hied hie hies wight knave varlet sire dame hoary vernal zephyr
zephyrs welkin vale mead meads lea dell bower bowers glade ween wot wist wrought begat slay slain smite smote
nigh save twain thrice doeth morrow yore tarry tarried weal woe woes wroth sate forth henceforth bliss blest
plaintive hallowed
"""
_DIALECT = """
wi' o' an' a' ha' ca' fa' wa' gi' i' frae auld bonnie bonny lass lassie lad laddie bairn bairns wee nae na no'
sae mair hame gude guid wha whar whare ilka ain kirk ken kens kent dinna canna wadna winna didna maun sic gae
gaed gang gie gies gied mony muckle owre ower doun toun oot aboot noo doon weel een braw burn brae braes
thegither syne lang sair hae amang tae baith dee deil wad fu' jist mither faither ither anither o'that thae
massa dat dis de dey dem den gwine yo' yer ye's ole wid fer jes' jest hyeah dah whut wuz ez git
"""
_PULPIT = """
lord lord's jehovah saviour saviour's hosanna hallelujah psalm psalms
"""
_MODERN_ETH = """
beneath bequeath beth breath death elizabeth heath seth sheath teeth twentieth wreath
"""
_MODERN_EST = """
arrest attest beast behest bequest best blackest blest bluest boldest bravest breast brightest chest choicest
clearest coldest conquest contest crest darkest dearest deepest detest digest dimmest divest driest earliest
earnest east est fairest farthest feast fiercest finest forest freshest fullest furthest gentlest greatest
greenest guest happiest hardest harvest heaviest highest holiest honest humblest interest invest jest kindest
largest latest least lest lightest longest loudest loveliest lowest manifest meanest merriest mightiest modest
molest nearest nest noblest oldest pest poorest priest protest proudest purest quest quickest quietest rarest
request rest richest ripest rudest saddest safest sharpest shortest simplest slightest slowest smallest
smoothest softest sternest stillest strongest suggest sweetest swiftest tallest tempest tenderest test truest
unrest vest vilest warmest west whitest wildest wisest worst yeast youngest zest
"""
_BARRED = """
coon coons injun injuns squaw squaws darky darkies darkey darkeys pickaninny pickaninnies chink chinks
"""

OLD = frozenset(" ".join((_PRONOUNS, _CLIPPED, _OLD_WORDS, _DIALECT, _PULPIT)).split())
BARRED = frozenset(_BARRED.split())
"""Names for peoples that hurt them: no vocabulary holds them."""
_MODERN = frozenset(" ".join((_MODERN_ETH, _MODERN_EST)).split())


def is_old(word: str) -> bool:
    """Whether a word (lower case) marks old verse or dialect."""
    if word in OLD or word.endswith("'st"):
        return True
    return len(word) > 4 and word.endswith(("eth", "est")) and word not in _MODERN
