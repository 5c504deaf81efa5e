"""Words to speak: the ten digits, what sounds like them without being one, and everyday and common words that do not.

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

_COMMON = """
ability able above act acting action actor acts add adventure affection against ages ago air alive all almost alone
along already also although ambitious among an and another any apart apparent appeal approach are art as assured at
attempt audience avoid away awe be beat beautiful beauty become becomes been before beginning begins behavior behind
being believe best better between beyond big bigger blue body bond book both bottom boy boys brain break bright bring
brings brothers brought brown business but by call called can car care carries case cast casting cause certain
certainly chance change changing character charm chase child children city clear cold come comes coming company
complete conclusion considered content control cool could country couple courage create created credit cross cut dark
date days deal deep deeply delicate delight delights deliver delivery depth deserve deserves despite did direct
direction discovery does doing done doubt downright drawn dream dreams dry dull each earnest earth easily easy edge
effect effects either elements else empty end ends endure enjoy enough entertain entertainment entire escape
especially even events ever every evil exactly excellent except excuse exercise expect extreme eye eyed eyes face fact
fails fairly faith fall falls false familiar fan fare fashion fast feel feeling felt female festival few figure find
finding finds first fit flat food forced forget form found frame frank french fresh friendship from front full fully
further future game general gentle get getting giant girl girls give given gives glory goes going good got grace grand
grant great greatest growing grown had hair half hand hands happy hardly has have having head heart hearted hearts
heavy help her here high him himself his history hit hold holds home honest hop hope hopeful hot hour hours how human
if imagination imagine impossible in instead intelligence intended interest into is issues it its itself journey joy
just justice keep keeps kind king know knowledge knows lack lacks lady large last latest laugh laughter lead leads
least leave leaves length less let lets level like likely list little live lived lives living long look looking looks
lost loud love lovely low made magic main make makes making male man manner many mark marks master match matter may me
mean meaning means meditation members memory men merely middle might mildly mind minded minute minutes modest moral
most motion mouth move moving much must my mystery name natural nature near necessary need needs neither never new
next none nor not now odd of offer often old ones only or other others otherwise our out over own pace pack pair pale
parents part particular party passion past pay perfect period person piece pieces pile pitch place places plain plays
pleasant pleasing pleasure pleasures plot point points poor possible power powerful precious pretty price process
promise provide pure purpose put puts quality quick quickly quite rare rather raw re reach read reason red remains
remember rent resist respect rest rich ride road rock room runs sake same save saw say scene score season seat second
see seeing seem seems seen self sell sense serious served service set sets setting shallow share sharp she short shot
should show shows side sides sight simple since single sink sit sitting skill skin slight slow small smile so some
sometimes somewhat songs soon sort soul sound sounds sour south space special spectacle spent spirit spirits spy stage
stale stand star stars starts stay step still stirring stock stomach story straight strange strangely street strength
strong stuck study stuff subject subjects substance subtle successful such sum supposed sure sweet take taken takes
taking tale talking taste tell telling tells tender terms than that the their them theme themselves then there these
they thin thing things think thinking third this those though thought through time times tired title together told top
touch touching toward tribute trick triumph trouble truly truth try turn turned turning turns twice under understand
uneven until upon us use used utter value very view voice waiting walk want wants war warm wars was watch watching way
ways we weak wedding week weight welcome well were what where whether which while white whole whose why wide wife wild
wildly will wise wish wit with without witty woman women wonder wonderful word words work world worth worthy would
writing written year years yet you young your yourself
"""

CONFUSABLE_WORDS = tuple(_CONFUSABLE.split())
EVERYDAY_WORDS = tuple(_EVERYDAY.split())
COMMON_WORDS = tuple(_COMMON.split())
OTHER_WORDS = CONFUSABLE_WORDS + EVERYDAY_WORDS + COMMON_WORDS
