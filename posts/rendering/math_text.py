"""Formulas in TeX as text that reads: Greek letters, signs, raised and lowered digits, fractions in a line.

What is not in the tables stays as it was written. Source of the names: https://www.ctan.org/pkg/short-math-guide.
"""

import re

MAX_FORMULA = 2000
_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ",
    "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω", "times": "×", "cdot": "·", "div": "÷", "pm": "±", "mp": "∓", "le": "≤", "leq": "≤",
    "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "equiv": "≡", "sim": "∼", "propto": "∝",
    "infty": "∞", "sum": "∑", "prod": "∏", "int": "∫", "partial": "∂", "nabla": "∇", "in": "∈", "notin": "∉",
    "subset": "⊂", "subseteq": "⊆", "cup": "∪", "cap": "∩", "emptyset": "∅", "forall": "∀", "exists": "∃",
    "neg": "¬", "land": "∧", "lor": "∨", "to": "→", "rightarrow": "→", "leftarrow": "←", "Rightarrow": "⇒",
    "Leftarrow": "⇐", "Leftrightarrow": "⇔", "mapsto": "↦", "ldots": "…", "cdots": "⋯", "dots": "…", "lfloor": "⌊",
    "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩", "mid": "|", "ll": "≪", "gg": "≫",
    "oplus": "⊕", "otimes": "⊗", "circ": "∘", "prime": "′", "ell": "ℓ", "hbar": "ℏ", "top": "⊤", "bot": "⊥",
    "quad": " ", "qquad": "  ", "left": "", "right": "", "displaystyle": "", "log": "log", "ln": "ln", "exp": "exp",
    "sin": "sin", "cos": "cos", "tan": "tan", "max": "max", "min": "min", "lim": "lim", "bmod": "mod", "arg": "arg",
}  # fmt: skip
# Commands that only style their words.
_LOOKS = "text|mathrm|mathbf|mathit|mathbb|mathcal|mathsf|operatorname|textbf|textit|mathtt|texttt|boldsymbol"
_RAISED = str.maketrans("0123456789+-=()in", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱⁿ")
_LOWERED = str.maketrans("0123456789+-=()aeijoruvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢⱼₒᵣᵤᵥₓ")
_HAS_LOOK = re.compile(rf"\\(?:{_LOOKS})\{{([^{{}}]*)\}}")
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}")
_ROOT = re.compile(r"\\sqrt\{([^{}]*)\}")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_SCRIPT = re.compile(r"([\^_])(?:\{([^{}]*)\}|(\w))")
_SPACES = re.compile(r"\\[,;:! ]")


def math_text(source: str) -> str:
    """Return the formula as a line, or lines where it has some, of plain text."""
    if len(source) > MAX_FORMULA:
        return source
    text = source
    # From the inside out; deeper nesting stays unchanged.
    for _ in range(8):
        before = text
        text = _HAS_LOOK.sub(r"\1", text)
        text = _FRACTION.sub(lambda found: f"{_grouped(found[1])}/{_grouped(found[2])}", text)
        text = _ROOT.sub(lambda found: f"√{_grouped(found[1])}", text)
        text = _SCRIPT.sub(_script, text)
        if text == before:
            break
    text = _COMMAND.sub(lambda found: _SYMBOLS.get(found[1], found[0]), _SPACES.sub(" ", text))
    text = text.replace("\\{", "{").replace("\\}", "}").replace("\\%", "%").replace("\\_", "_").replace("\\$", "$")
    return "\n".join(line.strip() for line in text.replace("\\\\", "\n").split("\n") if line.strip())


def _grouped(part: str) -> str:
    return part if re.fullmatch(r"\\?\w+", part.strip()) else f"({part})"


def _script(found: re.Match[str]) -> str:
    words = found[2] if found[2] is not None else found[3]
    letters = _RAISED if found[1] == "^" else _LOWERED
    if words and all(ord(character) in letters for character in words):
        return words.translate(letters)
    return f"{found[1]}{_grouped(words)}" if words.isalnum() or "\\" not in words else found[0]
