"""Sentences and headings that fit any problem: what connects the parts of an article.

Slots: {stack}, {Stack} (at the start of a sentence), {unit}, {noun}, {nouns}, {a_noun}, {place}, {phrase} (a verb in
its -ing form), {tail} (the scenario), {n} {days} {weeks} {share} (whole numbers), {weekday}, {metric} {before} {after}.
"""

NOUNS = (
    "booking",
    "claim",
    "contract",
    "donation",
    "invoice",
    "loan",
    "membership",
    "payout",
    "pledge",
    "purchase",
    "receipt",
    "refund",
    "rental",
    "subscription",
    "ticket",
    "transfer",
    "voucher",
    "reservation",
    "deposit",
    "permit",
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")

TITLES = (
    "{Phrase} in {stack}, {tail}",
    "{Stack} {tail}: {phrase}",
    "{Phrase}: what {weeks} weeks with {stack} taught us",
    "Notes on {phrase} in {stack}",
    "{Phrase} in {stack}: {metric} from {before} to {after}",
    "A second look at {phrase} in {stack}",
    "{Phrase} {tail}: an example from {stack}",
    "{Example}: {stack} {tail}",
    "{Example}, or {phrase} in {stack}",
    "How we went about {phrase} in {stack}",
    "{Phrase} for {count} {nouns} a day in {stack}",
    "{Stack}, {count} {nouns} a day, and {phrase}",
    "{Phrase}: a working plan for {stack}",
    "What {phrase} costs in {stack}, and what it saves",
    "{Phrase} in {stack}, step by step",
    "Questions about {phrase} in {stack}",
)

PROMISES = (
    "This page is about {phrase}: what we saw, what we changed, and the figures from before and after.",
    "What follows is the way we went about {phrase}, with the code and with the parts that did not work at once.",
    "Here is the whole of it, in the order in which we would do it again.",
    "It took {days} working days, {n} of them for finding out. The finding out is the longer part of this page.",
    "The change is small. How we know that it is right takes the rest of the page.",
    "None of it is new, and all of it was missing here.",
    "The code is short enough to be read in a minute; the reasons take a little longer.",
    "We write it down because the next team will ask, and because we will have forgotten by then.",
    "Whoever only needs the code will find it in the middle; the figures stand apart from it.",
    "The subject is {phrase}, and the example is {a_noun} on its way through {stack}.",
    "Below are the cause, the change, and what it brought.",
    "{Stack} are the example, but most of it would hold elsewhere.",
)

CAUSE_LEADS = (
    "It took {days} days to find out why. ",
    "The reason was found on a {weekday}, by reading and not by guessing. ",
    "Two explanations had to be ruled out first: the network and the last release. ",
    "We looked for something large, and it was something small. ",
    "A look at {n} cases, one after the other, showed the same picture each time. ",
    "Nobody had done anything wrong. ",
    "The cause is older than the symptom. ",
    "Once the question was put that way, the answer was near. ",
    "We drew the way of one {noun} on paper, and there it was. ",
    "The first guess was wrong, and it was cheap to find that out. ",
    "",
    "",
)

FACT_LEADS = (
    "One property of {stack} matters here. ",
    "Something about {stack} has to be said before. ",
    "It helps to remember how {unit} behaves. ",
    "This is where {stack} differ from what one is used to. ",
    "Much depends on {place}. ",
    "The manual says it in one line, and it is easily read over. ",
    "Whoever comes from elsewhere is surprised by this. ",
    "We had known it and not thought of it. ",
    "",
    "",
)
FACT_TAILS = (
    " It decided the order of the steps below.",
    " That ruled out the first plan.",
    " We had to work with it and not against it.",
    " A test now says so, in case somebody forgets.",
    " So the change had to begin there.",
    " It explains half of the figures below.",
    " It is worth a line in the runbook.",
    "",
    "",
)

LIMIT_LEADS = (
    "There was one condition. ",
    "What we were free to do was limited. ",
    "Not everything that would work was allowed. ",
    "Before the change, the rules. ",
    "Two quicker ways ended at this rule. ",
    "The surroundings set the terms. ",
    "",
)

CHANGE_LEADS = (
    "So the plan was short. ",
    "We settled on the following. ",
    "The change has one idea. ",
    "It fits into one sentence. ",
    "After {n} drafts this was left. ",
    "We began with the part that could be taken back most easily. ",
    "What we did is not clever, which is why we trust it. ",
    "The whole team could repeat the rule after a minute. ",
    "",
)
CHANGE_TAILS = (
    " It went in on a {weekday}, behind a setting.",
    " The review took longer than the writing.",
    " Everything else stayed as it was.",
    " The old way stayed beside it for {weeks} weeks.",
    " {n} files changed, and {days} tests were added.",
    " We tried it on {share} per cent of the {nouns} first.",
    " The part that took longest was naming it.",
    "",
)

CODE_LEADS = (
    "The heart of it fits on one screen.",
    "This is the part that does the work.",
    "Here it is, shortened by what only concerns us.",
    "In code it is less than in words.",
    "The names are ours; the shape can be copied.",
    "Read it once from the bottom to the top.",
    "The version that runs has more logging and nothing else besides.",
    "It is the third version; the first two were longer.",
)
CODE_TAILS = (
    "Names and limits are examples; choose your own from what you measure.",
    "It has run for {weeks} weeks now, and was changed once, for a comment.",
    "A colleague who had not seen it explained it back to us in two minutes.",
    "Whoever copies it should write a test beside it, and see the test fail once.",
    "It is dull to read. That was the aim.",
    "The first draft was twice as long and did less.",
    "What is told about {nouns} here holds for other records as well.",
    "We looked for a library first, and found that it would be longer than this.",
    "In the review {n} lines of it were discussed, and one was changed.",
    "It stands in one file, with the reason for each limit beside it.",
    "The version in use has our own names; otherwise it is the same.",
    "Try it with {n} {nouns} before you try it with all of them.",
)

PROBE_LEADS = (
    "Before and after the change we asked the same question:",
    "One command shows where one stands:",
    "Look first. This command changes nothing:",
    "The starting point is quickly recorded:",
    "We keep the output of this command with the change:",
    "If you want to know whether this concerns you, begin here:",
)
PROBE_TAILS = (
    "Keep the output; the comparison is worth more than the number.",
    "Run it {n} times; the first answer is often the exception.",
    "We ran it on a {weekday} at the busiest hour, since a quiet system hides everything.",
    "The output belongs into the ticket, with the date and the version.",
    "It should be boring. If it isn't, stop here and find out why.",
    "On a busy system, run it from another machine.",
)

MEASURE_LEADS = (
    "We compared {days} days before with {days} days after, at the same hours.",
    "The figures are from {count} {nouns}, half of them from before the change.",
    "All numbers come from one machine that did nothing else.",
    "Each figure is the middle of {n} runs; the spread was below {share} per cent.",
    "We wrote down what we expected before we measured. Two of the guesses were too hopeful.",
    "Both figures were taken under the same recorded traffic.",
    "The week before the change is compared with the week after it; neither had a holiday.",
    "It was measured on real {nouns}, copied and made anonymous.",
)
MEASURE_TAILS = (
    "We would have been content with half of that.",
    "The last figure surprised us, and was measured again on another day.",
    "Nobody outside the team noticed, except for the two who had complained.",
    "The price is one more thing to explain to newcomers.",
    "The middle value hardly moved; it was never the problem.",
    "What it costs: {share} per cent more work on writes, at a moment when there is time for it.",
    "A month later the figures still hold.",
    "We don't know how much of it is due to the season, and will look again in spring.",
    "That is enough; the next step would cost more than it brings.",
)
MEASURE_SENTENCES = (
    "The figure that counts is the {metric}: it went from {before} to {after}.",
    "Before the change the {metric} stood at {before}, and after it at {after}.",
    "{after} instead of {before}: that is the {metric} today.",
    "For the {metric} we had {before}, and have {after}.",
    "The {metric} fell from {before} to {after} within {days} days, and has stayed there.",
)

STEPS_LEADS = (
    "In order, and each with its own commit:",
    "This is the order in which we would do it again:",
    "The steps, each small enough for one afternoon:",
    "What was done, one thing after the other:",
    "The plan as it hung on the wall:",
)
# In the order of the work; an article takes some of them.
STEPS = (
    "Ask the owner of the {nouns} what would be worse: late or twice.",
    "Write down the {metric} of today, with the date and the command.",
    "Reproduce the failure in a test, with made-up {nouns}, and see it fail.",
    "Write the way back down before anybody needs it.",
    "Make the change for one kind of {noun} and leave the others alone.",
    "Let a second person read it without being told what it does.",
    "Break it on purpose in staging and see whether the alert names it.",
    "Run old and new beside each other for {days} days and compare.",
    "Switch it on for {share} per cent, on a {weekday} morning, with somebody watching.",
    "Show it to those who answer the telephone.",
    "Measure again, in the same way, and put both figures side by side.",
    "Take the old way out, with its settings and its tests.",
)

ROLLOUT = (
    "It went out on a {weekday} morning, to {share} per cent first, and to everyone {days} days later.",
    "For {days} days the new way only watched: it computed its answer, compared it with the old one and threw it away.",
    "We switched it on in the smallest place first, since a mistake there costs a telephone call.",
    "The rollout took {days} days, most of them waiting.",
    "Two people watched the first hour, and the second of them had nothing to do with the change.",
    "There was one surprise: {n} {nouns} from an old import took the path that nobody had thought of.",
    "The owner of the change wrote down beforehand which figure means going back. It was not needed.",
    "Support knew the day and the words. {n} questions came, all on the first day.",
    "On the second day we found {n} {nouns} that were counted twice, by our own script and not by the change.",
    "We kept the old graph beside the new one until nobody looked at it any more.",
    "The release before it had been quiet for a week; two changes at once explain nothing.",
    "The first day brought {n} questions from colleagues and none from customers.",
)

BACK_TAILS = (
    "Going back was tried on the first evening, on purpose, and took {n} minutes.",
    "The owner of the change decides, alone and without a meeting.",
    "The figure that means going back is the {metric}: above {before} nobody has to ask.",
    "It stands in the runbook, with the name of the owner, and was read aloud once.",
    "What is lost by that is what the last {n} minutes wrote, and it is listed.",
    "Nobody has needed it so far; it is tried every {weeks} weeks all the same.",
    "The expected result and its owner stand beside it, so that the decision has a measure.",
    "Two people know how, and the page is written for a third.",
)

SECOND_FACT_LEADS = (
    "The other thing to know is older than this case. ",
    "A second property is worth a warning. ",
    "And while we are at it: a trap for newcomers. ",
    "There is more of this kind. ",
    "",
)

REMAINS = (
    "One thing is open: {nouns} from before the change are still as they were.",
    "It does not help when the mistake is in the data itself; that is another page.",
    "We have not tried it with ten times the {nouns}, and don't claim anything about that.",
    "There is one case that we leave to a person, about {n} times a month.",
    "If the load doubles, the first thing to look at again is {place}.",
    "The next version of the tool may do this by itself. Then this page can go, and so can the code.",
    "We would begin with the measurement, and leave out the {n} days of discussion before it.",
    "A small doubt remains about leap days, and there is a test with that name.",
    "The same mistake exists in two older programs. They have owners now, and dates.",
    "Whoever changes this should read the history of the file first; it is short.",
    "After the summer we will look whether anyone still needs the setting.",
    "What we did not do: rewrite it. The old code is good, and was missing one thing.",
    "The figures are ours; measure your own before you believe them.",
    "If you only do one of these things, do the measuring.",
)

ENDINGS = (
    "Keep the owner, the expected result and the way back in one place; ours stand at the top of the change.",
    "The best sign is that nobody talks about {nouns} at lunch any more.",
    "It is a small change that a second person can read, repeat and take back.",
    "We will know in a year whether it was worth it. So far it is.",
    "The page will be read again in six months, by somebody else, with the figures beside it.",
    "If something here is wrong, the code is right and the page has to be mended.",
    "That is all. The rest is in the tests.",
    "What stays is a habit: first the figure, then the change, then the figure again.",
    "The work was done by three people, and the best idea came from the fourth.",
    "Nothing of it needs a new tool; it needed an afternoon and a reason.",
)

# {tools} is a list such as "Ruff, pytest and Git".
TOOLS = (
    "What we used: {tools}.",
    "The tools for it are {tools}; nothing had to be installed.",
    "For all of this {tools} were enough.",
    "We had {tools} already, and added nothing.",
    "It was built and checked with {tools}.",
    "In the order of their use, the tools were {tools}.",
)

LOGGED = (
    "Each time it happens one event is written:",
    "A single event shows what one needs to see:",
    "This is what it leaves in the log, as one line, broken here for reading:",
    "An event of the first day, with the names changed:",
)

PARTS = (
    "Some knowledge of {part} is taken for granted.",
    "Readers are expected to have met {part} before.",
    "What is said here assumes {part}, and explains it no further.",
    "A newcomer should read about {part} first.",
    "The manual explains {part} better than we could.",
    "How {part} works is left to the manual.",
)

# The name of the log event, by family.
EVENTS = {
    "retry": "budget_spent",
    "batch": "chunk_done",
    "query": "slow_query",
    "migration": "step_done",
    "cache": "filled",
    "logs": "request_done",
    "config": "setting_refused",
    "input": "row_refused",
    "load": "refused_when_full",
    "release": "drained",
    "tests": "run_done",
    "backup": "restore_compared",
    "access": "denied",
}

TIMELINE_LEADS = (
    "The evening, as far as it can be put together afterwards:",
    "From the log, in local time:",
    "What happened, to the minute:",
)
TIMELINE = (
    ("a first {noun} is late, and nobody notices", "a customer asks about {a_noun}, politely"),
    ("the {metric} reaches {before}", "the graph leaves the picture: {before}"),
    ("the pager rings, with the wrong alert", "somebody looks at the graph by chance"),
    ("the last release is taken back, which changes nothing", "a restart helps for {n} minutes"),
    ("the cause is named for the first time, as a joke", "two people read the same line aloud"),
    ("a setting is changed by hand, and it gets better", "the half of the work that can wait is switched off"),
    ("all is quiet, and somebody writes this list", "the last waiting {noun} is done"),
)

HEADINGS = {
    "symptom": ("What one sees", "The symptom", "How it shows", "What was wrong", "The complaint", "A slow {weekday}"),
    "cause": ("Where it comes from", "The cause", "Why it happens", "What was behind it", "Reading instead of guessing"),
    "facts": ("What {stack} do by themselves", "A property to know", "How {unit} behaves", "Background"),
    "limit": ("What was not allowed", "The conditions", "Terms of the change", "The frame"),
    "change": ("The change", "What we did", "The rule that we follow now", "What to do", "A small change", "The plan"),
    "probe": ("Where one stands", "Looking first", "The starting point", "Before anything is changed"),
    "measure": ("Before and after", "What it brought", "The figures", "Measured", "Does it help?"),
    "steps": ("Step by step", "The order of work", "In small steps", "How to go about it"),
    "pitfalls": ("What can go wrong", "Traps", "Where we stumbled", "Easily overlooked", "Mistakes that we made"),
    "options": ("What we did not do", "Other ways", "Considered and left", "Why not something else?"),
    "questions": ("Questions that came up", "Asked in the review", "Questions and answers", "What people asked"),
    "rollout": ("How it went out", "The rollout", "Into production", "Switching it on"),
    "back": ("The way back", "If it has to be undone", "Going back", "Owner, result, way back"),
    "logged": ("What the log says", "The event", "One line of log", "How to see it working"),
    "timeline": ("The timeline", "One evening", "What happened", "Minute by minute"),
    "checklist": ("Checklist", "To tick off", "Before you call it done", "The list", "Ten minutes before the release"),
    "remains": ("What remains", "Open ends", "Limits", "What we would do differently", "In half a year"),
}  # fmt: skip

SUMMARIES = (
    "{Phrase} in {stack}: the cause, a change with its code, and figures from before and after.",
    "How {phrase} was done in {stack} {tail}. The {metric} went from {before} to {after}.",
    "An article on {phrase}, told with {nouns} as the example: symptom, cause, code, measurement and a checklist.",
    "{Stack} {tail}: why {phrase} was needed, what was changed, and what it brought.",
    "A report on {phrase}. It names the cause, what was changed, what was measured, and what is still open.",
)
BRIEFS = (
    "Written by a machine as a careful engineering note: one problem, one change, and its figures. The figures illustrate the method and come from no real system.",
    "A machine wrote this from a stack, a problem and a scenario. It should read like a colleague's report and promises no cure for every case.",
    "The text names a symptom, a cause and a change with code, and keeps to what can be checked. Names, dates and figures are made up.",
    "Generated as a practical article for people who run {stack}. The example of {nouns} is invented; the code is meant to be correct for its subject.",
)
NOTES = (
    "The figures are made up by the synthesizer and describe no real system.",
    "The view count is synthetic and says nothing about readers.",
    "The text was generated for trying out import, review and reading; a person should read it before it is indexed.",
    "Pictures are stock photographs or plates with text; none of them shows the system of the article.",
    "The code was written about one kind of record and is told here about {nouns}.",
    "Scores are the generator's own and were given before anybody read the text.",
)

# Known photographs: id, and what they show.
PHOTOS = (
    ("1555066931-4365d14bab8c", "lines of code on a dark screen"),
    ("1498050108023-c5249f4df085", "a laptop with code on a desk"),
    ("1515879218367-8466d910aaa4", "source code in an editor"),
    ("1518770660439-4636190af475", "a circuit board seen from close by"),
    ("1461749280684-dccba630e2f6", "a monitor that shows a program"),
    ("1504639725590-34d0984388bd", "a page of code in many colours"),
    ("1517694712202-14dd9538aa97", "an open laptop on a table"),
    ("1542831371-29b0f74f9713", "markup on a screen"),
    ("1487058792275-0ad4aaf24ca7", "code on a screen in the dark"),
    ("1558494949-ef010cbdcc31", "cables in a rack of servers"),
    ("1451187580459-43490279c0fa", "the lights of a continent at night"),
    ("1544197150-b99a580bb7a8", "network cables in a patch panel"),
)
PHOTO_CAPTIONS = (
    "Stock photograph: {seen}. The {nouns} of this article are made up.",
    "{Seen}, as a picture for the part about {phrase}.",
    "A photograph of {seen}, and of nothing that we run.",
    "Where {unit} begins: {seen} (stock photograph).",
    "{Seen}. Nothing of it shows our own machines.",
)
FLICKR_POOLS = (
    ("code,developer", "people who write software"),
    ("server,datacenter", "machines in a data centre"),
    ("keyboard,desk", "a desk with a keyboard"),
    ("network,cable", "network equipment"),
    ("whiteboard,meeting", "a meeting at a whiteboard"),
    ("notebook,pencil", "a notebook and a pencil"),
)
FLICKR_CAPTIONS = (
    "A picture by chance, on the subject of {seen}.",
    "{Seen}: a picture that changes with its number, and not with the text.",
    "On {phrase}: {seen}, from a public pool of photographs.",
)
PLACEHOLDER_CAPTIONS = (
    "The {metric} in two numbers: {before} before, {after} after.",
    "{before} before the change and {after} after it: the {metric}.",
    "The figure to remember: the {metric} went from {before} to {after}.",
)
RULE_CAPTIONS = (
    "The rule in one line: {action}.",
    "What to remember of {phrase}: {action}.",
    "In short: {action}.",
)
