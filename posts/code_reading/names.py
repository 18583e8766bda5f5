"""Which packages a block of code imports or installs, by registry. Only the text is read; no parser is needed.

The standard libraries, relative imports and names that stand for the reader's own code are left out.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterator

# A text that names more is cut off here.
MAX_NAMES = 100
_PYTHON_IMPORT = re.compile(
    r"^[ \t]*(?:>>> |\.\.\. )?(?:from[ \t]+([A-Za-z_][\w.]{0,100})[ \t]+import\b|import ([A-Za-z_][\w., ]{0,200}))",
    re.MULTILINE,
)
_SCRIPT_IMPORT = re.compile(
    r"^[ \t]*(?:import|export)\b[^'\"\n;]{0,300}?(?:from[ \t]*)?['\"]([^'\"\n]{1,214})['\"]"
    r"|^[ \t]*\}[ \t]*from[ \t]*['\"]([^'\"\n]{1,214})['\"]"
    r"|\b(?:require|import)\([ \t]*['\"]([^'\"\n]{1,214})['\"][ \t]*\)",
    re.MULTILINE,
)
_GO_IMPORTS = re.compile(
    r"^[ \t]*import[ \t]*\(([^)]{0,5000})\)|^[ \t]*import[ \t]+(?:[\w.]+[ \t]+)?\"([^\"\n]{1,300})\"", re.MULTILINE
)
_GO_PATH = re.compile(r"^[ \t]*(?:[\w.]+[ \t]+)?\"([^\"\n]{1,300})\"", re.MULTILINE)
_RUST_USE = re.compile(r"^[ \t]*(?:# )?(?:pub )?(?:use (?:::)?([a-z]\w{0,63})::|extern crate (\w{1,64}))", re.MULTILINE)
_RUST_OWN = re.compile(r"\b(?:mod|fn|enum|struct|trait|crate) (\w{1,64})")
_INSTALLS = re.compile(
    r"(?:^|[;&|(`]|\bRUN|\bsudo|\$)[ \t]*(?:sudo[ \t]+(?:-\w+[ \t]+)?)?"
    r"((?:python[\d.]*[ \t]+-m[ \t]+|py[ \t]+-m[ \t]+|uv[ \t]+)?pip[\d.]*[ \t]+install|(?:uv|poetry|pdm)[ \t]+add"
    r"|pipx[ \t]+install|npm[ \t]+(?:install|i|add)|yarn[ \t]+(?:global[ \t]+)?add"
    r"|pnpm[ \t]+(?:add|install|i)|bun[ \t]+(?:add|install)"
    r"|cargo[ \t]+(?:add|install)|go[ \t]+(?:get|install)|gem[ \t]+install|bundle[ \t]+add)[ \t]+([^\n;&|#`]{1,500})",
    re.MULTILINE,
)
_REGISTRY_OF = {
    "pip": "pypi", "uv": "pypi", "poetry": "pypi", "pdm": "pypi", "pipx": "pypi", "python": "pypi", "py": "pypi",
    "npm": "npm", "yarn": "npm", "pnpm": "npm", "bun": "npm",
    "cargo": "crates", "go": "go", "gem": "gems", "bundle": "gems",
}  # fmt: skip
# Options whose next word is no package.
_WITH_VALUE = frozenset(
    """-r --requirement -c --constraint -i --index-url --extra-index-url -f --find-links -t --target --prefix --root -e
    --editable --registry --group --git --branch --tag --rev --path --features -F --version -v -G --python
    --source -s --extra -p --package --proxy --cache-dir --platform --implementation --abi --bin --profile -w
    --workspace --filter --dir -C --only-binary --no-binary""".split()
)
_PYPI_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)(?:\[[^\]]*\])?(?:[<>=!~@;].*)?")
_NPM_NAME = re.compile(r"(@[a-z0-9~-][a-z0-9._~-]*/[a-z0-9._~-]+|[a-z0-9~-][a-z0-9._~-]*)(?:@[^/]*)?", re.IGNORECASE)
_CRATE_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,63})(?:@.*)?")
_GO_MODULE = re.compile(r"([a-z0-9][a-z0-9.-]*\.[a-z]{2,}(?:/[\w.~-]+)+?)(?:/\.\.\.)?(?:@.*)?", re.IGNORECASE)
_FORMS = {"pypi": _PYPI_NAME, "npm": _NPM_NAME, "crates": _CRATE_NAME, "go": _GO_MODULE, "gems": _CRATE_NAME}
# Modules that left the standard library of Python, or came later than the Python that runs here.
_PYTHON_LIBRARY = sys.stdlib_module_names | set(
    """asynchat asyncore distutils imp smtpd compression annotationlib pathlib concurrent test tests __main__ __future__
    cgi cgitb chunk crypt imghdr mailcap msilib nis nntplib ossaudiodev pipes sndhdr spwd sunau telnetlib uu xdrlib
    ConfigParser Queue StringIO cPickle urllib2 urlparse httplib Tkinter""".split()
)
_NODE_LIBRARY = frozenset(
    """assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain
    events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl
    stream string_decoder sys test timers tls trace_events tty url util v8 vm wasi worker_threads zlib""".split()
)
_RUST_LIBRARY = frozenset(["std", "core", "alloc", "proc_macro", "test", "crate", "self", "super"])
# What authors call their own modules.
_OWN = re.compile(
    r"(?:(?:my(?!sql|py)|your|our)\w*|some|other|example|sample|demo|test|foo|bar|baz|hello|local|project|package|module|plugin|app|main"
    r"|src|lib|util|utils|helper|helpers|config|settings|models?|views?|urls|forms|admin|tasks|schemas?|database|db|api"
    r"|core|common|server|client|types|constants|conf|services?|routers?|tests|index|handlers?|errors|exceptions)"
    r"(?:s|\d+|[_-].*)?|.*(?:example|placeholder|your[_-]).*",
    re.IGNORECASE,
)

# Modules whose package has another name. Many others differ by a common prefix or ending, see names_compared().
_PACKAGE_OF = dict(
    pair.split("=")
    for pair in """
    airflow=apache-airflow attr=attrs bs4=beautifulsoup4 bson=pymongo cairo=pycairo Crypto=pycryptodome
    cv2=opencv-python dateutil=python-dateutil dns=dnspython docx=python-docx dotenv=python-dotenv fitz=pymupdf
    git=gitpython github=pygithub gi=pygobject gridfs=pymongo grpc=grpcio grpc_status=grpcio-status jose=python-jose
    jwt=pyjwt kafka=kafka-python ldap=python-ldap magic=python-magic memcache=python-memcached
    mpl_toolkits=matplotlib multipart=python-multipart MySQLdb=mysqlclient nacl=pynacl OpenSSL=pyopenssl pil=pillow
    PIL=pillow pkg_resources=setuptools pptx=python-pptx pylab=matplotlib pythoncom=pywin32
    rest_framework=djangorestframework ruamel=ruamel-yaml serial=pyserial sklearn=scikit-learn skimage=scikit-image
    slugify=python-slugify snappy=python-snappy socks=pysocks tlz=toolz umap=umap-learn usb=pyusb win32api=pywin32
    win32con=pywin32 wx=wxpython yaml=pyyaml zmq=pyzmq websocket=websocket-client telegram=python-telegram-bot
    discord=discord-py corsheaders=django-cors-headers debug_toolbar=django-debug-toolbar environ=django-environ
    crispy_forms=django-crispy-forms google=google-api-python-client azure=azure-core
    opentelemetry=opentelemetry-api""".split()
)


def names_in(language: str, code: str) -> tuple[tuple[str, str], ...]:
    """Return ((registry, name), …) of the packages that code in a language names, each once."""
    found: dict[tuple[str, str], None] = {}
    readers = {
        "Python": _python, "JavaScript": _script, "TypeScript": _script, "TSX": _script, "Vue": _script,
        "Astro": _script, "Go": _go, "Rust": _rust, "JSON": _package_json,
    }  # fmt: skip
    if language in readers:
        found |= dict.fromkeys(readers[language](code))
    if language in ("Bash", "Console", "PowerShell", "Dockerfile", "Python", "YAML", "Text"):
        found |= dict.fromkeys(_installed(code))
    return tuple(found)[:MAX_NAMES]


def _python(code: str) -> Iterator[tuple[str, str]]:
    for match in _PYTHON_IMPORT.finditer(code):
        words = [match[1]] if match[1] else [part.split()[0] for part in match[2].split(",") if part.split()]
        for word in words:
            name = word.partition(".")[0]
            if name not in _PYTHON_LIBRARY and not name.startswith("_") and not _OWN.fullmatch(name):
                yield "pypi", f"import {name}"


def _script(code: str) -> Iterator[tuple[str, str]]:
    for match in _SCRIPT_IMPORT.finditer(code):
        path = match[1] or match[2] or match[3] or ""
        # Addresses, aliases and modules of bundlers are no packages.
        if path.startswith((".", "/", "~", "#", "$", "@/", "@@/")) or ":" in path or "{" in path or "*" in path:
            continue
        parts = path.split("/")
        name = "/".join(parts[:2]) if path.startswith("@") else parts[0]
        if _NPM_NAME.fullmatch(name) and parts[0] not in _NODE_LIBRARY and not _is_own_script(name):
            yield "npm", name


def _is_own_script(name: str) -> bool:
    # A scope that is not one, such as @components/x, is an alias of the project.
    if name.startswith("@"):
        return bool(_OWN.fullmatch(name[1:].partition("/")[0])) or name.startswith(
            ("@components", "@layouts", "@assets")
        )
    return bool(_OWN.fullmatch(name)) or name in ("components", "layouts", "pages", "assets", "styles")


def _go(code: str) -> Iterator[tuple[str, str]]:
    for match in _GO_IMPORTS.finditer(code):
        for path in _GO_PATH.findall(match[1]) if match[1] else [match[2]]:
            # Only those of the standard library have no dot in their first part.
            if "." in path.partition("/")[0] and not _is_example_host(path):
                yield "go", path


def _is_example_host(path: str) -> bool:
    host, _, rest = path.partition("/")
    return bool(re.search(r"(?:^|\.)example(?:\.|$)", host)) or bool(
        re.match(r"(?:your|my|user(?:name)?\b|example|<)", rest, re.IGNORECASE)
    )


def _rust(code: str) -> Iterator[tuple[str, str]]:
    own = set(_RUST_OWN.findall(code))
    for match in _RUST_USE.finditer(code):
        name = match[1] or match[2]
        if name not in _RUST_LIBRARY and name not in own and not _OWN.fullmatch(name):
            yield "crates", name


def _package_json(code: str) -> Iterator[tuple[str, str]]:
    try:
        told = json.loads(code)
    except (ValueError, RecursionError):
        return
    for key in ("dependencies", "devDependencies", "peerDependencies") if isinstance(told, dict) else ():
        packages = told.get(key)
        for name, version in packages.items() if isinstance(packages, dict) else ():
            if _NPM_NAME.fullmatch(name) and not str(version).startswith(("workspace:", "file:", "link:", ".")):
                yield "npm", name


def _installed(code: str) -> Iterator[tuple[str, str]]:
    for match in _INSTALLS.finditer(re.sub(r"\\\n", " ", code)):
        words = match[1].split()
        registry = _REGISTRY_OF.get(re.sub(r"[\d.]+$", "", words[0]), "")
        for word in _arguments(match[2]):
            found = _FORMS[registry].fullmatch(word) if registry else None
            if found and not _is_local(word) and not _OWN.fullmatch(found[1]):
                yield registry, found[1]


def _arguments(words: str) -> Iterator[str]:
    try:
        parts = shlex.split(words)
    except ValueError:
        return
    skips = False
    for part in parts:
        if skips:
            skips = False
        elif part.startswith("-"):
            skips = part in _WITH_VALUE
        elif part in (">", ">>", "<", "\\", ")", "then"):
            return
        else:
            yield part


def _is_local(word: str) -> bool:
    return word.startswith((".", "/", "~", "$", "<", "git+", "http", "file:")) or word.endswith(
        (".whl", ".tgz", ".gz", ".zip", ".txt", ".gem", ".rb")
    )


def names_compared(registry: str, name: str) -> list[str]:
    """Return the forms of a name that a registry's list may have, as the registry compares names.

    A module of Python may come from a package with another name; a package of Go is in a module with a shorter one.
    """
    if registry == "go":
        parts = name.lower().split("/")
        return ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    if registry == "crates":
        return [name.lower().replace("_", "-")]
    if registry != "pypi":
        return [name.lower()]
    module = name.removeprefix("import ")
    plain = re.sub(r"[-_.]+", "-", module).lower()
    if module == name:
        return [plain]
    other = _PACKAGE_OF.get(module)
    affixes = [f"python-{plain}", f"py{plain}", f"{plain}-python", f"{plain}-py", f"django-{plain}", f"{plain}-sdk"]
    return [*([other] if other else []), plain, *affixes]
