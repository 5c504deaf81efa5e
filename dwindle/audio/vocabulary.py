"""Words to speak: the ten digits, what sounds like them without being one, and everyday words that are neither.

Homophones of digits (won, to, too, for, ate) are in neither list: they *are* the digit to anyone who listens.
"""

DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_CONFUSABLE = """
hero hello nero arrow sarah xerox euro burrow
wan wand once run gone wander when win
tool tooth do chew tomb tube stew true who
tree free thread sea he key throw flee
fir far fork floor force more door pour
fife fire file dive hive life fine jive
sick sixty fix silk sits kicks socks success sis
heaven savvy several eleven severn oven server ribbon
late hate ace age ache wait day plate rate
mine line night nice nigh sign pine ninety
ten ton teen twenty thirteen hundred thousand
"""

_EVERYDAY = """
yes no okay please thanks sorry stop start go
up down left right back forward on off open
close play pause music volume louder quiet lamp light
kitchen bedroom window garden house water coffee bread apple
banana orange sugar morning evening today tomorrow yesterday monday
sunday winter summer weather rain sunny yellow purple green
black mother father sister brother baby people doctor teacher
school office computer telephone message number letter picture paper
pencil table chair bottle river mountain ocean island forest
animal horse chicken rabbit monkey bird dog cat wow
money market ticket station airport driver engine bicycle bridge
about after again always because maybe nothing something question answer
"""

CONFUSABLE_WORDS = tuple(_CONFUSABLE.split())
EVERYDAY_WORDS = tuple(_EVERYDAY.split())
OTHER_WORDS = CONFUSABLE_WORDS + EVERYDAY_WORDS
