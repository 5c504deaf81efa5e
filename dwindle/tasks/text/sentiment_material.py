"""Texts without labels for a teacher to judge: film phrases moved to other things, and reviews by pattern.

A student that hears its teacher on films alone learns little of what the teacher knows of waiters and batteries.
"""

import itertools
import random
import re
from collections.abc import Sequence

MOST = 60_000
FILM_WORD = re.compile(
    r"\b(film|movie|picture|story|comedy|drama|thriller|documentary|script|screenplay|plot|cast|director|filmmaker|"
    r"performance|acting|actor|actress|cinema|characters?)\b"
)
THINGS = """phone laptop tablet camera printer keyboard mouse monitor speaker headset charger battery cable router watch
screen sound software app game update website interface service support delivery package seller store shop price quality
restaurant cafe bar pizza burger soup salad steak sushi noodles coffee tea dessert breakfast dinner menu food meal waiter
waitress staff chef hotel room bed bathroom pool lobby view hostel apartment beach location flight airline seat luggage
driver car bike tyre engine shoes jacket dress shirt jeans boots bag mattress pillow sofa chair table lamp vacuum kettle
blender knife pan oven fridge book novel author chapter ending writing audiobook magazine album song concert course
lesson teacher school gym trainer dentist doctor nurse clinic salon haircut barber bank insurance repair plumber toy puzzle
doll tent backpack garden plant perfume shampoo cream museum tour guide park zoo ticket show event product purchase
experience""".split()
GOOD = """great good excellent wonderful amazing fantastic superb delicious tasty fresh comfortable cosy clean spotless
friendly helpful polite fast quick reliable sturdy durable easy simple beautiful gorgeous lovely perfect affordable quiet
spacious soft warm crisp clear accurate honest fair generous charming fascinating brilliant smooth flawless light handy
professional responsive gentle attentive impressive pleasant stylish fun""".split()
BAD = """bad terrible awful horrible disappointing poor cheap broken dirty filthy rude slow cold stale bland greasy noisy
uncomfortable useless unreliable flimsy faulty defective confusing ugly overpriced expensive cramped smelly rough dull
boring late unhelpful dishonest unfair tiny tasteless disgusting annoying buggy laggy clumsy fragile careless impatient
worthless inedible unusable mediocre outdated misleading stained torn""".split()
VERBS = """love loved like liked enjoy enjoyed hate hated dislike disliked regret regretted recommend adore adored avoid
return returned trust""".split()
EVENTS = """broke after a week|stopped working|fell apart|arrived broken|never arrived|arrived early|arrived on time|
works perfectly|works like a charm|does not work|keeps crashing|lasts all day|lasts for years|does not last|fits perfectly|
does not fit|looks great|looks cheap|smells bad|smells wonderful|tastes great|tastes like cardboard|saved my day|
ruined my day|ruined the evening|made my day|is worth every penny|is a waste of money|is not worth the money|
was worth the wait|was not worth the wait|exceeded my expectations|did not meet my expectations|let me down|
never lets me down|was a pleasant surprise|was a complete disaster|was a joke|is a joy to use|is a pain to use|
does exactly what it should|does nothing that was promised|could be better|could not be better|could hardly be worse|
cured my headache|gave me a headache|was cancelled|was lost|was sold out|was refunded at once|was never refunded|
is full of bugs|is full of surprises|is full of errors|has no flaws|has many flaws|needs a lot of work""".replace(
    "\n", ""
).split("|")
PATTERNS = (
    "the {thing} was {word} .",
    "the {thing} is {very} {word} .",
    "the {thing} was not {word} .",
    "the {thing} was n't {word} at all .",
    "{word} {thing} .",
    "{word} {thing} , {other} {thing2} .",
    "the {thing} was {word} and the {thing2} was {word2} .",
    "the {thing} was {word} but the {thing2} was {other} .",
    "although the {thing} was {word} , the {thing2} was {other} .",
    "i {verb} this {thing} .",
    "i do n't {verb} this {thing} .",
    "i {verb} the {thing} , it was {word} .",
    "the {thing} {event} .",
    "my {thing} {event} .",
    "the {thing} {event} , and the {thing2} was {word} .",
    "{word} , {word2} and {word3} .",
    "never had such a {word} {thing} .",
    "not a {word} {thing} .",
    "hardly {word} , but {other} .",
    "the {thing} could have been more {good} .",
    "nothing {word} about this {thing} .",
    "it 's {word} , not {other} .",
    "this {thing} is anything but {word} .",
    "would {never} buy this {thing} again .",
    "would {never} go back , the {thing} was {word} .",
    "{phrase} , and the {thing} was {word} .",
    "{phrase} .",
)
VERY = ("very", "really", "so", "too", "extremely", "a bit", "quite", "rather", "simply", "truly", "always", "never")
LENGTHS = range(3, 26)  # words of a film phrase that is moved


def made_up(texts: Sequence[str]) -> list[str]:
    """Texts in an order that is always the same, half of them moved film phrases, half of them by pattern."""
    draw = random.Random(0)
    moved = _moved([text for text in texts if len(text.split()) in LENGTHS], draw)
    by_pattern = (_by_pattern(texts, draw) for _ in itertools.count())
    both = itertools.chain.from_iterable(zip(moved, by_pattern, strict=False))
    known, found = set(texts), []
    for text in itertools.islice(both, MOST):
        if text not in known:
            known.add(text)
            found.append(text)
    return found


def _moved(texts: list[str], draw: random.Random) -> list[str]:
    """Phrases that speak of a film, speaking of another thing."""
    about_films = [text for text in texts if FILM_WORD.search(text)]
    draw.shuffle(about_films)
    return [FILM_WORD.sub(lambda _: draw.choice(THINGS), text) for text in about_films]


def _by_pattern(texts: Sequence[str], draw: random.Random) -> str:
    same, opposite = draw.sample((GOOD, BAD), 2)
    phrase = FILM_WORD.sub(lambda _: draw.choice(THINGS), draw.choice(texts))
    return draw.choice(PATTERNS).format(
        thing=draw.choice(THINGS),
        thing2=draw.choice(THINGS),
        word=draw.choice(same),
        word2=draw.choice(same),
        word3=draw.choice(same),
        other=draw.choice(opposite),
        good=draw.choice(GOOD),
        verb=draw.choice(VERBS),
        very=draw.choice(VERY),
        event=draw.choice(EVENTS),
        never=draw.choice(("never", "always", "gladly")),
        phrase=phrase.rstrip(" ."),
    )
