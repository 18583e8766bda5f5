"""Names of the languages of code: what an author writes behind a fence, what Pygments reads, what readers see.

Known are all names, aliases and file endings of Pygments (https://pygments.org/languages/) and of GitHub
(https://github.com/github-linguist/linguist, `languages.yml`).
"""

import re
from functools import lru_cache

from pygments.lexers import get_all_lexers

# A generator's name for a language, Pygments' name for the nearest one, and what readers see.
_GENERATORS = {
    "jsonc": ("json5", "JSON with comments"),
    "dotenv": ("bash", ".env"),
    "env": ("bash", ".env"),
    "svelte": ("html", "Svelte"),
    "astro": ("html", "Astro"),
    "mdx": ("markdown", "MDX"),
    "golang": ("go", "Go"),
    "node": ("javascript", "JavaScript"),
    "nodejs": ("javascript", "JavaScript"),
    "mjs": ("javascript", "JavaScript"),
    "cjs": ("javascript", "JavaScript"),
    "hcl": ("terraform", "HCL"),
    "proto": ("protobuf", "Protocol Buffers"),
    "shellscript": ("bash", "Shell"),
    "zsh": ("bash", "Zsh"),
    "gql": ("graphql", "GraphQL"),
    "csharp": ("c#", "C#"),
    "njk": ("jinja", "Nunjucks"),
    "nunjucks": ("jinja", "Nunjucks"),
    "liquid": ("liquid", "Liquid"),
    "hbs": ("html", "Handlebars"),
    "go-html-template": ("html", "Go template"),
    "go-text-template": ("text", "Go template"),
    "gotmpl": ("html", "Go template"),
    "gohtml": ("html", "Go template"),
    "shell-session": ("console", "Console"),
    "cmd": ("batch", "Batch"),
    "vim": ("vim", "Vim script"),
    "r": ("r", "R"),
    "splus": ("splus", "S"),
    "octave": ("octave", "Octave"),
    "starlark": ("python", "Starlark"),
    "bazel": ("python", "Starlark"),
    "objectivec": ("objective-c", "Objective-C"),
    "latex": ("latex", "LaTeX"),
    "plain": ("text", "Text"),
    "plaintext": ("text", "Text"),
    "txt": ("text", "Text"),
    "none": ("text", ""),
    "log": ("text", "Log"),
}
# Pygments' names that readers would not recognise.
_SAID = {
    "Bash Session": "Console",
    "Batchfile": "Batch",
    "Delphi": "Pascal",
    "Desktop file": "Desktop entry",
    "EmacsLisp": "Emacs Lisp",
    "GAS": "Assembly",
    "Java Server Page": "Java Server Pages",
    "LessCss": "Less",
    "NASM": "Assembly",
    "Nginx configuration file": "nginx",
    "Nimrod": "Nim",
    "Perl6": "Raku",
    "PostgreSQL SQL dialect": "PostgreSQL",
    "PostgreSQL console (psql)": "psql",
    "Protocol Buffer": "Protocol Buffers",
    "Python Traceback": "Python traceback",
    "Python console session": "Python console",
    "RHTML": "HTML+ERB",
    "S": "R",
    "Text only": "Text",
    "Text output": "Output",
    "VB.net": "Visual Basic .NET",
    "VimL": "Vim script",
    "WebGPU Shading Language": "WGSL",
    "sqlite3con": "SQLite console",
    "verilog": "Verilog",
    "vhdl": "VHDL",
}
# Those of GitHub that Pygments does not know: the name, then other ways to write it. The name itself, in lower case and
# with hyphens, is one unless a hyphen stands behind it.
_OF_GITHUB = """
    1C Enterprise|bsl; 2-Dimensional Array|2da; 4D|4dm; ABAP CDS|asddls; Adblock Filter List|adblock; Adobe Font
    Metrics|acfm|amfm|afm; AGS Script|ags; AIDL; Aiken|ak; AL; Aleo; ALGOL; Alpine Abuild|abuild|apkbuild; Altium
    Designer|altium|outjob; AngelScript; Answer Set Programming|lp; Ant Build System; Antlers|antlers.html; ANTLR|-|g4;
    Apex; API Blueprint|apib; Apollo Guidance Computer|agc; AppleScript|-|apples|osascript; Arc; AsciiDoc; ASL;
    ASN.1|asn; ASP.NET; Assembly; Astro; ATS|ats2|dats; AutoIt|-|autoit3|autoitscript; Avro IDL|avdl; B (Formal
    Method)|-|mch; B4X; Ballerina|bal; BAML; Batchfile; Beef; BibTeX Style; Bicep; Bikeshed|bs; BIRD2|bird|bird3; Bison;
    Blade; BlitzBasic|-|blitz3d|blitzplus; Bluespec|bsv; Bluespec BH|bh; BrighterScript; Brightscript|brs; Browserslist;
    Bru; BuildStream; C#|-|cake|cakescript; C2hs Haskell|c2hs|chs; C3; Cabal Config|cabal; Cadence|cdc; Cairo; Cairo
    Zero; CameLIGO|mligo; Cangjie|cj; CAP CDS|cds; CartoCSS|carto|mss; Charity|ch;
    Checksums|checksum|hash|hashes|sum|sums|crc32; ChucK|ck; CIL; Circom; Clarion|clw; Clarity|clar; Classic ASP|asp;
    Click; CLIPS|clp; Closure Templates|soy; Cloud Firestore Security Rules; Clue; CODEOWNERS; ColdFusion; ColdFusion
    CFC; COLLADA|dae; Common Workflow Language|cwl; Component Pascal; CoNLL-U|conll|conll-x|conllu; Cooklang|cook; Cool;
    Cpp-ObjDump|-|cppobjdump; CQL; Creole; crontab|cron; CSON; CSV; CUE; Cue Sheet; cURL Config|curlrc; Curry; CWeb|w;
    Cycript|cy; Cylc; D|-|dlang; D2|d2lang; Dafny|dfy; Darcs Patch; Daslang|das; DataWeave|dwl; Debian Package Control
    File|dsc; DenizenScript; Dhall; DIGITAL Command Language|com; dircolors; DirectX 3D File; DM|byond; DNS Zone;
    Dockerfile|-|containerfile; Dogescript|djs; Dotenv|env; DTrace|dtrace-script; Dune; E-mail|mail|mbox; Eagle|sch;
    Earthly|earthfile; Easybuild|eb; Ecere Projects|epj; ECLiPSe; Ecmarkup|ecmarkdown; Edge; EdgeQL|esdl;
    EditorConfig|editor-config; Edje Data Collection|edc; edn; EJS; Elvish|elv; Elvish Transcript; Emacs
    Lisp|-|cask|eask; EmberScript|em; EQ; Euphoria; F*; Fantom; Faust|dsp; FIGlet Font|figfont|flf; Filebench WML;
    Filterscript; FIRRTL|fir; FlatBuffers|fbs; Flix; Fluent|ftl; FLUX|fx; Formatted|for; Forth|-|fth; Fortran Free Form;
    FPP; FreeBASIC|fb|bi; FreeMarker; Frege|fr; G-code; Game Maker Language|gml; GAML; GAMS|gms; GCC Machine
    Description; GDB; GDShader; GEDCOM|ged; Gemfile.lock; Gemini|gemtext|gmi; Genero 4gl|4gl; Genero per|per; Genie;
    Gentoo Ebuild; Gentoo Eclass; Gerber Image|rs-274x|gbr; Gettext Catalog; Git Attributes|gitattributes; Git
    Commit|commit; Git Config|gitconfig|gitmodules; Git Revision List; Glimmer JS|gjs; Glimmer TS|gts; Glyph|glf; Glyph
    Bitmap Distribution Format|bdf; GN; Gno|gnolang; Gnuplot|-|gp; Go Checksums|go.sum|go.work.sum; Go Module|go.mod; Go
    Template|gotmpl|gohtml; Go Workspace|go.work; Godot Resource|gdnlib; Grace; Gradle Kotlin DSL|gradle.kts;
    Grammatical Framework|gf; Graph Modeling Language; Groovy Server Pages; GSC; GtkRC|gtk; Hack; Handlebars|-|htmlbars;
    HAProxy; Harbour|hb; HCL|-|opentofu; HIP; HiveQL; HOCON; HolyC|hc; hoon; Hosts File|hosts; HTML+ECR|ecr;
    HTML+EEX|heex|html.eex; HTML+Razor|razor|cshtml; Hurl; HyPhy; iCalendar|ical|ics; Ignore
    List|ignore|gitignore|git-ignore; IGOR Pro; IL Assembly|ilasm|msil|il; ImageJ Macro|ijm; Imba; ImHex Pattern
    Language|imhex|imhexpatternlanguage|imhexpl|hexpat; Inform 7; INI|-|conf; Ink; Inno Setup|iss; IRC log|irclog;
    Isabelle ROOT; ISPC; Jac; Jai; JAR Manifest; JASS|jass2; Java Properties; Java Server Pages; Java Template
    Engine|jte; JavaScript|-|node; JavaScript+ERB|-|js.erb; Jest Snapshot|snap; JetBrains MPS|mps; JFlex|flex; Jison;
    Jison Lex|jisonlex; Jolie|ol; jq; JSON|-|geojson|sarif|topojson; JSON with Comments|jsonc; JSONiq; Jupyter
    Notebook|ipynb; Just|justfile; Kaitai Struct|ksy; KakouneScript|kak|kakscript; KCL; KDL; KerboScript|ks; KFramework;
    KiCad Layout|pcbnew|kicad_pcb; KiCad Legacy Layout|brd; KiCad Schematic|kicad_sch; Kickstart; Kit; KoLmafia ASH|ash;
    KRL; Kusto|-|csl; kvlang|kv; LabVIEW|lvproj; Lambdapi; Langium; Lark; Latte; Lean 4; Leo; Less|-|less-css; Lex|l;
    LFE; LigoLANG|ligo; Linear Programming; Linker Script|ld; Linux Kernel Module; Liquidsoap|liq; Literate
    CoffeeScript|litcoffee; LiveCode Script|livecodescript; Lobster; LOLCODE|lol; LookML|lkml; LoomScript; LTspice
    Symbol; M|-|mumps; M3U; M4; M4Sugar|autoconf; Markdown|-|pandoc; Marko|markojs; Mathematical Programming System;
    Maven POM; Max|-|maxmsp|maxpat; MAXScript; mdsvex|svx; MDX; Mercury; Mermaid|mmd; Metal; MeTTa; Microsoft Developer
    Studio Project; Microsoft Visual Studio Solution|sln; MiniYAML; MiniZinc|mzn; MiniZinc Data|dzn; Mint; Mirah|druby;
    mIRC Script|mrc; MLIR; Modula-2; Modula-3|i3; Module Management System|mms; Monkey C; MoonBit|mbt; Motoko; Motorola
    68K Assembly|m68k; Move; MTML; MUF; Muse|amusewiki; Mustache; nanorc; Nasal|nas; NASL; Nearley|ne; NEON|ne-on;
    NetLinx|axs; NetLinx+ERB|axs.erb; NetLogo|nlogo; Nextflow|nf; Nickel; Ninja; NMODL; Noir|nargo|nr; NPM Config|npmrc;
    Nu|nush; Nunjucks|njk; Nushell|nu-script|nushell-script; NWScript|nss; OASv2-json; OASv2-yaml; OASv3-json;
    OASv3-yaml; Oberon|ob2; Object Data Instance Notation; ObjectScript; Odin|-|odinlang|odin-lang; Omgrofl; OMNeT++
    MSG|omnetpp-msg|msg; OMNeT++ NED|omnetpp-ned|ned; Opal; Open Policy Agent; OpenAPI Specification v2|oasv2; OpenAPI
    Specification v3|oasv3; OpenCL; OpenEdge ABL; OpenQASM|qasm; OpenRC runscript; OpenStep Property List|plist;
    OpenType Feature File|afdko|fea; Option List|opts|ackrc; OverpassQL; OverPy|opy; Ox; Oxygene; Oz; P4; Pact; Papyrus;
    Parrot; Parrot Assembly|pasm; Parrot Internal Representation|pir; PEG.js|pegjs; Pep8|pep; Perl|-|cperl; Pic|pikchr;
    Pickle|pkl; PicoLisp; PigLatin; Pip Requirements; pkg-config|pkgconf; PlantUML|puml; PLpgSQL|-|pgsql; PLSQL|pls;
    Pod; Pod 6; PogoScript|pogo; Polar; Portugol|-|por; PostCSS|pcss; POV-Ray SDL|pov-ray|povray; Power
    Query|powerquery|pq; PowerBuilder|pbt; Prisma; Pro*C; Processing|pde; Proguard; Propeller Spin|spin; Protocol
    Buffer; Protocol Buffer Text Format|textproto; Public Key; Pure Data|pd; PureBasic|pb; Pyret|arr; Python|-|rusthon;
    Python traceback; Q#|qsharp|qs; QMake; Qt Script; Quake; QuakeC|qc; QuickBASIC|qb|qb64; Quint|qnt; R|-|rscript;
    Raku|-|perl-6; RAML; Rascal|rsc; RAScript; Raw token data|raw; RBS; RDoc; Readline Config|inputrc|readline;
    REALbasic|rbbas; ReasonLIGO|religo; Record Jar; Redirect Rules|redirects; Redscript; Regular
    Expression|regexp|regex; Ren'Py|-|renpy|rpy; RenderScript; ReScript|res; Rez; Rich Text Format|rtf; Ring; Riot;
    RMarkdown|qmd; Robots Exclusion Rules|robots|robotx.txt; Roc; Roff|manpage|man-page|mdoc|troff; Roff Manpage|1; RON;
    ROS Interface|rosmsg; Rouge|rg; RouterOS Script; RPC|rpcgen|oncrpc|xdr; RPGLE|sqlrpgle; RPM Spec|specfile;
    Ruby|-|jruby|macruby; RUNOFF|rnh; Sail; Salt|-|saltstack|saltstate; Scenic; Self; SELinux Policy|sepolicy|te;
    ShaderLab|shader; Shell|-|shell-script|envrc; ShellCheck Config|shellcheckrc; ShellSession; Simple File
    Verification|sfv; Slang; Slice|-|ice; Slint; SmPL|coccinelle|cocci; SMT|smt2; Snakemake|snakefile|smk;
    SourcePawn|sourcemod; SpiceDB Schema|zed; Spline Font Database|sfd; SQF; SQLPL; Squirrel|nut; SRecode Template|srt;
    SSH Config|sshconfig|sshdconfig|ssh_config|sshd_config; Standard ML; STAR; STL|stla; STON; StringTemplate;
    Stylus|styl; SubRip Text; SugarSS|sss; SurrealQL|surql; Survex data; Svelte; Sway|sw; Sweave|rnw; Talon; Tape|vhs;
    Tcl|-|sdc|xdc; Teal|-|tl; templ; Terra; Terraform Template|tftpl; Texinfo; Text|-|fundamental; TextGrid; Textile;
    TextMate Properties|tm-properties; TI Program|8xp; TL-Verilog|tlv; TLA; TMDL; Toit; Tolk; Tor Config|torrc;
    Tree-sitter Query|tsq; TSPLIB data|tsp; TSV; TSX|-|typescriptreact; Turing; TXL; Type Language; TypeSpec;
    ucode|-|uc; Unified Parallel C|upc; Unity3D Asset|anim; Unix Assembly; Uno; UnrealScript; Untyped Plutus Core|uplc;
    UrWeb|ur; V|-|vlang; Valve Data Format|keyvalues|vdf; VBA; vCard|vcf; Velocity Template Language|vtl; Vento|vto;
    Verse; Vim Help File|help|vimhelp; Vim script|viml|nvim|vimscript; Vim
    Snippet|snipmate|ultisnip|ultisnips|neosnippet|snip; Visual Basic .NET; Visual Basic 6.0|vb6; Volt; Wavefront
    Material|mtl; Wavefront Object|obj; WDL; Web Ontology Language|owl; WebAssembly|wasm; WebAssembly Interface
    Type|wit; WebVTT|vtt; Wget Config|wgetrc; Wikitext|-|wiki; Win32 Message File; Windows Registry Entries; wisp;
    Witcher Script|ws; Wolfram Language; Wollok|wlk; World of Warcraft Addon Data; Wren|-|wrenlang; X BitMap|xbm; X Font
    Directory Index; X PixMap|xpm; xBase|-|advpl; XCompose; Xmake; XML Property List; Xojo|xojo_code; Xonsh|xsh;
    XPages|xsp-config; XProc; XS; Yacc|y; YASnippet|snippet|yas; Yul; ZAP; ZenScript|zs; ZIL; Zimpl; Zmodel
"""
_MAX = 40


@lru_cache(maxsize=500)
def language_names(written: str) -> tuple[str, str]:
    """Return (Pygments' alias or "", name that readers see) of a language as an author writes it, in lower case."""
    if written in _GENERATORS:
        return _GENERATORS[written]
    aliases, endings, of_github = _tables()
    for table in (aliases, of_github, endings):
        if written in table:
            return table[written]
    return "", written[:_MAX]


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, tuple[str, str]], ...]:
    aliases: dict[str, tuple[str, str]] = {}
    endings: dict[str, tuple[str, str]] = {}
    for name, own, patterns, _ in get_all_lexers(plugins=False):
        if not own:
            continue
        said = (own[0], _SAID.get(name, name))
        for alias in own:
            aliases.setdefault(alias.lower(), said)
        for pattern in patterns:
            if ending := re.fullmatch(r"\*\.([\w+#-]+)", pattern):
                endings.setdefault(ending[1].lower(), said)
    of_github = {}
    for line in " ".join(_OF_GITHUB.split()).split("; "):
        name, *others = line.split("|")
        for written in others if others[:1] == ["-"] else [name.lower().replace(" ", "-"), *others]:
            of_github[written] = ("", name)
    return aliases, endings, of_github
