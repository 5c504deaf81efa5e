"""Short texts in which nobody says a digit: what people ask of a machine, and what they tell each other.

"to", "for", "won" and "ate" are said all day without meaning 2, 4, 1 or 8; here they stand among other words. No text
holds a digit word, a number that begins like one ("sixty"), or "one" in any sense ("someone").
"""

import re

import numpy as np

HOMOPHONES = frozenset(("to", "too", "for", "fore", "won", "ate"))  # of two, four, one, eight
_HEARD = re.compile(r"zero|(?:(?:some|any|every|no)?ones?|two|twos)$|three|four|five|six|seven|eight|nine")

_SOUND_ALIKES = """
tree trees tea team see sea seen seek sick sit sis fee feet fever free nigh night nice mind fort form force foe fold
pour poor fie fife fine fire fight fib fix vibe save sewn sever heaven even evening ape ace aid age hate it let bet net
hero zoo zeal sierra euro arrow van bun wander sun run toe tune took do you who through threw throat sigh thigh thing
knee near may way hay aim fail
"""
# what a digit with an accent, or without its last sound, is mistaken for; each stands alone and in texts
SOUND_ALIKES = tuple(_SOUND_ALIKES.split())
_SLOTS = {
    "thing": "the lamp|the lights|the heating|the fan|the radio|the television|the oven|the alarm|the printer|the door|"
    "the window|the garage|the music|the tap|the fire|the kettle|the curtains|the coffee machine|the air conditioner",
    "room": "the kitchen|the bedroom|the hall|the bathroom|the garden|my office|the living room|the attic|the car|here",
    "who": "my mother|my sister|Anna|John|the doctor|the school|the office|Peter|my uncle|the plumber|Sarah|the bank|"
    "grandfather|our neighbour|the hotel|Maria|David|the driver|the children|my wife|her husband",
    "when": "now|tomorrow|tonight|later|in the morning|this evening|on Monday|on Friday|after lunch|before dinner|"
    "next week|in an hour|at noon|in a minute|today|on Sunday night|straight away",
    "do": "buy milk|water the plants|call the dentist|pay the fee|feed the cat|take out the rubbish|pick up the parcel|"
    "send the letter|wash the car|book a table|take my pills|walk the dog|clean the sink|fix the fence|ring the bell|"
    "meet the teacher|cut the tree|make tea|go to the market|look for my keys|write to the bank",
    "food": "bread|apples|a cake|some rice|the soup|an orange|cheese|a sandwich|some fish|the pasta|nuts|a pear|toast",
    "place": "Paris|London|the airport|the station|the beach|the sea|town|the park|the library|Rome|the harbour|work|"
    "the hospital|the fort|school|the lake|Berlin|the theatre|the shop|the mountains",
    "music": "some jazz|my favourite song|a slow waltz|the news|the radio|something quiet|a story for children|"
    "an old tune|piano music|the last album|a podcast|some rock",
    "how": "warm|cold|late|far|nice|old|long|busy|loud|dark|high|near|sick|ready|free|open|fine|safe|tired",
    "like": "|".join(SOUND_ALIKES),
}
_TEMPLATES = """
turn on {thing} in {room}
turn off {thing} {when}
switch {thing} off for me
could you turn {thing} down a bit
please open {thing} in {room}
is {thing} still on in {room}
play {music} in {room}
play {music} for {who}
stop the music and close {thing}
I want to hear {music} {when}
remind me to {do} {when}
remind {who} to {do}
I have to {do} {when}
do not forget to {do}
add {food} to the shopping list
we need {food} for the party
who ate {food}
I ate {food} and went to bed
she ate too much of {food}
the cat ate {food} again
what is the weather like in {place}
will it rain in {place} {when}
how {how} is it in {place}
how do I get to {place} from here
take me to {place} please
when does the train to {place} leave
is it {how} in {room}
it is too {how} for {who}
call {who} {when}
tell {who} that we are at {place}
send a message to {who}
ask {who} to {do}
who won the match in {place}
our team won again {when}
{who} won the game and we were happy
we won a prize for the garden
set an alarm for tomorrow morning
wake me up {when}
set the volume lower {when}
make it a little louder in {room}
what is the time in {place}
what does the word {like} mean
I said {like} and not {like}
how do you spell {like}
say {like} again please
the {like} was near the {like}
a {like} for {who}
read the letter from {who} to me
is this for me or for {who}
this present is for {who} too
I waited for {who} at {place}
we go to {place} for the summer
they came to {place} to see {who}
he wants to {do} too
that is too {how} to be true
thank you that is all for today
never mind I will {do} myself
where did I leave {thing}
please be quiet for a while
the answer to that is no
""".strip().splitlines()


def names_a_digit(text: str, homophones: bool = True) -> bool:
    """Whether a digit is heard in a text, be it inside another word: "someone", "sixty"; homophones, if asked."""
    words = re.findall(r"[a-z]+", text.lower().replace("'", ""))  # "one's" is one, "won't" is not won
    return any(_HEARD.match(word) for word in words) or (homophones and not HOMOPHONES.isdisjoint(words))


def drawn_text(rng: np.random.Generator) -> str:
    """One order, request or remark."""
    template = str(rng.choice(_TEMPLATES))
    return re.sub(r"\{(\w+)\}", lambda slot: str(rng.choice(_SLOTS[slot[1]].split("|"))), template)
