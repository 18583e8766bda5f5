"""Checks for residue: what generators, chat windows and template engines leave in a text by mistake.

Code is never searched, in blocks or inline, because an article about these things shows them there. Quotations are
somebody else's words and are not searched either.
"""

import re
from collections.abc import Collection, Iterator

from posts.content_checks.registry import Told, Unread, check
from posts.content_checks.text import PASSAGES, CheckedText, Spot, spot_of
from posts.rendering.blocks import Block
from posts.rendering.shown_syntax import said, shown_syntax

SHOWN = 80
# Languages whose phrases of chats and placeholders are known.
CHAT_LANGUAGES = ("en", "de", "fr", "es", "pt", "it", "nl", "ru", "zh", "ja")
# A fence with at least this share of a text contains the article.
WHOLE_SHARE = 0.8
_MARKDOWN = ("markdown", "md", "mdx", "mdown")
_UNNAMED = ("", "text", "txt", "plain", "plaintext")

# The tags of thoughts, and those around an answer for a program.
_THOUGHT_NAMES = (
    r"(?:think|thinking|thoughts?|thought_process|internal_thoughts?|reasoning|reflection|scratchpad|ant_?thinking|"
    r"(?:inner_)?monologue|analysis|planning|"
    r"(?:final_)?answer|ant_?artifact|tool_(?:call|response|result)s?|"
    r"function_(?:call|result)s?)"
)
_THOUGHTS = re.compile(
    # A tag at the beginning, one that ends a passage, or both with words between: not the bare name of a tag.
    rf"^\s*</?{_THOUGHT_NAMES}\b[^<>]{{0,100}}>|</{_THOUGHT_NAMES}\s*>\s*$"
    rf"|<{_THOUGHT_NAMES}\b[^<>]{{0,100}}>\s*(?:[^\s<>]+\s+){{3}}[^<>]{{0,5000}}</{_THOUGHT_NAMES}"
    # A marker within a sentence is spoken of.
    r"|(?:^|\n)\s*<\|[a-z_]{2,30}\|>|<\|[a-z_]{2,30}\|>\s*(?:\n|$)|^\s*(?:<s>)?\[/?INST\]|<</?SYS>>|◁/?think▷"
    r"|^\s*(?:Thinking(?:\.{3}|…)|(?:\.{3}|…)done thinking\.|(?:Thought|Reasoned) for (?:\d+|a few) (?:second"
    r"|minute)s?\.?)\s*$",
    re.IGNORECASE,
)
_SELF = r"(?:an AI|an artificial intelligence|a large language|a language|an LLM)"
_MODEL = r"(?: language)?(?: model| assistant| chatbot)?"
_OPENERS = r"(?:certainly|sure|sure thing|of course|absolutely|gladly|happy to help|great question)"
_WORKS = (
    r"(?:articles?|posts?|drafts?|versions?|texts?|summary|outline|tutorial|guide|rewrite|document|content|sections?)"
)
_SENTENCE = r"(?:^|(?<=[.!?:\]])\s+)"
_CHAT = re.compile(
    rf"\bas {_SELF}{_MODEL}(?: (?:developed|created|trained|made) by \w+)?,? (?:I\b|my\b|it(?:'s|’s| is) important)"
    rf"|\bI(?:'m|’m| am) (?:just |only |merely )?{_SELF}(?: language)? (?:model|assistant|chatbot)\b"
    r"|\bas of my (?:last|latest|most recent)? ?(?:knowledge|training)(?: data)? ?(?:update|cut-?off)\b"
    r"|\bmy (?:knowledge|training(?: data)?) cut-?off\b"
    r"|\bI (?:cannot|can(?:'|’)t|am unable to|do not have the ability to) "
    r"(?:browse the (?:internet|web)|access (?:real-time|external|the internet(?! (?:from|on|in|at|with|over"
    r"|through)\b)))\b"
    r"|\bI (?:do not|don(?:'|’)t) have access to real-time (?:data|information)\b"
    r"|\bI(?:'m|’m| am) sorry, but I (?:cannot|can(?:'|’)t) (?:assist|help|fulfil?l|provide|comply)\b"
    r"|\bI (?:cannot|can(?:'|’)t|am unable to|won(?:'|’)t) (?:fulfil?l|comply with|assist with|complete) (?:this"
    r"|that|your) request\b"
    rf"|{_SENTENCE}{_OPENERS}! "
    r"(?:Here(?:'s|’s| is| are)|Below|I(?:'ll|’ll| will| can|'ve|’ve| have)|Let(?:'s|’s| me| us))\b"
    rf"|{_SENTENCE}(?:{_OPENERS}, )?here(?:'s|’s| is) (?:the|a|an|your) "
    rf"(?:(?:revised|rewritten|requested|polished) ){{1,3}}{_WORKS}\b"
    rf"|{_SENTENCE}(?:{_OPENERS}, )?here(?:'s|’s| is) (?:the|a|an|your) (?:(?:updated|improved|edited) ){{1,3}}"
    r"(?:[\w-]+ )?(?:articles?|posts?|drafts?)\s*(?::|$|\n)"
    rf"|{_SENTENCE}here(?:'s|’s| is) your (?:[\w-]+ ){{0,3}}{_WORKS}\s*(?::|$|\n)"
    rf"|{_SENTENCE}(?:okay|ok|understood|got it|alright|no problem|noted)[,.!] here(?:'s|’s| is) (?:the|a|an|your) "
    rf"(?:[\w-]+ ){{0,4}}{_WORKS}\b"
    rf"|{_SENTENCE}(?:here(?:'s|’s| is)|below is) (?:the|a|an) (?:[\w-]+ ){{0,3}}{_WORKS}\b[^.!?\n]{{0,120}}"
    r"\b(?:as (?:you )?requested|you (?:asked|requested)|your (?:guidelines|requirements|request|instructions"
    r"|specifications))\b"
    r"|\bI(?:'d|’d| would) be (?:happy|glad|delighted) to (?:help|assist|write"
    r"|create)\b[^.!?\n]{0,60}[!.] (?:Here|Below|Let me)\b"
    r"|\bI hope this (?:article|post|guide|text|draft|version) meets your (?:requirements|expectations|needs)\b"
    r"|\(continued in (?:the |my )?next (?:message|response)\)"
    r"|\bif you(?:(?:'d|’d| would) like| want| wish| prefer),? I can (?:also )?"
    r"(?:create|write|add|provide|generate|expand|turn|make|adjust|rewrite)\b"
    r"|\blet me know if you(?:'d|’d| would) like any (?:modifications|changes|adjustments|edits|revisions)\b"
    r"|\bdo you want me to (?:add|write|create|expand|continue|rewrite|include|generate|adjust)\b"
    r"|\bshall I (?:continue|proceed)\b"
    rf"|{_SENTENCE}(?:{_OPENERS}, )?here(?:'s|’s| is) (?:the|a|an|your) (?:complete|full|final) (?:[\w-]+ )?"
    r"(?:article|post|draft|tutorial|rewrite)s?\b"
    rf"|{_SENTENCE}{_OPENERS}, here(?:'s|’s| is) (?:the|a|an|your) (?:[\w-]+ ){{0,4}}{_WORKS}\b"
    r"|\bwould you like me to \w+|\bis there anything else (?:I can|you(?:'d|’d| would) like)\b"
    r"|\blet me know if you(?:'d|’d| would)? (?:like|want|need) me to\b",
    re.IGNORECASE,
)
# The same in the languages that generators are asked for most: a model names itself, or hands over what it wrote.
_CHAT_ELSEWHERE = re.compile(
    r"\bals (?:ein |eine )?(?:KI|künstliche Intelligenz|Sprachmodell|KI-(?:Sprach)?modell|KI-Assistent)(?:-\w+)? "
    r"(?:kann|habe|bin|darf|verfüge) ich\b"
    r"|\ben tant (?:que|qu['’]) ?(?:une? )?(?:IA\b|intelligence artificielle|assistant IA|"
    r"modèle (?:de langage|linguistique))"
    r"|\bcomo (?:un |una |uma? )?(?:IA|inteligencia artificial|inteligência artificial|modelo de (?:lenguaje|linguagem)"
    r"(?: de IA)?|asistente de IA|assistente de IA)[, ]+(?:no|não|yo|eu)\b"
    r"|\bin quanto (?:IA\b|intelligenza artificiale|modello (?:di linguaggio|linguistico)|assistente IA)"
    r"|\bals (?:AI|taalmodel|AI-taalmodel|AI-assistent)(?:-\w+)? (?:kan|heb|ben) ik\b"
    r"|как (?:большая )?(?:языковая модель|ИИ|искусственный интеллект)[, ]+я\b"
    r"|作为(?:一个|一名)?(?:AI|人工智能|大型?)?(?:语言模型|助手)[，,]?我|我是(?:一个|一名)?(?:AI|人工智能)(?:语言模型|助手)"
    r"|(?:AI|大規模)?言語モデルとして[、,]?(?:私|わたし)|私はAI(?:アシスタント|言語モデル)"
    r"|AI 언어 모델로서"
    rf"|{_SENTENCE}(?:natürlich|gerne?|selbstverständlich|klar|sicher)! (?:hier (?:ist|sind|kommt)|im Folgenden)\b"
    rf"|{_SENTENCE}(?:bien sûr|certainement|avec plaisir|d['’]accord) ?! (?:voici|ci-dessous)\b"
    rf"|{_SENTENCE}¡?(?:claro|por supuesto|desde luego|con gusto)(?: que sí)?! "
    r"(?:aquí (?:tienes|está|te)|a continuación)\b"
    rf"|{_SENTENCE}(?:claro|com certeza|com prazer|certamente)! (?:aqui (?:está|estão|vai)|segue|a seguir)\b"
    rf"|{_SENTENCE}(?:certo|certamente|volentieri)! (?:ecco|di seguito)\b"
    rf"|{_SENTENCE}(?:natuurlijk|zeker|graag)! (?:hier (?:is|zijn)|hieronder)\b"
    r"|(?:^|(?<=\n))\s{0,3}(?:конечно|разумеется)! (?:вот|ниже)\b"
    r"|(?:^|(?<=[\n。！]))\s{0,3}(?:当然|好的|没问题)[！!，,]\s?(?:以下是|这是|下面是)"
    r"|(?:^|(?<=[\n。！]))\s{0,3}(?:もちろんです|承知しました|かしこまりました)[！!。、]\s?(?:以下|こちら)"
    r"|\b(?:soll ich|möchtest du, dass ich|möchten sie, dass ich|souhaitez-vous que je|voulez-vous que je|"
    r"¿quieres que|¿te gustaría que|gostaria que eu|vuoi che io) [^.?!\n]{3,120}\?\s*$",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\bI hope (?:this|that|it) helps\b|\blet me know if you (?:have any|need any|need more|want any)\b"
    r"|\bfeel free to (?:ask|reach out)\b",
    re.IGNORECASE,
)
_THINGS = (
    r"(?:links?|urls?|images?|pictures?|photos?|screenshots?|diagrams?|charts?|graphs?|figures?|tables?|videos?"
    r"|examples?|"
    r"names?|dates?|numbers?|details?|citations?|sources?|references?|quotes?|statistics?|code|snippets?|text|content|"
    r"headings?|titles?|sections?|paragraphs?|company|product|author)"
)
_PLACEHOLDER = re.compile(
    r"\[\s*insert [^\[\]\n]{2,200}\]"
    rf"|\[\s*(?:add|include|place|provide|replace|fill in|describe|put) [^\[\]\n]{{0,150}}?\b(?:here|{_THINGS})\b"
    r"[^\[\]\n]{0,100}\]"
    rf"|\[\s*{_THINGS}(?: [\w-]+){{0,3}} (?:here|goes here|needed|to come|tbd)\s*\]"
    r"|(?<!\w)\[\s*your[ _-][^\[\]\n]{2,60}\]|\[\s*(?:company|product|author|client|customer)(?:'s|’s)? name\s*\]"
    r"|\[(?:image|screenshot|diagram|photo|figure|chart|graph|illustration|video)(?: (?:description|placeholder"
    r"|suggestion))?: "
    r"[^\[\]\n]{3,200}\]"
    r"|\[link to [^\[\]\n]{2,100}\]|\(insert [^()\n]{2,60} here\)|(?<![\w-])(?:\$XX+\b|XX+ ?%)"
    r"|(?<![\w\]])(?-i:\[(?:URL|Date|Link|Your Name|City|Year|Source|Citation)\])(?![\w(\[:])"
    r"|\[object Object\](?! (?:in|is|as|when|instead|because|means|appears|string)\b)"
    r"|\[\s*placeholder\b[^\[\]\n]{0,100}\]"
    # The same in other languages: “insert …”, “… einfügen”, “your name”.
    r"|\[\s*(?:hier |bitte )?(?:einfügen|ergänzen|insérer|insérez|ajouter ici|insertar|inserte|inserir|insira|"
    r"inserisci|inserire|invoegen|вставьте|вставить)\b[^\[\]\n]{0,200}\]"
    r"|\[[^\[\]\n]{2,100} (?:hier |ici |aquí |aqui |qui )?(?:einfügen|einsetzen|à insérer|à compléter|invoegen)\s*\]"
    r"|\[\s*(?:ihr|dein|votre|ton|su|tu|seu|il tuo|uw|ваш[ае]?) (?:name|firma|unternehmen|nom|entreprise|nombre|"
    r"empresa|nome|azienda|naam|имя|компания)\s*\]"
    r"|[\[【［（](?:在此|此处|请)?(?:插入|填写|填入)[^\[\]【】\n]{0,60}[\]】］）]|[\[【［](?:ここに)[^\[\]【】\n]{0,60}[\]】］]",
    re.IGNORECASE,
)
_CITATION = re.compile(
    r"【\d{1,4}(?::\d{1,4})?†[^】]{0,80}】|:?contentReference\[oaicite:\d+\]|\boaicite:\d+|\ue200cite"
    r"|\[cite(?:_start|_end|: ?\d[\d, ]*)\]|\boai_citation:\d+|<grok:render\b|\bgrok_render_citation"
    r"|\[\d+†[^\[\]\n]{0,40}\]"
    r"|\[(?:attached_file|web|file|generated_image):\d+\]"
    r"|\bciteturn\d+\w+|\bturn\d+(?:search|view|news|fetch)\d+\b"
)
# In a list or quotation their markers come first; four spaces alone make indented code.
_FENCE = re.compile(r"(?! {4,}[`~])[ >\t*+\-\d.)]*(`{3,}|~{3,})")
_QUOTED = re.compile(
    r"""\"[^"\n]{1,300}"|“[^“”\n]{1,300}”|„[^„“”\n]{1,300}[“”]|«[^«»\n]{1,300}»|‘[^‘’\n]{1,300}’"""
    r"""|(?<!\w)'[^'\n]{1,300}'(?!\w)"""
)
WIKI_LINK = "a wiki link"
_MARKUP = (
    # A shell's test has a space there.
    (re.compile(r"(?<!!)\[\[(?![\s\[])[^\[\]\n]{1,200}\]\]"), WIKI_LINK),
    (re.compile(r"\[\^[^\[\]\s]{1,60}\]"), "a reference to a missing footnote"),
    (re.compile(r"\]\(https?://[^\s()]*(?=\s|$)"), "a link without its last bracket"),
    (re.compile(r"(?<!\S)\*\*[A-Za-z][^*\n]{2,}$", re.MULTILINE), "bold text without its end"),
    (re.compile(r"^#{2,6}[A-Za-z]", re.MULTILINE), "a heading without its space"),
    (re.compile(r"^\|(?:[^|\n]*\|){2,}[ \t]*\n\|(?:[^|\n]*\|){2,}", re.MULTILINE), "a table without its second line"),
    (re.compile(r"\\(?:textbf|textit|emph|section|subsection|cite)\{"), "a command of LaTeX"),
)


@check("residue-thoughts", "stops", version=2, inputs=PASSAGES)
def residue_thoughts(text: CheckedText) -> Iterator[Told]:
    """Yield a model's notes to itself, and the markers between its turns."""
    yield from told_of(
        text,
        _THOUGHTS,
        "The text contains what a model wrote for itself or for its program",
        "Delete this.",
        own_words=False,
    )


@check("residue-chat", "stops", version=3, inputs=[*PASSAGES, "language"])
def residue_chat(text: CheckedText) -> Iterator[Told]:
    """Yield sentences in which a model speaks of itself or to the person who asked it."""
    yield from _languages_alone(text, CHAT_LANGUAGES)
    says = "The text reads like a chat with a model"
    yield from told_of(text, _CHAT, says, "Delete or rewrite this.")
    yield from told_of(text, _CHAT_ELSEWHERE, says, "Delete or rewrite this.")


@check("residue-placeholder", "stops", version=3, inputs=[*PASSAGES, "language"])
def residue_placeholder(text: CheckedText) -> Iterator[Told]:
    """Yield places that somebody should have filled in."""
    yield from _languages_alone(text, CHAT_LANGUAGES)
    yield from told_of(text, _PLACEHOLDER, "A placeholder was not filled", "Write what belongs there, or delete it.")


@check("residue-citation", "stops", version=2, inputs=PASSAGES)
def residue_citation(text: CheckedText) -> Iterator[Told]:
    """Yield references that only the program that made them understands."""
    yield from told_of(text, _CITATION, "A reference is meaningless outside the chat", "Name the source, or delete it.")


@check("residue-whole-fence", "stops", inputs=["intro", "body"])
def residue_whole_fence(text: CheckedText) -> Iterator[Told]:
    """Yield an article that is one block of code as a whole, as chat windows offer it for copying."""
    for name in ("intro", "body"):
        blocks = [block for field, block in text.blocks if field == name]
        code = [block for block in blocks if _fence_of(block)]
        total = sum(len(block.text) for block in blocks)
        for block in code:
            is_most = len(block.text) >= WHOLE_SHARE * total
            # The first fence inside an article closes the outer one, and its last line opens another.
            is_torn = block is blocks[0] and block is not code[-1] and _is_open(blocks[-1])
            if (is_most or is_torn) and _is_article(block):
                yield (
                    f"The whole text is inside a code block (it begins with “{block.source[:20].strip()}”). "
                    "Delete the fence lines.".replace("\n", " "),
                    spot_of(name, block),
                )
                break


@check("residue-open-fence", "stops", inputs=["intro", "body"])
def residue_open_fence(text: CheckedText) -> Iterator[Told]:
    """Yield a block of code that is never closed, so that the rest of the text is shown as code."""
    for name in ("intro", "body"):
        last = next((block for field, block in reversed(text.blocks) if field == name), None)
        if last is not None and _is_open(last):
            opening = last.source.partition("\n")[0].strip()[:SHOWN]
            spot = spot_of(name, last)
            yield f"The code that begins with “{opening}” is never closed. Close it where the code ends.", spot


@check("residue-closing", "advises", inputs=[*PASSAGES, "language"])
def residue_closing(text: CheckedText) -> Iterator[Told]:
    """Yield endings that are usual in chats. People end articles like this too."""
    yield from _languages_alone(text, ("en",))
    yield from told_of(text, _CLOSING, "The text ends like a chat", "Delete it if no person wrote it.")


@check("residue-markup", "advises", version=2, inputs=PASSAGES)
def residue_markup(text: CheckedText) -> Iterator[Told]:
    """Yield markup that readers see as text."""
    for pointer, words, _ in text.passages:
        if found := shown_syntax(words):
            yield (
                f"This syntax is shown as text: {said(found)}. Write it as Markdown, or as code if readers should see "
                "it.",
                pointer,
                found.total(),
            )
    for field in ("intro", "body"):
        blocks = [block for name, block in text.blocks if name == field and block.left_out]
        if found := shown_syntax("\n".join(tag for block in blocks for tag in block.left_out)):
            spot = spot_of(field, blocks[0])
            yield f"This syntax is left out: {said(found)}. Check that the page says all.", spot, found.total()
    for pattern, name in _MARKUP:
        yield from told_of(
            text, pattern, f"Readers see {name}", "Write it as Markdown, or as code if readers should see it.", False
        )


def _languages_alone(text: CheckedText, known: Collection[str]) -> Iterator[Told]:
    """Yield an Unread if the text is in a language whose phrases are not searched for."""
    if not text.is_english and text.language not in known:
        names = "English phrases" if len(known) == 1 else "phrases of some languages"
        yield Unread(f"Not checked: this check knows only {names}, and the text is in another language.")


def told_of(
    text: CheckedText, pattern: re.Pattern[str], what: str, to_do: str, own_words: bool = True
) -> Iterator[Told]:
    """Yield one finding for each passage with a match of `pattern`: the first match in words, and their number.

    own_words: search only what the text says itself, without quotations.
    """
    for pointer, words, is_quoted in text.passages:
        if own_words:
            words = "" if is_quoted else _QUOTED.sub(" … ", words)
        if found := [match[0].strip() for match in pattern.finditer(words)]:
            shown = " ".join(found[0].split())
            shown = shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 1]}…"
            more = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
            yield f"{what} (“{shown}”{more}). {to_do}", Spot.of(pointer).with_words(found[0]), len(found)


def _is_open(block: Block) -> bool:
    """Return whether a fenced block has no closing line."""
    fence = _fence_of(block)
    if not fence:
        return False
    last = block.source.rpartition("\n")[2].strip(" >\t") if "\n" in block.source else ""
    return set(last) != {fence[0]} or len(last) < len(fence)


def _fence_of(block: Block) -> str:
    """Return the characters that open a block of code; "" for an indented block or any other."""
    match = _FENCE.match(block.source) if block.is_code else None
    return match[1] if match else ""


def _is_article(block: Block) -> bool:
    """Return whether a block of code contains an article in Markdown or HTML."""
    language = block.language.lower()
    if language in _MARKDOWN:
        return True
    if language in _UNNAMED:
        return bool(re.search(r"^#{1,6} \S", block.text, re.MULTILINE)) and bool(
            re.search(r"^\w.{60}", block.text, re.M)
        )
    return language == "html" and bool(re.search(r"<(?:h[1-6]|article)\b", block.text)) and "<p>" in block.text
